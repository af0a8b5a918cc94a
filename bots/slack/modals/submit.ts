import { z } from 'zod';
import { noticeModal } from '#activities/chat/render/slack/index.ts';
import type { Sender } from '#core/chat.ts';
import type { Actor } from '#core/roles.ts';
import type { Answer, SlackBotDeps } from '#bots/slack/deps.ts';
import type { Values } from '#bots/slack/payloads.ts';

/** A modal that was submitted: by whom, with what typed into it, and the ids it carries. */
export interface Submit {
  orgId: string;
  tenant: string;
  userId: string;
  actor: Actor;
  /** As a request of theirs names them. */
  sender: Sender;
  /** The key that the delivery is stored under (RULES I2). */
  sourceKey: string;
  values: Values;
  privateMetadata: string;
}
export type OnSubmit = (deps: SlackBotDeps, submit: Submit) => Promise<Answer>;

/** The modal closes. */
export const closed: Answer = { status: 200 };

/** The modal says something instead; only its own person sees it. */
export const notice = (title: string, text: string): Answer => ({
  status: 200,
  body: { response_action: 'update', view: noticeModal(title, text) },
});

const zShown = z.union([
  z.object({ response_action: z.literal('update'), view: z.looseObject({}) }).transform(({ view }) => view),
  z
    .object({ response_action: z.literal('errors'), errors: z.record(z.string(), z.string()) })
    .transform(({ errors }) => noticeModal('Not done', Object.values(errors).join(' '))),
]);

/** What an answer would have shown, as a window of its own; undefined: nothing, since all went well. */
export const shownBy = (body: unknown): object | undefined => zShown.safeParse(body).data;

/** What is wrong, beside the fields: block id → sentence. */
export const fieldErrors = (errors: Record<string, string>): Answer => ({
  status: 200,
  body: { response_action: 'errors', errors },
});

export const stale = (): Answer => notice('Out of date', 'This window is out of date. Close it and open it again.');
