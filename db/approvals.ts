import { and, eq, inArray, isNull, lt, ne, sql } from 'drizzle-orm';
import type { Org } from './client.ts';
import { notify } from './notify.ts';
import { approvalCards, approvals, approvalVotes } from './schema/approvals.ts';
import { members } from './schema/identity.ts';
import type { ApprovalStatus } from './schema/words.ts';
import { tellLater } from './telling.ts';

export type Approval = typeof approvals.$inferSelect;

const isApproval = (org: Org, approvalId: string) => and(eq(approvals.orgId, org.id), eq(approvals.id, approvalId));

export async function readApproval(org: Org, approvalId: string): Promise<Approval | undefined> {
  const [row] = await org.tx.select().from(approvals).where(isApproval(org, approvalId));
  return row;
}

export async function lockApproval(
  org: Org,
  approvalId: string,
): Promise<{ approval: Approval; isExpired: boolean } | undefined> {
  const [row] = await org.tx
    .select({ approval: approvals, isExpired: sql<boolean>`${approvals.expiresAt} <= now()` })
    .from(approvals)
    .where(isApproval(org, approvalId))
    .for('update');
  return row;
}

/** The approval and those that took its place by edits (RULES A4), oldest first; the last one is what counts now. */
export async function readEdits(org: Org, approvalId: string): Promise<Approval[]> {
  const found: Approval[] = [];
  for (let next = await readApproval(org, approvalId); next; next = await successorOf(org, next)) found.push(next);
  return found;
}

async function successorOf(org: Org, { id, status }: Approval): Promise<Approval | undefined> {
  if (status !== 'superseded') return undefined;
  const [row] = await org.tx
    .select()
    .from(approvals)
    .where(and(eq(approvals.orgId, org.id), eq(approvals.supersedes, id)));
  return row;
}

/** A new question; undefined when its thread has one waiting for the same bytes already (RULES R3). */
export async function addApproval(
  org: Org,
  wanted: Omit<typeof approvals.$inferInsert, 'orgId'>,
): Promise<Approval | undefined> {
  const [added] = await org.tx
    .insert(approvals)
    .values({ ...wanted, orgId: org.id, tellAt: tellLater })
    .onConflictDoNothing({
      target: [approvals.orgId, approvals.threadId, approvals.payloadSha256],
      where: sql`status = 'pending'`,
    })
    .returning();
  return added;
}

/** The one already waiting for the same bytes in the thread, or a new one (RULES R3). */
export async function askApproval(
  org: Org,
  wanted: Omit<typeof approvals.$inferInsert, 'orgId'>,
): Promise<{ approval: Approval; isNew: boolean }> {
  const added = await addApproval(org, wanted);
  if (added) return { approval: added, isNew: true };
  const [pending] = await org.tx
    .select()
    .from(approvals)
    .where(
      and(
        eq(approvals.orgId, org.id),
        eq(approvals.threadId, wanted.threadId),
        eq(approvals.payloadSha256, wanted.payloadSha256),
        eq(approvals.status, 'pending'),
      ),
    );
  // Decided between the two statements: the next attempt of the activity asks anew.
  if (!pending) throw new Error('the pending approval was decided just now');
  return { approval: pending, isNew: false };
}

/** Moves a pending approval on, by one conditional update. False: it was no longer pending. */
export async function settleApproval(
  org: Org,
  approvalId: string,
  set: {
    status: Exclude<ApprovalStatus, 'pending'>;
    decidedBy?: string;
    comment?: string | null;
    useWithinMs?: number;
  },
): Promise<boolean> {
  const { useWithinMs, ...rest } = set;
  const settled = await org.tx
    .update(approvals)
    .set({
      ...rest,
      decidedAt: sql`now()`,
      useBefore: useWithinMs === undefined ? null : sql`now() + make_interval(secs => ${useWithinMs / 1000})`,
    })
    .where(and(isApproval(org, approvalId), eq(approvals.status, 'pending')))
    .returning({ threadId: approvals.threadId, runId: approvals.runId });
  for (const { threadId, runId } of settled) await notify(org, { threadId, runId, approvalId });
  return settled.length === 1;
}

/** The run's timers and readers call this: past its time by the database's clock, it expires (RULES A6). */
export async function expireIfDue(org: Org, approvalId: string): Promise<boolean> {
  const [due] = await org.tx
    .select({ id: approvals.id })
    .from(approvals)
    .where(and(isApproval(org, approvalId), eq(approvals.status, 'pending'), sql`${approvals.expiresAt} <= now()`));
  return due ? settleApproval(org, approvalId, { status: 'expired' }) : false;
}

/** Stop: everything the run waits for becomes `cancelled` (RULES R5). */
export async function cancelApprovalsOf(org: Org, runId: string): Promise<string[]> {
  const pending = await org.tx
    .select({ id: approvals.id })
    .from(approvals)
    .where(and(eq(approvals.orgId, org.id), eq(approvals.runId, runId), eq(approvals.status, 'pending')));
  for (const { id } of pending) await settleApproval(org, id, { status: 'cancelled' });
  return pending.map(({ id }) => id);
}

/** False: this member had voted before. */
export async function addVote(org: Org, vote: Omit<typeof approvalVotes.$inferInsert, 'orgId'>): Promise<boolean> {
  const added = await org.tx
    .insert(approvalVotes)
    .values({ ...vote, orgId: org.id })
    .onConflictDoNothing()
    .returning({ id: approvalVotes.id });
  return added.length === 1;
}

