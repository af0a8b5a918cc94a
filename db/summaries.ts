import { and, desc, eq, gt, inArray, isNotNull, lt, lte, or, sql } from 'drizzle-orm';
import type { Org } from './client.ts';
import { effects } from './schema/approvals.ts';
import { messages, threads, threadSummaries, type SummarySource } from './schema/chat.ts';
import { members } from './schema/identity.ts';
import { runs } from './schema/runs.ts';
import type { Run } from './runs.ts';

export type { SummarySource } from './schema/chat.ts';
export type Summary = typeof threadSummaries.$inferSelect;

/**
 * The summary a run reads: the newest that ends before the run's own message and was there before the run was. So all turns of a run, and the card
 * of what it proposes, are made from the same text.
 */
export async function summaryFor(
  org: Org,
  run: Pick<Run, 'threadId' | 'seq' | 'createdAt'>,
): Promise<Summary | undefined> {
  const [row] = await org.tx
    .select()
    .from(threadSummaries)
    .where(
      and(
        eq(threadSummaries.orgId, org.id),
        eq(threadSummaries.threadId, run.threadId),
        lt(threadSummaries.upToSeq, run.seq),
        lt(threadSummaries.createdAt, run.createdAt),
      ),
    )
    .orderBy(desc(threadSummaries.upToSeq))
    .limit(1);
  return row;
}

/** The thread's newest summary, for making the next. */
export async function newestSummary(org: Org, threadId: string): Promise<Summary | undefined> {
  const [row] = await org.tx
    .select()
    .from(threadSummaries)
    .where(and(eq(threadSummaries.orgId, org.id), eq(threadSummaries.threadId, threadId)))
    .orderBy(desc(threadSummaries.upToSeq))
    .limit(1);
  return row;
}

/** Stores a summary; false when there is one that ends there. Takes turns with new messages, so that "there before the run was" is exact. */
export async function addSummary(
  org: Org,
  summary: Omit<typeof threadSummaries.$inferInsert, 'orgId' | 'createdAt'>,
): Promise<boolean> {
  await org.tx
    .select({ id: threads.id })
    .from(threads)
    .where(and(eq(threads.orgId, org.id), eq(threads.id, summary.threadId)))
    .for('no key update');
  const added = await org.tx
    .insert(threadSummaries)
    // Not now(): that is when the transaction began, before it waited for the lock.
    .values({ ...summary, orgId: org.id, createdAt: sql`clock_timestamp()` as never })
    .onConflictDoNothing()
    .returning({ id: threadSummaries.id });
  return added.length === 1;
}

/** Where the words of a stretch of a thread come from, without reading them: `after` is not part of it, nor is `before`. */
export async function sourcesBetween(
  org: Org,
  threadId: string,
  { after, before }: { after: number; before: number },
): Promise<SummarySource[]> {
  const isThere = and(
    eq(messages.orgId, org.id),
    eq(messages.threadId, threadId),
    gt(messages.seq, after),
    lt(messages.seq, before),
  );
  const outside = await org.tx
    .selectDistinct({ origin: messages.outside })
    .from(messages)
    .where(and(isThere, isNotNull(messages.outside)))
    .limit(50);
  const people = await org.tx
    .selectDistinct({ memberId: messages.memberId, name: members.name })
    .from(messages)
    .leftJoin(members, and(eq(members.orgId, messages.orgId), eq(members.id, messages.memberId)))
    .where(and(isThere, eq(messages.role, 'user')))
    .limit(50);
  return [
    ...outside.map(({ origin }): SummarySource => ({ origin: origin ?? '', from: [null] })),
    ...people.map(({ memberId, name }) => wordsOf(memberId, name)),
  ];
}

/** A person's words, as a source. */
export const wordsOf = (memberId: string | null, name: string | null): SummarySource => ({
  origin: `message by ${name ?? 'someone else'}`,
  from: [null],
  ...(memberId === null ? {} : { memberId }),
});

/** A request of a thread and what it has done, by the ledger (RULES E8). */
export interface PastRequest {
  runId: string;
  number: number;
  text: string;
  status: Run['status'];
  taint: string | null;
  requestedBy: string;
  name: string;
  done: { summary: string; externalId: string | null }[];
}

/** The newest requests of a thread up to a sequence number, oldest first. */
export async function pastRequests(org: Org, threadId: string, upTo: number, limit: number): Promise<PastRequest[]> {
  const asked = await org.tx
    .select({ run: runs, text: sql<string>`left(${messages.text}, 500)`, name: members.name })
    .from(runs)
    .innerJoin(messages, and(eq(messages.orgId, runs.orgId), eq(messages.id, runs.messageId)))
    .innerJoin(members, and(eq(members.orgId, runs.orgId), eq(members.id, runs.requestedBy)))
    .where(and(eq(runs.orgId, org.id), eq(runs.threadId, threadId), lte(runs.seq, upTo)))
    .orderBy(desc(runs.number))
    .limit(limit);
  if (asked.length === 0) return [];
  const done = await org.tx
    .select({ runId: effects.runId, summary: effects.summary, externalId: effects.externalId })
    .from(effects)
    .where(
      and(
        eq(effects.orgId, org.id),
        inArray(
          effects.runId,
          asked.map(({ run }) => run.id),
        ),
        or(eq(effects.state, 'confirmed'), and(eq(effects.state, 'resolved'), eq(effects.resolution, 'sent'))),
      ),
    )
    .orderBy(effects.turnNumber, effects.callNumber);
  return asked.toReversed().map(({ run, text, name }) => ({
    runId: run.id,
    number: run.number,
    text,
    status: run.status,
    taint: run.taint,
    requestedBy: run.requestedBy,
    name,
    done: done.filter(({ runId }) => runId === run.id),
  }));
}
