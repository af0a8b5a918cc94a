import { z } from 'zod';
import type { Meta } from '#activities/chat/render/slack/index.ts';
import { isId } from '#core/ids.ts';
import type { ApprovalView } from '#db/views/index.ts';
import { cardAt } from '#bots/slack/click.ts';

/** What a card's modal remembers: ids and a hash, which the submit checks against the rows again. */
const zCardMeta = z.object({
  approvalId: z.string().refine(isId),
  channel: z.string().min(1),
  ts: z.string().min(1),
  sha: z.string().min(1),
});
type CardMeta = z.infer<typeof zCardMeta>;

export function metaOf(
  click: Parameters<typeof cardAt>[0],
  { view, shownSha256 }: { view: Pick<ApprovalView, 'id'>; shownSha256: string },
): Meta {
  const { channel, message } = cardAt(click, view.id);
  return { approvalId: view.id, channel, ts: message, sha: shownSha256 } satisfies CardMeta;
}

/** What a modal of ours carried; null: it is none of ours. */
export function readMeta<T>(schema: z.ZodType<T>, privateMetadata: string): T | null {
  try {
    return schema.safeParse(JSON.parse(privateMetadata)).data ?? null;
  } catch {
    return null;
  }
}
export const readCardMeta = (privateMetadata: string): CardMeta | null => readMeta(zCardMeta, privateMetadata);

/** The place of the card that the modal was opened from. */
export const placeOf = (tenant: string, { channel, ts }: CardMeta) => ({
  platform: 'slack' as const,
  tenant,
  channel,
  message: ts,
});
