import { z } from 'zod';
import { errorText, PlatformFailure } from '#core/errors.ts';
import type { SlackBotDeps } from './deps.ts';
import { within } from './later.ts';
import type { Where } from './people.ts';
import { isDirect, type Placed } from './said.ts';

/** What a channel is counts this long: a group conversation can be made a channel. */
const FRESH_MS = 10 * 60_000;
const MOST_CACHED = 5_000;
/** How long Slack is waited for: the message itself must be acknowledged within 3 s. */
const WAIT_MS = 1_500;

const zTold = z.boolean().optional().catch(undefined);
const zInfo = z.object({ channel: z.object({ is_im: zTold, is_mpim: zTold }).catch({}) });

export type Channels = ReturnType<typeof createChannels>;

/** Who reads along where something is said? Its `message` tells, its `app_mention` does not, and a group conversation's id may look like a channel's. */
export function createChannels({ slack, log, now = Date.now }: Pick<SlackBotDeps, 'slack' | 'log' | 'now'>) {
  const cached = new Map<string, { isDirect: boolean | null; until: number }>();

  function keep(key: string, isDirect: boolean | null): boolean | null {
    if (cached.size >= MOST_CACHED) cached.clear();
    cached.set(key, { isDirect, until: now() + FRESH_MS });
    return isDirect;
  }

  async function ask({ orgId, tenant }: Where, channel: string, key: string): Promise<boolean | null> {
    try {
      const answer = zInfo.parse(await slack.call({ orgId, tenant }, 'conversations.info', { channel }));
      const { is_im, is_mpim } = answer.channel;
      return keep(key, is_im || is_mpim ? true : is_mpim === undefined ? null : false);
    } catch (error) {
      log.warn({ tenant, error: errorText(error) }, 'Slack did not say what a channel is');
      // A missing scope stays missing for a while; an outage may end at once.
      return error instanceof PlatformFailure && error.kind === 'refused' ? keep(key, null) : null;
    }
  }

  return {
    /** Whether it is said between a few people and nobody else; null: nothing tells, and Slack cannot say now. */
    isDirect: async (at: Where, said: Pick<Placed, 'channel' | 'channel_type'>): Promise<boolean | null> => {
      const { channel, channel_type } = said;
      const key = `${at.tenant} ${channel}`;
      if (channel_type !== undefined) return keep(key, isDirect(said));
      if (isDirect(said)) return true;
      const known = cached.get(key);
      if (known && known.until > now()) return known.isDirect;
      return within(ask(at, channel, key), WAIT_MS, null);
    },
  };
}
