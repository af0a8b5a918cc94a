import { and, asc, eq, isNotNull, isNull, lte, ne, or, sql, type SQL } from 'drizzle-orm';
import type { ThreadRef } from '#core/chat.ts';
import type { Database, Org } from './client.ts';
import { runs, slackLive, slackPeople, threads } from './schema/index.ts';
import type { LiveShown } from './schema/slack.ts';

export type LiveRow = typeof slackLive.$inferSelect;
/** A live message as it is now; ages in ms by the database's clock, so that processes agree on them. */
export interface LiveNow {
  row: LiveRow;
  /** How long the run is there. */
  runAgeMs: number;
  streamAgeMs: number | null;
  sessionAgeMs: number | null;
  /** Until it may be touched again; 0: now. */
  waitMs: number;
  /** It should have been looked at by now. */
  isDue: boolean;
  /** What other runs of the thread do, as far as they are shown. */
  others: ('working' | 'waiting')[];
  title: string;
  /** The workspace of the person who asked: not always the one the app is installed in. */
  teamId: string | null;
}

const ageOf = (column: SQL | typeof slackLive.sessionAt | typeof slackLive.streamStartedAt | typeof runs.createdAt) =>
  sql<number | null>`(extract(epoch from clock_timestamp() - ${column}) * 1000)::float8`;
const isLive = (org: Org, runId: string) => and(eq(slackLive.orgId, org.id), eq(slackLive.runId, runId));
const inMs = (ms: number): SQL => sql`clock_timestamp() + make_interval(secs => ${ms / 1000})`;

/** Locks the live message of a run until commit. `make`: there is one from now on. */
export async function lockLive(
  org: Org,
  { runId, where, askedBy }: { runId: string; where: ThreadRef; askedBy: string | null },
  { make }: { make: boolean },
): Promise<LiveNow | null> {
  const { tenant, channel, thread } = where;
  if (make)
    await org.tx
      .insert(slackLive)
      .values({ orgId: org.id, runId, tenant, channel, thread, nextShowAt: new Date(0), updatedAt: new Date() })
      .onConflictDoNothing();
  const [found] = await org.tx
    .select({
      row: slackLive,
      runAgeMs: ageOf(runs.createdAt),
      streamAgeMs: ageOf(slackLive.streamStartedAt),
      sessionAgeMs: ageOf(slackLive.sessionAt),
      waitMs: sql<number>`greatest(0, extract(epoch from ${slackLive.nextShowAt} - clock_timestamp()) * 1000)::float8`,
      isDue: sql<boolean>`coalesce(${slackLive.dueAt} <= clock_timestamp(), false)`,
      title: threads.title,
      teamId: sql<
        string | null
      >`(select ${slackPeople.teamId} from ${slackPeople} where ${slackPeople.orgId} = ${org.id}
        and ${slackPeople.tenant} = ${tenant} and ${slackPeople.externalId} = ${askedBy})`,
    })
    .from(slackLive)
    .innerJoin(runs, and(eq(runs.orgId, slackLive.orgId), eq(runs.id, slackLive.runId)))
    .innerJoin(threads, and(eq(threads.orgId, runs.orgId), eq(threads.id, runs.threadId)))
    .where(isLive(org, runId))
    .for('update', { of: slackLive });
  if (!found) return null;
  const others = await org.tx
    .select({ state: sql<LiveShown['state'] | null>`${slackLive.shown} ->> 'state'` })
    .from(slackLive)
    .where(
      and(
        eq(slackLive.orgId, org.id),
        eq(slackLive.tenant, tenant),
        eq(slackLive.channel, channel),
        eq(slackLive.thread, thread),
        ne(slackLive.runId, runId),
        isNull(slackLive.closedAt),
      ),
    );
  return {
    ...found,
    runAgeMs: found.runAgeMs ?? 0,
    others: others.flatMap(({ state }) => (state === 'working' || state === 'waiting' ? [state] : [])),
  };
}

/**
 * Takes the live message for a while: nobody else touches it until the lease is over or `storeLive` was called. Gives what `storeLive` needs. Its place
 * follows the thread's, which may have moved (a thread that is not there yet).
 */
export async function leaseLive(
  org: Org,
  runId: string,
  { where, shown, leaseMs }: { where: ThreadRef; shown: LiveShown | null; leaseMs: number },
): Promise<Date> {
  const { tenant, channel, thread } = where;
  const [row] = await org.tx
    .update(slackLive)
    .set({ tenant, channel, thread, shown, nextShowAt: inMs(leaseMs), updatedAt: sql`now()` })
    .where(isLive(org, runId))
    .returning({ until: slackLive.nextShowAt });
  if (!row) throw new Error('live message vanished');
  return row.until;
}

export interface LiveEnd {
  mode: LiveRow['mode'];
  ts: string | null;
  shown: LiveShown | null;
  /** The session's status; left out: it was not told just now. */
  session?: string | null;
  /** The stream began just now, or (false) is over; left out: as it was. */
  streamStarted?: boolean;
  attempts: number;
  /** Not to be touched before. */
  nextInMs: number;
  /** To be looked at then although nothing changes; null: no need to. */
  dueInMs: number | null;
  isClosed: boolean;
}

/** Stores what Slack shows now, and gives the lease back. False: the lease was over, and another process goes on. */
export async function storeLive(org: Org, runId: string, lease: Date, end: LiveEnd): Promise<boolean> {
  const stored = await org.tx
    .update(slackLive)
    .set({
      mode: end.mode,
      ts: end.ts,
      shown: end.shown,
      ...(end.session === undefined ? {} : { session: end.session, sessionAt: sql`clock_timestamp()` }),
      ...(end.streamStarted === undefined
        ? {}
        : { streamStartedAt: end.streamStarted ? sql`clock_timestamp()` : null }),
      attempts: end.attempts,
      nextShowAt: inMs(end.nextInMs),
      dueAt: end.dueInMs === null ? null : inMs(end.dueInMs),
      closedAt: end.isClosed ? sql`now()` : null,
      updatedAt: sql`now()`,
    })
    .where(and(isLive(org, runId), eq(slackLive.nextShowAt, lease)))
    .returning({ id: slackLive.id });
  return stored.length === 1;
}

/** When the sweeper looks at it, unless somebody shows it before. 'next': as soon as it may be touched. */
export const setDue = (org: Org, runId: string, due: number | 'next' | null): Promise<unknown> =>
  org.tx
    .update(slackLive)
    .set({ dueAt: due === 'next' ? sql`${slackLive.nextShowAt}` : due === null ? null : inMs(due) })
    .where(isLive(org, runId));

/**
 * Live messages that nobody keeps up, across orgs: those of ended runs, and those that should have been looked at a while ago. Where the process that
 * worked for a run is gone, this keeps its session alive and ends its stream in time.
 */
export const unseenLive = (db: Database, limit: number): Promise<{ orgId: string; runId: string }[]> =>
  db.withSystem('find live messages that were left open', (tx) =>
    tx
      .select({ orgId: slackLive.orgId, runId: slackLive.runId })
      .from(slackLive)
      .innerJoin(runs, and(eq(runs.orgId, slackLive.orgId), eq(runs.id, slackLive.runId)))
      .where(
        and(
          isNull(slackLive.closedAt),
          lte(slackLive.nextShowAt, sql`now()`),
          or(isNotNull(runs.endedAt), lte(slackLive.dueAt, sql`now() - interval '7 seconds'`)),
        ),
      )
      .orderBy(asc(slackLive.nextShowAt))
      .limit(limit),
  );
