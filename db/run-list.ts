import { and, eq, gte, inArray, lt, sql, type SQL } from 'drizzle-orm';
import type { Platform } from '#core/chat.ts';
import type { Actor } from '#core/roles.ts';
import type { Org } from './client.ts';
import { eitherWay, type PageOf, type TwoWayPage } from './paging.ts';
import { messages, threads } from './schema/chat.ts';
import { members } from './schema/identity.ts';
import { modelCalls, runs } from './schema/runs.ts';
import type { RunStatus } from './schema/words.ts';
import { isOthersDirect, seesRuns } from './visibility.ts';

// Runs as an actor may see them. The page is found in `runs` alone, by an index; what belongs to its rows is read after.

export interface RunFilters {
  status?: RunStatus | undefined;
  threadId?: string | undefined;
  /** A member's id. */
  requestedBy?: string | undefined;
  platform?: Platform | undefined;
  /** From this moment on, and before that one. */
  from?: Date | undefined;
  to?: Date | undefined;
}

/** What a run must be to be listed: in the org, to be seen by the actor, and as the filters say. */
export const isListed = (orgId: string, actor: Actor, filters: RunFilters): SQL | undefined =>
  and(
    eq(runs.orgId, orgId),
    seesRuns(actor),
    filters.status && eq(runs.status, filters.status),
    filters.threadId === undefined ? undefined : eq(runs.threadId, filters.threadId),
    filters.requestedBy === undefined ? undefined : eq(runs.requestedBy, filters.requestedBy),
    filters.platform && eq(runs.platform, filters.platform),
    filters.from && gte(runs.createdAt, filters.from),
    filters.to && lt(runs.createdAt, filters.to),
  );

const runRows = (org: Org, actor: Actor) =>
  org.tx
    .select({
      run: runs,
      text: sql<string | null>`case when ${isOthersDirect(actor)} then null else ${messages.text} end`,
      /** Said to the assistant alone by somebody else: the text is withheld (RULES D3). */
      isPrivate: isOthersDirect(actor),
      requestedByName: members.name,
    })
    .from(runs)
    .innerJoin(threads, and(eq(threads.orgId, runs.orgId), eq(threads.id, runs.threadId)))
    .innerJoin(messages, and(eq(messages.orgId, runs.orgId), eq(messages.id, runs.messageId)))
    .innerJoin(members, and(eq(members.orgId, runs.orgId), eq(members.id, runs.requestedBy)));
export type RunRow = Awaited<ReturnType<typeof runRows>>[number];

/** Newest first; a cursor leads to older runs or back to newer ones. */
export async function listRuns(org: Org, actor: Actor, query: PageOf & RunFilters): Promise<TwoWayPage<RunRow>> {
  const step = eitherWay(runs, query.cursor);
  const keys = await org.tx
    .select({ id: runs.id, createdAt: runs.createdAt })
    .from(runs)
    .where(and(isListed(org.id, actor, query), step.where))
    .orderBy(...step.order)
    .limit(query.limit + 1);
  return readPage(
    org,
    actor,
    step.take(keys, query.limit, (key) => key),
  );
}

/** The rows of a page of ids, in its order. What may not be seen is left out, whoever found the ids. */
export async function readPage(org: Org, actor: Actor, page: TwoWayPage<{ id: string }>): Promise<TwoWayPage<RunRow>> {
  const ids = page.items.map(({ id }) => id);
  if (ids.length === 0) return { ...page, items: [] };
  const rows = await runRows(org, actor).where(and(isListed(org.id, actor, {}), inArray(runs.id, ids)));
  const byId = new Map(rows.map((row) => [row.run.id, row]));
  return { ...page, items: ids.flatMap((id) => byId.get(id) ?? []) };
}

export async function findRun(org: Org, actor: Actor, runId: string): Promise<RunRow | undefined> {
  const [row] = await runRows(org, actor).where(and(isListed(org.id, actor, {}), eq(runs.id, runId)));
  return row;
}

/** What the runs' model calls cost in nano-USD; null when the cost of any of them is not known (never 0). Runs without calls cost 0. */
export async function costOfRuns(org: Org, runIds: readonly string[]): Promise<Map<string, number | null>> {
  const costs = new Map<string, number | null>(runIds.map((id) => [id, 0]));
  if (runIds.length === 0) return costs;
  const rows = await org.tx
    .select({
      runId: modelCalls.runId,
      nanos: sql<string>`coalesce(sum(${modelCalls.costNanos}), 0)`,
      unknown: sql<boolean>`bool_or(${modelCalls.costNanos} is null)`,
    })
    .from(modelCalls)
    .where(and(eq(modelCalls.orgId, org.id), inArray(modelCalls.runId, [...runIds])))
    .groupBy(modelCalls.runId);
  for (const row of rows) costs.set(row.runId, row.unknown ? null : Number(row.nanos));
  return costs;
}
