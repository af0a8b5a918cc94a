import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { PlatformApi, RunProgress } from '#core/chat.ts';
import type { Database, Org } from '#db/client.ts';
import { readProgress } from '#db/progress.ts';
import type { LiveShown } from '#db/schema/slack.ts';
import { leaseLive, lockLive, setDue, storeLive, type LiveEnd, type LiveNow } from '#db/slack-live.ts';
import { turnIn, waitFor } from './budget.ts';
import { dueIn, LIVE_TIMES, planLive, SESSION, type LivePlan, type LiveTimes } from './live-plan.ts';
import { createRefusals, tellSlack, type Told } from './live-tell.ts';

export { LIVE_TIMES, type LiveTimes } from './live-plan.ts';

/** Tries in a row, after which a run that has ended is left as it is. */
const MAX_ATTEMPTS = 10;
const MAX_BACKOFF_MS = 60_000;

interface Turn {
  lease: Date;
  now: LiveNow;
  plan: LivePlan;
  progress: RunProgress;
  /** The channel takes a post then. */
  postInMs: number;
}

/**
 * Shows a run in its Slack thread while it works: the session's status and a line beside the app's name; once there is something to tell, a streamed
 * message with its steps, or one that is edited. What it shows is read from the database each time, under a lease that also keeps the pace for all
 * processes. Never throws for Slack's sake. `times`: shorter ones, for tests.
 */
export function createLive({
  db,
  slack,
  log,
  times: wanted = {},
}: {
  db: Database;
  slack: PlatformApi;
  log: Logger;
  times?: Partial<LiveTimes>;
}): (orgId: string, progress: Pick<RunProgress, 'runId'>) => Promise<void> {
  const times: LiveTimes = { ...LIVE_TIMES, ...wanted };
  const refusals = createRefusals(times.forgetMs);
  const rules = (orgId: string, tenant: string) => ({
    times,
    can: (method: string) => refusals.can(`${orgId} ${tenant}`, method),
  });

  return async function show(orgId, { runId }) {
    const giveUpAt = performance.now() + times.waitMs;
    for (;;) {
      const turn = await db.withOrg(orgId, (org) => takeTurn(org, runId, giveUpAt - performance.now()));
      if (turn === null) return;
      if ('waitMs' in turn) {
        await pause(turn.waitMs, undefined, { ref: false });
        continue;
      }
      await waitFor(turn.postInMs);
      const told = await tellSlack({ slack, refusals, log }, { orgId, ...turn });
      const isStored = await db.withOrg(orgId, (org) => storeLive(org, runId, turn.lease, endOf(orgId, turn, told)));
      if (!isStored) log.warn({ orgId, runId }, 'live: shown too late, another process goes on');
      if (!isStored || told.message.goesOn !== true) return;
    }
  };

  /** Null: there is nothing to do, or not soon enough to wait for. */
  async function takeTurn(org: Org, runId: string, maxWaitMs: number): Promise<Turn | { waitMs: number } | null> {
    const progress = await readProgress(org, runId);
    if (!progress || !isThere(progress)) return null;
    const now = await lockLive(org, progress, { make: progress.state !== 'ended' });
    if (!now) return null;
    const rule = rules(org.id, progress.where.tenant);
    const plan = planLive(now, progress, rule);
    if (!plan) {
      if (now.isDue && !now.row.closedAt) await setDue(org, runId, dueIn(now, progress.state, rule));
      return null;
    }
    if (now.waitMs > 0 && now.waitMs <= maxWaitMs) return { waitMs: Math.ceil(now.waitMs) };
    if (now.waitMs > 0) {
      await setDue(org, runId, 'next');
      return null;
    }
    const postInMs = plan.message?.kind === 'post' ? await placeFor(org, progress) : 0;
    if (postInMs === null) {
      await setDue(org, runId, 'next');
      return null;
    }
    const shown = plan.message?.kind === 'post' ? posting(now.row.shown, plan) : now.row.shown;
    const lease = await leaseLive(org, runId, { where: progress.where, shown, leaseMs: times.leaseMs });
    return { lease, now, plan, progress, postInMs };
  }

  function endOf(orgId: string, { now, plan, progress }: Turn, told: Told): LiveEnd {
    const { runId, state } = progress;
    const parts = [told.message, told.session, told.status];
    const failed = parts.filter((part) => !part.isDone);
    const attempts = failed.length === 0 || told.message.goesOn ? 0 : now.row.attempts + 1;
    const isGivenUp = state === 'ended' && attempts >= MAX_ATTEMPTS;
    if (isGivenUp) log.error({ orgId, runId, alert: true }, 'dead letter: a live message cannot be closed');
    const isClosed = state === 'ended' && (failed.length === 0 || isGivenUp);
    const rule = rules(orgId, progress.where.tenant);
    const nextInMs = nextIn(told, attempts);
    const { isDone: _, ...message } = told.message;
    const wasStatusTold = told.status.isDone && plan.status !== null;
    const isSessionFresh = told.session.wasTold || (wasStatusTold && !rule.can(SESSION));
    const ages = {
      sessionAgeMs: isSessionFresh ? 0 : now.sessionAgeMs,
      streamAgeMs: message.mode !== 'stream' ? null : message.streamStarted ? 0 : now.streamAgeMs,
    };
    return {
      mode: message.mode,
      ts: message.ts,
      ...(message.streamStarted !== undefined && { streamStarted: message.streamStarted }),
      ...(isSessionFresh && { session: told.session.wasTold ? plan.session : now.row.session }),
      shown: isClosed ? null : shownNow(now.row.shown, plan, told),
      attempts,
      nextInMs,
      dueInMs: failed.length > 0 ? nextInMs : dueIn(ages, state, rule),
      isClosed,
    };
  }

  function nextIn(told: Told, attempts: number): number {
    if (told.message.goesOn) return 0;
    const asked = [told.message, told.session, told.status].map((part) => (part.isDone ? 0 : (part.retryAfterMs ?? 0)));
    const backoffMs = Math.min(MAX_BACKOFF_MS, times.pauseMs * 2 ** Math.max(0, attempts - 1));
    return Math.max(...asked, backoffMs);
  }
}

/** A post needs a place in the channel's budget; null: there is none for now, and what is waited for more may have it. */
const placeFor = (org: Org, { where }: RunProgress): Promise<number | null> => turnIn(org, where).catch(() => null);

/** A thread that nothing was posted to yet has no place to show anything in. */
const isThere = ({ where }: RunProgress): boolean =>
  where.platform === 'slack' && /^\d+\.\d+$/.test(where.thread) && !where.channel.startsWith('U');

const NOTHING: LiveShown = { state: 'working', text: '', steps: [], status: '', settled: [], messages: 0 };

/** Written before a message is posted: should its answer be lost, it is looked for instead of posted again. */
const posting = (before: LiveShown | null, { shown }: LivePlan): LiveShown => ({
  ...(before ?? NOTHING),
  messages: shown.messages,
  isPosting: true,
});

function shownNow(before: LiveShown | null, plan: LivePlan, told: Told): LiveShown {
  const status = told.status.isDone ? plan.shown.status : (before?.status ?? '');
  if (told.message.isDone) return { ...plan.shown, status };
  const kept = plan.message?.kind === 'post' ? posting(before, plan) : (before ?? NOTHING);
  return { ...kept, state: plan.shown.state, status };
}
