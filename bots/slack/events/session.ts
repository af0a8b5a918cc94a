import { z } from 'zod';
import { HEARD, rowOf, type Ear } from '#bots/slack/ears.ts';
import { zId, zTs } from '#bots/slack/envelope.ts';

const zStopped = z.object({ user: zId, channel: zId, thread_ts: zTs });

/** Slack's own Stop button: everything under way in the thread that this person may stop (RULES R5). */
export const sessionEar: Ear = {
  types: ['agent_session_stopped'],
  hear: async ({ deps: { client } }, heard) => {
    const { user, channel, thread_ts } = zStopped.parse(heard.event);
    const { tenant } = heard.at;
    const row = rowOf(heard, 'command', 'agent_session_stopped', user);
    const found =
      user !== undefined && channel !== undefined && thread_ts !== undefined
        ? { ...(await client.findActor({ platform: 'slack', tenant, externalId: user })), channel, thread_ts }
        : undefined;
    if (found && 'actor' in found) {
      const where = { platform: 'slack', tenant, channel: found.channel, thread: found.thread_ts } as const;
      await client.stopThread(found.actor, where, row);
    } else await client.note(found ? { ...row, outcome: 'refused', reason: found.reason } : row);
    return HEARD;
  },
};
