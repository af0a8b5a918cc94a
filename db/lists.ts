import { and, desc, eq, inArray, sql } from 'drizzle-orm';
import type { Actor } from '#core/roles.ts';
import type { Org } from './client.ts';
import {
  eitherWay,
  newestFirst,
  newestOf,
  pageOf,
  sequenceStep,
  sequenceCursor,
  type Page,
  type PageOf,
} from './paging.ts';
import { approvals } from './schema/approvals.ts';
import { messages, threads } from './schema/chat.ts';
import { members } from './schema/identity.ts';
import type { ApprovalStatus } from './schema/words.ts';
import { approvalWays, isOthersDirect, seesApprovals, seesThreads } from './visibility.ts';

// Lists of what an actor may see, newest first, a page at a time. A row that may not be seen is like one that is not there.

const approvalRows = (org: Org) =>
  org.tx
    .select({
      approval: approvals,
      requestedByName: members.name,
      decidedByName: sql<
        string | null
      >`(select d.name from ${members} d where d.org_id = ${approvals.orgId} and d.id = ${approvals.decidedBy})`,
      /** What took its place by an edit (RULES A4). */
      supersededBy: sql<
        string | null
      >`(select n.id from ${approvals} n where n.org_id = ${approvals.orgId} and n.supersedes = ${approvals.id})`,
    })
    .from(approvals)
    .innerJoin(members, and(eq(members.orgId, approvals.orgId), eq(members.id, approvals.requestedBy)));
export type ApprovalRow = Awaited<ReturnType<typeof approvalRows>>[number];

export async function listApprovals(
  org: Org,
  actor: Actor,
  page: PageOf & { status?: ApprovalStatus | undefined; runId?: string | undefined },
): Promise<Page<ApprovalRow>> {
  const step = eitherWay(approvals, page.cursor);
  const keys = await newestOf(step, approvalWays(actor), page.limit + 1, (way) =>
    org.tx
      .select({ id: approvals.id, createdAt: approvals.createdAt })
      .from(approvals)
      .where(
        and(
          eq(approvals.orgId, org.id),
          way,
          page.status && eq(approvals.status, page.status),
          page.runId === undefined ? undefined : eq(approvals.runId, page.runId),
          step.where,
        ),
      )
      .orderBy(...step.order)
      .limit(page.limit + 1),
  );
  const { items, nextCursor } = step.take(keys, page.limit, (key) => key);
  return { items: await approvalsById(org, items), nextCursor };
}

/** In the order of the keys, which the caller has found by what the actor may see. */
export async function approvalsById(org: Org, keys: readonly { id: string }[]): Promise<ApprovalRow[]> {
  if (keys.length === 0) return [];
  const ids = keys.map(({ id }) => id);
  const rows = await approvalRows(org).where(and(eq(approvals.orgId, org.id), inArray(approvals.id, ids)));
  const byId = new Map(rows.map((row) => [row.approval.id, row]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

export async function findApproval(org: Org, actor: Actor, approvalId: string): Promise<ApprovalRow | undefined> {
  const [row] = await approvalRows(org).where(
    and(eq(approvals.orgId, org.id), eq(approvals.id, approvalId), seesApprovals(actor)),
  );
  return row;
}

export type ThreadRow = typeof threads.$inferSelect;

/** What a thread is called for those who may not read it: its title is made of its first words (RULES D3). */
const PRIVATE_TITLE = 'Private thread';

export async function listThreads(org: Org, actor: Actor, page: PageOf): Promise<Page<ThreadRow>> {
  const { after, order } = newestFirst(threads, page.cursor);
  const rows = await org.tx
    .select({ thread: threads, isHidden: isOthersDirect(actor) })
    .from(threads)
    .where(and(eq(threads.orgId, org.id), seesThreads(actor), after))
    .orderBy(...order)
    .limit(page.limit + 1);
  const seen = rows.map(({ thread, isHidden }) => (isHidden ? { ...thread, title: PRIVATE_TITLE } : thread));
  return pageOf(seen, page.limit, (row) => row);
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
  const { seq: before } = sequenceStep(cursor);
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
