import { and, eq } from 'drizzle-orm';
import type { Database, Org } from '#db/client.ts';
import { downConnectionOf, lockConnection, type Connection } from '#db/connections.ts';
import { notify } from '#db/notify.ts';
import { readRun, showRun, type ToolCall } from '#db/runs.ts';
import { approvals } from '#db/schema/index.ts';
import { releaseThread } from '#db/threads.ts';
import { noteHealth } from './health.ts';

/** A call whose connection is down waits without holding anything; the health watch wakes it, and this long at most it looks again by itself. */
const LOOK_AGAIN_MS = 10 * 60_000;
const GIVE_UP_AFTER_MS = 24 * 3_600_000;
/** A check older than this says nothing about now. */
const CHECK_IS_OLD_MS = 3 * 60_000;

export type Parked =
  | { kind: 'parked'; againInMs: number }
  /** It was seen to work meanwhile. */
  | { kind: 'not_sent'; againInMs: number }
  | { kind: 'over'; text: string };

/** The last check found it down, a moment ago: asking it would be in vain. */
export const isKnownDown = ({ health, healthCheckedAt }: Connection): boolean =>
  health === 'down' && healthCheckedAt !== null && Date.now() - healthCheckedAt.getTime() < CHECK_IS_OLD_MS;

/** "Analytics is down since 12:01 UTC": in our words only. */
export const downText = ({ name, healthSince }: Pick<Connection, 'name' | 'healthSince'>): string =>
  `${name} is down since ${(healthSince ?? new Date()).toISOString().slice(11, 16)} UTC`;

/**
 * Lets a call wait until its connection works again, or says that it has waited a day. `connection`: as it was when the call was opened;
 * `why`: a sentence when the call itself found it down.
 */
export const park = (db: Database, call: ToolCall, connection: Connection, why: string | null): Promise<Parked> =>
  db.withOrg(call.orgId, async (org): Promise<Parked> => {
    const now = await lockConnection(org, connection.id);
    // The watch looked since this call was opened, and its wake-up may have come too early for us.
    const isSeenUp = now?.health === 'up' && now.healthCheckedAt?.getTime() !== connection.healthCheckedAt?.getTime();
    if (!now || isSeenUp) return { kind: 'not_sent', againInMs: 500 };
    const waitedMs = call.startedAt === null ? 0 : Date.now() - call.startedAt.getTime();
    if (waitedMs > GIVE_UP_AFTER_MS)
      return { kind: 'over', text: `${downText(now)}. It was waited for a day, so it was not run. Ask again.` };
    await show(org, call, now.health === 'down' ? now : { ...now, healthSince: new Date() });
    if (why !== null) await noteHealth(org, now, { health: 'down', text: why });
    return { kind: 'parked', againInMs: LOOK_AGAIN_MS };
  });

export const showParked = (org: Org, runId: string, connection: Pick<Connection, 'name' | 'healthSince'>) =>
  showRun(org, runId, 'waiting', `${downText(connection)}; waiting, it will go on by itself`.slice(0, 300));

async function show(org: Org, call: ToolCall, connection: Connection): Promise<void> {
  const run = await readRun(org, call.runId);
  await showParked(org, run.id, connection);
  // Meanwhile the thread is free for other requests (RULES R2).
  await releaseThread(org, run.threadId, run.id);
  await notify(org, { runId: run.id, threadId: run.threadId });
}

/** Another call of the turn may still wait for people: then that is what the run does. */
export async function showIfWaiting(org: Org, runId: string): Promise<void> {
  const [pending] = await org.tx
    .select({ tool: approvals.tool, summary: approvals.summary })
    .from(approvals)
    .where(and(eq(approvals.orgId, org.id), eq(approvals.runId, runId), eq(approvals.status, 'pending')))
    .limit(1);
  if (pending)
    return void (await showRun(
      org,
      runId,
      'waiting',
      `Waits for approval of ${pending.tool}: ${pending.summary}`.slice(0, 300),
    ));
  const down = await downConnectionOf(org, runId);
  if (down) await showParked(org, runId, down);
}
