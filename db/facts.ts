import { sql, type SQL } from 'drizzle-orm';
import type { Database, Tx } from './client.ts';

// What metrics say about the database: counts and times, never an id or a text. Every query walks an index and is cut off after a second and a half.

const CUT_OFF_MS = 1_500;
/** Rows are counted once they are this old: a transaction under way when we look must not slip through. */
const SETTLE_MS = 5_000;
/** Of what happened while nobody asked, at most this much is caught up with. */
const CATCH_UP_MS = 3_600_000;

type Count<L extends string> = Record<L, string> & { n: number };

/** How things stand. Ages in seconds, 0 when there is nothing. */
export interface Standing {
  activeRuns: Count<'status'>[];
  pendingApprovals: { n: number; oldestSeconds: number };
  /** Of the last hour, and those of any age that are still open. */
  effects: Count<'state'>[];
  /** What waits for the sweeper (RULES S1). */
  backlog: (Count<'kind'> & { oldestSeconds: number })[];
  connections: Count<'state'>[];
}

/** What happened between two looks. */
export interface Happened {
  createdRuns: number;
  endedRuns: { status: string; seconds: number }[];
  /** Seconds from being stored to being started: how far the inbox is behind. */
  startLags: number[];
  decided: Count<'status'>[];
  modelCalls: (Count<'provider' | 'model' | 'outcome'> & {
    input: number;
    cached: number;
    output: number;
    costNanos: number;
    /** Calls whose price is not known. */
    unpriced: number;
  })[];
}

export interface Facts {
  standing(): Promise<Standing>;
  /** Everything since the last time it was asked; the first time, since it was made. */
  happened(): Promise<Happened>;
}

export function createFacts(db: Database, { settleMs = SETTLE_MS }: { settleMs?: number } = {}): Facts {
  let lookedAt = Date.now() - settleMs;
  return {
    standing: async () => {
      const connections = await db.global.execute<Count<'state'>>(
        sql`select coalesce(state, 'unknown') as state, count(*)::int as n from pg_stat_activity where application_name = 'abetworks' and datname = current_database() group by 1`,
      );
      return { ...(await inTime(db, 'count what waits', readStanding)), connections: [...connections] };
    },
    happened: async () => {
      const until = Date.now() - settleMs;
      const since = Math.max(lookedAt, until - CATCH_UP_MS);
      const found = await inTime(db, 'count what happened', (tx) => readHappened(tx, new Date(since), new Date(until)));
      lookedAt = until;
      return found;
    },
  };
}

const inTime = <T>(db: Database, reason: string, fn: (tx: Tx) => Promise<T>): Promise<T> =>
  db.withSystem(reason, async (tx) => {
    await tx.execute(sql`select set_config('statement_timeout', ${`${CUT_OFF_MS}`}, true)`);
    return fn(tx);
  });

/** The same query for each org, so that it walks the org's index. */
const eachOrg = (query: SQL): SQL => sql`orgs o cross join lateral (${query}) x`;
const age = (column: SQL): SQL => sql`coalesce(extract(epoch from now() - min(${column})), 0)::float8`;

async function readStanding(tx: Tx): Promise<Omit<Standing, 'connections'>> {
  const [pending] = await tx.execute<{ n: number; oldest: number }>(
    sql`select count(*)::int as n, ${age(sql`created_at`)} as oldest from approvals where status = 'pending'`,
  );
  return {
    activeRuns: [
      ...(await tx.execute<Count<'status'>>(
        sql`select status, count(*)::int as n from runs where status in ('running', 'waiting') group by 1`,
      )),
    ],
    pendingApprovals: { n: pending?.n ?? 0, oldestSeconds: pending?.oldest ?? 0 },
    effects: [
      ...(await tx.execute<Count<'state'>>(sql`
        select state, sum(n)::int as n from ${eachOrg(sql`
          select e.state, count(*) as n from effects e where e.org_id = o.id and e.created_at > now() - interval '1 hour' group by 1
          union all
          select e.state, count(*) as n from effects e where e.org_id = o.id and e.state in ('intended', 'ambiguous') and e.created_at <= now() - interval '1 hour' group by 1`)}
        group by 1`)),
    ],
    backlog: [
      await readBacklog(
        tx,
        'not_started',
        sql`select count(*)::int as n, ${age(sql`created_at`)} as oldest from runs where status = 'running' and started_at is null`,
      ),
      await readBacklog(
        tx,
        'not_signalled',
        sql`select count(*)::int as n, ${age(sql`decided_at`)} as oldest from approvals where signalled_at is null and status <> 'pending'`,
      ),
      await readBacklog(
        tx,
        'not_stopped',
        sql`select count(*)::int as n, ${age(sql`stop_requested_at`)} as oldest from runs where status in ('running', 'waiting') and stop_requested_at is not null`,
      ),
      await readBacklog(
        tx,
        'card_not_edited',
        // Of the last day: older ones were given up, and told so in the log.
        sql`select coalesce(sum(n), 0)::int as n, ${age(sql`oldest`)} as oldest from ${eachOrg(sql`
          select count(*) as n, min(a.decided_at) as oldest from approvals a join approval_cards c on c.org_id = a.org_id and c.approval_id = a.id
          where a.org_id = o.id and a.status <> 'pending' and a.decided_at > now() - interval '1 day' and c.shows <> a.status`)}`,
      ),
    ],
  };
}

