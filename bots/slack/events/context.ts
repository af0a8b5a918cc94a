import { z } from 'zod';
import { HEARD, rowOf, type Ear } from '#bots/slack/ears.ts';
import { zId } from '#bots/slack/envelope.ts';

const zChanged = z.object({ user: zId });

/**
 * Somebody looks at something else beside the agent's view. It starts nothing, and nothing of it is kept but that it came: what they look at when they ask
 * comes with the message itself (`app_context`), and Slack names nobody here at times.
 */
export const contextEar: Ear = {
  types: ['app_context_changed'],
  hear: async ({ deps }, heard) => {
    await deps.client.note(rowOf(heard, 'ignored', 'app_context_changed', zChanged.parse(heard.event).user));
    return HEARD;
  },
};
