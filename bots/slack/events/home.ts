import { z } from 'zod';
import { HEARD, rowOf, type Ear } from '#bots/slack/ears.ts';
import { zId } from '#bots/slack/envelope.ts';
import { SUGGESTED_PROMPTS } from '#bots/slack/prompts.ts';

const zOpened = z.object({ user: zId, channel: zId, tab: zId });

/** Somebody opened the app: its home is drawn for them, or its messages begin with what one can ask. */
export const homeEar: Ear = {
  types: ['app_home_opened'],
  hear: async ({ deps, later }, heard) => {
    const { user, channel, tab } = zOpened.parse(heard.event);
    const { orgId, tenant } = heard.at;
    const { isReplay } = await deps.client.note(rowOf(heard, 'command', 'app_home_opened', user));
    if (isReplay || user === undefined) return HEARD;
    if (tab === 'home') later.add(() => deps.client.openHome({ orgId, tenant, externalId: user }));
    if (tab === 'messages' && channel !== undefined)
      later.add(() =>
        deps.slack.call({ orgId, tenant }, 'assistant.threads.setSuggestedPrompts', {
          channel_id: channel,
          title: SUGGESTED_PROMPTS.title,
          prompts: SUGGESTED_PROMPTS.prompts,
        }),
      );
    return HEARD;
  },
};
