import { and, asc, eq, lte, sql } from 'drizzle-orm';
import type { Database, Org } from './client.ts';
import { approvals } from './schema/approvals.ts';

// Those who may decide are told directly, beside the card in the thread. Whoever asks does so at once; when that was cut off or did not get through, the
// sweeper does it again (RULES S1), until it has ended.

/** A new approval is told by the process that shows it; only later is it the sweeper's. */
export const tellLater = sql`now() + interval '1 minute'` as never;
/** Longer than one telling takes; then again when the approval is twice as old, so that one that fails is tried later and later. */
const TELL_AGAIN = sql`now() + greatest(interval '2 minutes', now() - ${approvals.createdAt})` as never;
/** After so long the card in the thread, App Home and panel have to do. */
const TELL_FOR = '1 hour';

const isApproval = (org: Org, approvalId: string) => and(eq(approvals.orgId, org.id), eq(approvals.id, approvalId));
const isDue = lte(approvals.tellAt, sql`now()`);
const isOver = sql<boolean>`${approvals.createdAt} <= now() - ${TELL_FOR}::interval`;

/**
 * Approvals whose telling did not end, across orgs, oldest first. Decided ones too: a copy that is out, but not on record, would never show the decision.
 * `isOver`: it was tried for long enough.
 */
export const dueTellings = (
  db: Database,
  limit: number,
): Promise<{ orgId: string; approvalId: string; isOver: boolean }[]> =>
  db.withSystem('find approvals whose approvers were not told', (tx) =>
    tx
      .select({ orgId: approvals.orgId, approvalId: approvals.id, isOver })
      .from(approvals)
      .where(isDue)
      .orderBy(asc(approvals.createdAt))
      .limit(limit),
  );

/** Takes a telling that is due. False: another process did. Should it fail, or the process die, it is due again later. */
export async function claimTelling(org: Org, approvalId: string): Promise<boolean> {
  const claimed = await org.tx
    .update(approvals)
    .set({ tellAt: TELL_AGAIN })
    .where(and(isApproval(org, approvalId), isDue))
    .returning({ id: approvals.id });
  return claimed.length === 1;
}

/** Everybody was told, or cannot be: nobody looks at it again. */
export const endTelling = (org: Org, approvalId: string): Promise<unknown> =>
  org.tx.update(approvals).set({ tellAt: null }).where(isApproval(org, approvalId));

/** Nobody is told any more. True: it still waits, and this process ended the telling. */
export async function giveUpTelling(org: Org, approvalId: string): Promise<boolean> {
  const [ended] = await org.tx
    .update(approvals)
    .set({ tellAt: null })
    .where(and(isApproval(org, approvalId), isDue))
    .returning({ status: approvals.status });
  return ended?.status === 'pending';
}
