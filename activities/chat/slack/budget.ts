import { setTimeout as pause } from 'node:timers/promises';
import { asyncLocalStorage } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { holdTurns, takeTurn } from '#db/channel-turns.ts';
import type { Org } from '#db/client.ts';

/** "No more than one message per second per channel", short bursts let through: docs.slack.dev/apis/web-api/rate-limits (chat.postMessage). */
// A little slower than that: the way to Slack takes one message longer than the next.
const PACE = { everyMs: 1_100, burst: 3 };
/** Two turns are waited for while the step runs; more is left to Temporal, which holds nothing meanwhile. */
const MAX_WAIT_MS = 2_300;
/** A step has 30 tries (workflows/request.ts): a channel with a hundred answers to post must not use them up, so later ones are further apart. */
const PROMPT_TRIES = 5;
const MOST_APART_MS = 60_000;

/** Which try of its step this is; 1 where no step runs. */
export const tryNow = (): number => asyncLocalStorage.getStore()?.info.attempt ?? 1;

/** When a try that was asked to wait so long comes again. */
const apart = (askedMs: number): number =>
  Math.max(askedMs, Math.min(MOST_APART_MS, askedMs * Math.max(1, tryNow() - PROMPT_TRIES)));

/** A failure of a step that Temporal repeats after `againInMs`, as the platform or another process asks, or later. For the log it is no error. */
export const later = (why: string, againInMs: number, cause?: Error): ApplicationFailure =>
  ApplicationFailure.create({
    message: why,
    type: 'SlackLater',
    nextRetryDelay: Math.max(100, Math.ceil(apart(againInMs))),
    category: 'BENIGN',
    ...(cause ? { cause } : {}),
  });

/** A place in the channel's budget, shared by every process: how long to wait for it, in ms. Throws when it is too far away; no place is taken then. */
export async function turnIn(org: Org, { tenant, channel }: { tenant: string; channel: string }): Promise<number> {
  const turn = await takeTurn(org, { platform: 'slack', tenant, channel }, { ...PACE, maxWaitMs: MAX_WAIT_MS });
  if ('againInMs' in turn) throw later('the channel has had enough messages for now', turn.againInMs);
  return turn.waitMs;
}

/** Slack said that the channel had too many: nobody posts there for so long. */
export const holdChannel = (org: Org, { tenant, channel }: { tenant: string; channel: string }, ms: number) =>
  holdTurns(org, { platform: 'slack', tenant, channel }, PACE, ms);

export const waitFor = (ms: number): Promise<unknown> => (ms <= 0 ? Promise.resolve() : pause(ms));
