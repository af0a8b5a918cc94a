import { and, desc, eq, inArray, sql } from 'drizzle-orm';
import type { Actor } from '#core/roles.ts';
import { listAudit as readAudit } from './audit.ts';
import type { Org } from './client.ts';
import { newestFirst, pageOf, sequenceBefore, sequenceCursor, type Page, type PageOf } from './paging.ts';
import { approvals, effects } from './schema/approvals.ts';
import type { auditLog } from './schema/audit.ts';
import { messages, threads } from './schema/chat.ts';
import { members } from './schema/identity.ts';
import { modelCalls, runs } from './schema/runs.ts';
import type { ApprovalStatus, EffectState, RunStatus } from './schema/words.ts';
import { isOthersDirect, seesApprovals, seesEffects, seesRuns, seesThreads } from './visibility.ts';

// Lists of what an actor may see, newest first, a page at a time. A row that may not be seen is like one that is not there.

const requester = (
  id: typeof runs.requestedBy | typeof approvals.requestedBy,
  orgId: typeof runs.orgId | typeof approvals.orgId,
) => and(eq(members.orgId, orgId), eq(members.id, id));

const runRows = (org: Org, actor: Actor) =>
  org.tx
    .select({
      run: runs,
      text: sql<string | null>`case when ${isOthersDirect(actor)} then null else ${messages.text} end`,
      requestedByName: members.name,
    })
    .from(runs)
    .innerJoin(threads, and(eq(threads.orgId, runs.orgId), eq(threads.id, runs.threadId)))
    .innerJoin(messages, and(eq(messages.orgId, runs.orgId), eq(messages.id, runs.messageId)))
    .innerJoin(members, requester(runs.requestedBy, runs.orgId));
export type RunRow = Awaited<ReturnType<typeof runRows>>[number];

export async function listRuns(
  org: Org,
  actor: Actor,
  page: PageOf & { status?: RunStatus | undefined; threadId?: string | undefined },
): Promise<Page<RunRow>> {
  const { after, order } = newestFirst(runs, page.cursor);
  const rows = await runRows(org, actor)
    .where(
      and(
        eq(runs.orgId, org.id),
        seesRuns(actor),
        page.status && eq(runs.status, page.status),
        page.threadId === undefined ? undefined : eq(runs.threadId, page.threadId),
        after,
      ),
    )
    .orderBy(...order)
    .limit(page.limit + 1);
  return pageOf(rows, page.limit, ({ run }) => run);
}

export async function findRun(org: Org, actor: Actor, runId: string): Promise<RunRow | undefined> {
  const [row] = await runRows(org, actor).where(and(eq(runs.orgId, org.id), eq(runs.id, runId), seesRuns(actor)));
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

const approvalRows = (org: Org) =>
  org.tx
    .select({
      approval: approvals,
      requestedByName: members.name,
      decidedByName: sql<
        string | null
      >`(select d.name from ${members} d where d.org_id = ${approvals.orgId} and d.id = ${approvals.decidedBy})`,
    })
    .from(approvals)
    .innerJoin(members, requester(approvals.requestedBy, approvals.orgId));
export type ApprovalRow = Awaited<ReturnType<typeof approvalRows>>[number];

export async function listApprovals(
  org: Org,
  actor: Actor,
  page: PageOf & { status?: ApprovalStatus | undefined; runId?: string | undefined },
): Promise<Page<ApprovalRow>> {
  const { after, order } = newestFirst(approvals, page.cursor);
  const rows = await approvalRows(org)
    .where(
      and(
        eq(approvals.orgId, org.id),
        seesApprovals(actor),
        page.status && eq(approvals.status, page.status),
        page.runId === undefined ? undefined : eq(approvals.runId, page.runId),
        after,
      ),
    )
    .orderBy(...order)
    .limit(page.limit + 1);
  return pageOf(rows, page.limit, ({ approval }) => approval);
}

export async function findApproval(org: Org, actor: Actor, approvalId: string): Promise<ApprovalRow | undefined> {
  const [row] = await approvalRows(org).where(
    and(eq(approvals.orgId, org.id), eq(approvals.id, approvalId), seesApprovals(actor)),
  );
  return row;
}

export type EffectRow = typeof effects.$inferSelect;

export async function listEffects(
  org: Org,
  actor: Actor,
  page: PageOf & { runId?: string | undefined; state?: EffectState | undefined },
): Promise<Page<EffectRow>> {
  const { after, order } = newestFirst(effects, page.cursor);
  const rows = await org.tx
    .select({ effect: effects })
    .from(effects)
    .innerJoin(runs, and(eq(runs.orgId, effects.orgId), eq(runs.id, effects.runId)))
    .where(
      and(
        eq(effects.orgId, org.id),
        seesEffects(actor),
        page.runId === undefined ? undefined : eq(effects.runId, page.runId),
        page.state && eq(effects.state, page.state),
        after,
      ),
    )
    .orderBy(...order)
    .limit(page.limit + 1);
  return pageOf(
    rows.map(({ effect }) => effect),
    page.limit,
    (effect) => effect,
  );
}

export type ThreadRow = typeof threads.$inferSelect;

export async function listThreads(org: Org, actor: Actor, page: PageOf): Promise<Page<ThreadRow>> {
  const { after, order } = newestFirst(threads, page.cursor);
  const rows = await org.tx
    .select()
    .from(threads)
    .where(and(eq(threads.orgId, org.id), seesThreads(actor), after))
    .orderBy(...order)
    .limit(page.limit + 1);
  return pageOf(rows, page.limit, (row) => row);
}

/** `isHidden`: the actor may know of the thread, not read it. */
export async function findThread(
  org: Org,
  actor: Actor,
  threadId: string,
): Promise<(ThreadRow & { isHidden: boolean }) | undefined> {
  const [row] = await org.tx
    .select({ thread: threads, isHidden: isOthersDirect(actor) })
    .from(threads)
    .where(and(eq(threads.orgId, org.id), eq(threads.id, threadId), seesThreads(actor)));
  return row && { ...row.thread, isHidden: row.isHidden };
}

const messageRows = (org: Org) =>
  org.tx
    .select({ message: messages, memberName: members.name })
    .from(messages)
    .leftJoin(members, and(eq(members.orgId, messages.orgId), eq(members.id, messages.memberId)));
export type MessageRow = Awaited<ReturnType<typeof messageRows>>[number];

/** The newest messages of a thread the caller has found by `findThread`; within a page oldest first, the cursor leads to older ones. */
export async function listMessages(org: Org, threadId: string, { limit, cursor }: PageOf): Promise<Page<MessageRow>> {
  const before = sequenceBefore(cursor);
  const rows = await messageRows(org)
    .where(
      and(
        eq(messages.orgId, org.id),
        eq(messages.threadId, threadId),
        before === undefined ? undefined : sql`${messages.seq} < ${before}::bigint`,
      ),
    )
    .orderBy(desc(messages.seq))
    .limit(limit + 1);
  const items = rows.slice(0, limit).toReversed();
  const oldest = items[0];
  return { items, nextCursor: rows.length > limit && oldest ? sequenceCursor(oldest.message.seq) : null };
}

export type AuditRow = typeof auditLog.$inferSelect;

export async function listAuditPage(org: Org, { limit, cursor }: PageOf): Promise<Page<AuditRow>> {
  const before = sequenceBefore(cursor);
  const rows = await readAudit(org, { limit: limit + 1, ...(before !== undefined && { before }) });
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last ? sequenceCursor(last.seq) : null };
}
