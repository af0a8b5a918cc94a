import { z } from 'zod';
import type { PlatformApi } from '#core/chat.ts';
import { PlatformFailure } from '#core/errors.ts';
import { readAnswer } from './answer.ts';

export const EVENT_TYPE = 'abetworks_post';
/** Our clock and Slack's may differ: with more than 5 minutes between them nothing is heard from Slack at all. */
const CLOCK_SKEW_MS = 6 * 60_000;
/** conversations.replies and .history take up to 999, and 15 for some apps: docs.slack.dev/reference/methods/conversations.replies. */
const PAGE = 200;
const MAX_PAGES = 20;

const zFound = z.object({
  messages: z
    .array(
      z.object({
        ts: z.string(),
        metadata: z
          .object({
            event_type: z.string(),
            event_payload: z.object({ key: z.string(), part: z.number() }).partial().catch({}),
          })
          .optional()
          .catch(undefined),
        files: z
          .array(z.object({ name: z.string().nullable().optional() }))
          .optional()
          .catch(undefined),
      }),
    )
    .default([]),
  response_metadata: z.object({ next_cursor: z.string().optional() }).optional(),
});
type Message = z.infer<typeof zFound>['messages'][number];

export interface Wanted {
  tenant: string;
  channel: string;
  /** The root's ts; null: the message stands by itself. */
  threadTs: string | null;
  /** When it was first meant to be posted. */
  since: Date;
}

/** The metadata under which a post is found again: ids only. */
export const metadataOf = (key: string, part: number) => ({ event_type: EVENT_TYPE, event_payload: { key, part } });

/** Whether this very post is in Slack: its ts, or null when it is not among the messages since it was intended. Throws `PlatformFailure`. */
export const findPosted = (slack: PlatformApi, orgId: string, at: Wanted, key: string, part: number) =>
  findMessage(
    slack,
    orgId,
    at,
    ({ metadata }) =>
      metadata?.event_type === EVENT_TYPE && metadata.event_payload.key === key && metadata.event_payload.part === part,
  );

/** The message that shows a file of this name; a file's own name is unique. */
export const findShared = (slack: PlatformApi, orgId: string, at: Wanted, name: string) =>
  findMessage(slack, orgId, at, ({ files }) => files?.some((file) => file.name === name) ?? false);

async function findMessage(
  slack: PlatformApi,
  orgId: string,
  { tenant, channel, threadTs, since }: Wanted,
  isIt: (message: Message) => boolean,
): Promise<string | null> {
  const method = threadTs === null ? 'conversations.history' : 'conversations.replies';
  const args = {
    channel,
    oldest: tsOf(since.getTime() - CLOCK_SKEW_MS),
    inclusive: true,
    include_all_metadata: true,
    limit: PAGE,
    ...(threadTs === null ? {} : { ts: threadTs }),
  };
  let cursor = '';
  for (let page = 1; page <= MAX_PAGES; page += 1) {
    const answer = readAnswer(
      zFound,
      await slack.call({ orgId, tenant }, method, { ...args, ...(cursor ? { cursor } : {}) }),
    );
    const found = answer.messages.find(isIt);
    if (found) return found.ts;
    cursor = answer.response_metadata?.next_cursor ?? '';
    if (!cursor) return null;
  }
  // Not seen to the end: it cannot be said that it is not there.
  throw new PlatformFailure('unclear', 'too_many_messages');
}

const tsOf = (ms: number): string => (Math.max(0, ms) / 1000).toFixed(6);
