import { z } from 'zod';
import { zId, zList } from './envelope.ts';

/** In the agent's view: what its person has open beside it, the nearest first (docs.slack.dev, app_context_changed). */
export const zAppContext = z.object({ entities: zList }).catch({ entities: [] });

const KINDS: Record<string, string> = {
  'slack#/types/channel_id': 'channel',
  'slack#/types/canvas_id': 'canvas',
  'slack#/types/list_id': 'list',
};
const zEntity = z.object({ type: z.string(), value: zId });
const zOpenMessage = z.object({
  type: z.literal('slack#/types/message_context'),
  value: z.object({ channel_id: z.string().regex(/^\w{1,40}$/), message_ts: z.string().regex(/^\d{1,12}\.\d{1,9}$/) }),
});
const MOST_OPEN = 3;

/** What its person had open beside the conversation, as kinds and ids: nothing that anybody wrote. */
export function lookingAtOf({ entities }: z.infer<typeof zAppContext>): string | undefined {
  const open = entities.flatMap((each) => {
    const message = zOpenMessage.safeParse(each).data?.value;
    if (message) return [`message ${message.message_ts} in channel ${message.channel_id}`];
    const { type = '', value } = zEntity.safeParse(each).data ?? {};
    const kind = KINDS[type];
    return kind !== undefined && value !== undefined && /^\w{1,40}$/.test(value) ? [`${kind} ${value}`] : [];
  });
  return open.length === 0 ? undefined : open.slice(0, MOST_OPEN).join(', ');
}
