import { and, asc, desc, eq, gt, gte, lt, lte, type SQL } from 'drizzle-orm';
import type { Org } from './client.ts';
import { bySequence, type PageOf, sequenceStep, takeStep, type TwoWayPage } from './paging.ts';
import { auditLog } from './schema/audit.ts';
import { apiKeys } from './schema/identity.ts';

export type AuditRow = typeof auditLog.$inferSelect;

export interface AuditFilters {
  /** A member's id, whichever of their keys acted; or `system`. */
  actor?: string | undefined;
  action?: string | undefined;
  targetId?: string | undefined;
  /** From this moment on, and before that one. */
  from?: Date | undefined;
  to?: Date | undefined;
}

/** Clocks of several processes differ a little, so rows near a moment need not be in its order; nobody is this far off. */
const SLACK_ROWS = 2_000;

/** Newest first; a cursor leads to older rows or back to newer ones. */
export async function listAuditPage(org: Org, query: PageOf & AuditFilters): Promise<TwoWayPage<AuditRow>> {
  const { isBack, seq } = sequenceStep(query.cursor);
  const limit = query.limit + 1;
  const after = seq === undefined ? undefined : isBack ? gt(auditLog.seq, seq) : lt(auditLog.seq, seq);
  const rows = await readRows(org, query, { after, isBack, limit });
  return takeStep(rows, query.limit, { isBack, isFirst: query.cursor === undefined }, bySequence);
}

/** The next rows after a sequence number, oldest first: an export reads the whole log in such steps. */
export const readAuditAfter = (
  org: Org,
  filters: AuditFilters,
  { seq, limit }: { seq: number; limit: number },
): Promise<AuditRow[]> => readRows(org, filters, { after: gt(auditLog.seq, seq), isBack: true, limit });

async function readRows(
  org: Org,
  filters: AuditFilters,
  { after, isBack, limit }: { after: SQL | undefined; isBack: boolean; limit: number },
): Promise<AuditRow[]> {
  const asked = and(
    eq(auditLog.orgId, org.id),
    filters.action === undefined ? undefined : eq(auditLog.action, filters.action),
    filters.targetId === undefined ? undefined : eq(auditLog.targetId, filters.targetId),
    filters.from && gte(auditLog.at, filters.from.toISOString()),
    filters.to && lt(auditLog.at, filters.to.toISOString()),
    ...(await boundsOf(org, filters)),
    after,
  );
  const read = (by: SQL | undefined) =>
    org.tx
      .select()
      .from(auditLog)
      .where(and(asked, by))
      .orderBy(isBack ? asc(auditLog.seq) : desc(auditLog.seq))
      .limit(limit);
  // One name at a time: an index gives each name's rows in order, and nothing gives those of several.
  const found: AuditRow[] = [];
  for (const actor of await actorsOf(org, filters.actor))
    found.push(...(await read(actor === undefined ? undefined : eq(auditLog.actor, actor))));
  const sign = isBack ? 1 : -1;
  return found.sort((a, b) => sign * (a.seq - b.seq)).slice(0, limit);
}

/** How the log names this actor: the member, and the member by each of their keys. */
async function actorsOf(org: Org, actor: string | undefined): Promise<(string | undefined)[]> {
  if (actor === undefined || actor === 'system') return [actor];
  const keys = await org.tx
    .select({ id: apiKeys.id })
    .from(apiKeys)
    .where(and(eq(apiKeys.orgId, org.id), eq(apiKeys.memberId, actor)));
  return [`member:${actor}`, ...keys.map(({ id }) => `member:${actor} key:${id}`)];
}

/** Dates as sequence numbers, with some slack, so that the log is not walked from its end to an old date. */
async function boundsOf(org: Org, { from, to }: AuditFilters): Promise<SQL[]> {
  const bounds: SQL[] = [];
  if (from) {
    const [first] = await org.tx
      .select({ seq: auditLog.seq })
      .from(auditLog)
      .where(and(eq(auditLog.orgId, org.id), gte(auditLog.at, from.toISOString())))
      .orderBy(asc(auditLog.at))
      .limit(1);
    bounds.push(gte(auditLog.seq, (first?.seq ?? Number.MAX_SAFE_INTEGER) - SLACK_ROWS));
  }
  if (to) {
    const [last] = await org.tx
      .select({ seq: auditLog.seq })
      .from(auditLog)
      .where(and(eq(auditLog.orgId, org.id), lt(auditLog.at, to.toISOString())))
      .orderBy(desc(auditLog.at))
      .limit(1);
    bounds.push(lte(auditLog.seq, (last?.seq ?? -SLACK_ROWS) + SLACK_ROWS));
  }
  return bounds;
}

/** The actions that the log holds, for a choice. */
export async function auditActions(org: Org): Promise<string[]> {
  // A skip from each action to the next: the log may be long, the words in it are few.
  const found: string[] = [];
  for (;;) {
    const last = found.at(-1);
    const [next] = await org.tx
      .select({ action: auditLog.action })
      .from(auditLog)
      .where(and(eq(auditLog.orgId, org.id), last === undefined ? undefined : gt(auditLog.action, last)))
      .orderBy(asc(auditLog.action))
      .limit(1);
    if (!next) return found;
    found.push(next.action);
  }
}