/** Approvers who have been deactivated since (RULES E3). */
export async function inactiveApprovers(org: Org, approvalId: string): Promise<string[]> {
  const rows = await org.tx
    .select({ name: members.name })
    .from(approvalVotes)
    .innerJoin(members, and(eq(members.orgId, approvalVotes.orgId), eq(members.id, approvalVotes.memberId)))
    .where(
      and(
        eq(approvalVotes.orgId, org.id),
        eq(approvalVotes.approvalId, approvalId),
        eq(approvalVotes.decision, 'approve'),
        ne(members.status, 'active'),
      ),
    );
  return rows.map(({ name }) => name);
}

/** Binds the approval to one effect, for ever. False: another effect has used it (RULES E2). */
export async function consumeApproval(org: Org, approvalId: string, effectId: string): Promise<boolean> {
  const used = await org.tx
    .update(approvals)
    .set({ usedByEffectId: effectId })
    .where(and(isApproval(org, approvalId), eq(approvals.status, 'approved'), isNull(approvals.usedByEffectId)))
    .returning({ id: approvals.id });
  return used.length === 1;
}

export const addCard = (org: Org, card: Omit<typeof approvalCards.$inferInsert, 'orgId'>): Promise<unknown> =>
  org.tx
    .insert(approvalCards)
    .values({ ...card, orgId: org.id })
    .onConflictDoNothing();

export type Card = typeof approvalCards.$inferSelect;

/** Edits of one card that may fail before it is given up (RULES S1). */
export const MAX_CARD_EDITS = 10;
/** Its last failed edit was long enough ago. */
export const isCardDue = and(
  lt(approvalCards.editAttempts, MAX_CARD_EDITS),
  sql`coalesce(${approvalCards.nextEditAt}, 'epoch') <= now()`,
);

/** Copies that show something older than the recorded decision (RULES A7, S1), and may be tried now. */
export const staleCards = (org: Org, approvalId: string): Promise<{ card: Card }[]> =>
  org.tx
    .select({ card: approvalCards })
    .from(approvalCards)
    .innerJoin(approvals, and(eq(approvals.orgId, approvalCards.orgId), eq(approvals.id, approvalCards.approvalId)))
    .where(
      and(
        eq(approvalCards.orgId, org.id),
        eq(approvalCards.approvalId, approvalId),
        sql`${approvalCards.shows} <> ${approvals.status}`,
        isCardDue,
      ),
    );

export const markCard = (org: Org, cardId: string, shows: ApprovalStatus): Promise<unknown> =>
  org.tx
    .update(approvalCards)
    .set({ shows, editAttempts: 0, nextEditAt: null })
    .where(and(eq(approvalCards.orgId, org.id), eq(approvalCards.id, cardId)));

/** Notes that a card could not be edited: it is tried again after 5 s, 10 s, 20 s, … up to 5 min. Returns how often it has failed. */
export async function countCardFailure(org: Org, cardId: string): Promise<number> {
  const [row] = await org.tx
    .update(approvalCards)
    .set({
      editAttempts: sql`${approvalCards.editAttempts} + 1`,
      nextEditAt: sql`now() + make_interval(secs => least(300, 5 * 2 ^ ${approvalCards.editAttempts}))`,
    })
    .where(and(eq(approvalCards.orgId, org.id), eq(approvalCards.id, cardId)))
    .returning({ attempts: approvalCards.editAttempts });
  return row?.attempts ?? 0;
}

/** Whether the approval was shown anywhere. */
export async function hasCard(org: Org, approvalId: string): Promise<boolean> {
  const [row] = await org.tx
    .select({ id: approvalCards.id })
    .from(approvalCards)
    .where(and(eq(approvalCards.orgId, org.id), eq(approvalCards.approvalId, approvalId)))
    .limit(1);
  return row !== undefined;
}

/** Posts of one card, after an edit, that may fail before it is given up (RULES S1); the approval stays in the panel. */
export const MAX_CARD_POSTS = 10;

/** Whether a card that could not be posted may be tried now. */
export async function isCardPostDue(org: Org, approvalId: string): Promise<boolean> {
  const [row] = await org.tx
    .select({ id: approvals.id })
    .from(approvals)
    .where(
      and(
        isApproval(org, approvalId),
        lt(approvals.cardAttempts, MAX_CARD_POSTS),
        sql`coalesce(${approvals.nextCardAt}, 'epoch') <= now()`,
      ),
    );
  return row !== undefined;
}

/** Notes that a card could not be posted: it is tried again after 5 s, 10 s, 20 s, … up to 5 min. Returns how often it has failed. */
export async function countCardPostFailure(org: Org, approvalId: string): Promise<number> {
  const [row] = await org.tx
    .update(approvals)
    .set({
      cardAttempts: sql`${approvals.cardAttempts} + 1`,
      nextCardAt: sql`now() + make_interval(secs => least(300, 5 * 2 ^ ${approvals.cardAttempts}))`,
    })
    .where(isApproval(org, approvalId))
    .returning({ attempts: approvals.cardAttempts });
  return row?.attempts ?? 0;
}

export const findCard = (
  org: Org,
  at: { approvalId: string; platform: string; tenant: string; channel: string; message: string },
) =>
  org.tx
    .select()
    .from(approvalCards)
    .where(
      and(
        eq(approvalCards.orgId, org.id),
        eq(approvalCards.approvalId, at.approvalId),
        eq(approvalCards.platform, at.platform as 'web'),
        eq(approvalCards.tenant, at.tenant),
        eq(approvalCards.channel, at.channel),
        eq(approvalCards.message, at.message),
      ),
    );

/** Every run that waits for this approval: its own, and others that R3 sent to it. */
export const markSignalled = (org: Org, approvalIds: readonly string[]): Promise<unknown> =>
  approvalIds.length === 0
    ? Promise.resolve()
    : org.tx
        .update(approvals)
        .set({ signalledAt: sql`now()` })
        .where(and(eq(approvals.orgId, org.id), inArray(approvals.id, [...approvalIds])));