async function readBacklog(tx: Tx, kind: string, query: SQL): Promise<Standing['backlog'][number]> {
  const [row] = await tx.execute<{ n: number; oldest: number }>(query);
  return { kind, n: row?.n ?? 0, oldestSeconds: row?.oldest ?? 0 };
}

async function readHappened(tx: Tx, from: Date, to: Date): Promise<Happened> {
  const within = (column: SQL): SQL =>
    sql`${column} > ${from.toISOString()}::timestamptz and ${column} <= ${to.toISOString()}::timestamptz`;
  // Only rows made not long before can have been started, or have ended, just now: their index is by the time they were made.
  const madeLately = (column: SQL): SQL => sql`${column} > ${from.toISOString()}::timestamptz - interval '1 hour'`;
  const [created] = await tx.execute<{ n: number }>(
    sql`select coalesce(sum(n), 0)::int as n from ${eachOrg(sql`select count(*) as n from runs r where r.org_id = o.id and ${within(sql`r.created_at`)}`)}`,
  );
  const ended = await tx.execute<{ status: string; seconds: number }>(
    sql`select status, seconds from ${eachOrg(sql`select r.status, extract(epoch from r.ended_at - r.created_at)::float8 as seconds from runs r where r.org_id = o.id and ${within(sql`r.ended_at`)}`)}`,
  );
  const lags = await tx.execute<{ seconds: number }>(
    sql`select seconds from ${eachOrg(sql`select extract(epoch from r.started_at - r.created_at)::float8 as seconds from runs r where r.org_id = o.id and ${madeLately(sql`r.created_at`)} and ${within(sql`r.started_at`)}`)}`,
  );
  const decided = await tx.execute<Count<'status'>>(
    sql`select status, sum(n)::int as n from ${eachOrg(sql`select a.status, count(*) as n from approvals a where a.org_id = o.id and a.status <> 'pending' and ${within(sql`a.decided_at`)} group by 1`)} group by 1`,
  );
  const calls = await tx.execute<Happened['modelCalls'][number]>(sql`
    select provider, model, outcome, sum(n)::int as n, sum(input)::float8 as input, sum(cached)::float8 as cached, sum(output)::float8 as output,
      sum(cost)::float8 as "costNanos", sum(unpriced)::int as unpriced
    from ${eachOrg(sql`
      select c.provider, c.model, c.status as outcome, count(*) as n, coalesce(sum(c.input_tokens), 0) as input, coalesce(sum(c.cached_input_tokens), 0) as cached,
        coalesce(sum(c.output_tokens), 0) as output, coalesce(sum(c.cost_nanos), 0) as cost, count(*) filter (where c.cost_nanos is null and c.status = 'done') as unpriced
      from model_calls c where c.org_id = o.id and ${madeLately(sql`c.created_at`)} and ${within(sql`c.ended_at`)} group by 1, 2, 3`)}
    group by 1, 2, 3`);
  return {
    createdRuns: created?.n ?? 0,
    endedRuns: [...ended],
    startLags: [...lags].map(({ seconds }) => seconds),
    decided: [...decided],
    modelCalls: [...calls],
  };
}
