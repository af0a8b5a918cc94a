import { and, eq, isNull, lt, or, sql } from 'drizzle-orm';
import { CLAIM_LEASE_MS } from '#core/limits.ts';
import type { ThreadRef } from '#core/chat.ts';
import type { Org } from './client.ts';
import { messages, threads } from './schema/chat.ts';

export type Thread = typeof threads.$inferSelect;
type NewMessage = Omit<typeof messages.$inferInsert, 'orgId' | 'seq' | 'threadId'>;

/** Finds or makes the thread of a place. Two events at once make one. */
export async function openThread(
  org: Org,
  where: ThreadRef,
  { title, createdBy, isDirect = false }: { title: string; createdBy: string; isDirect?: boolean },
): Promise<Thread> {
  const place = {
    orgId: org.id,
    platform: where.platform,
    tenant: where.tenant,
    channel: where.channel,
    thread: where.thread,
  };
  const [made] = await org.tx
    .insert(threads)
    .values({ ...place, title, createdBy, isDirect, updatedAt: new Date() })
    .onConflictDoNothing()
    .returning();
  const found = made ?? (await findThreadAt(org, where));
  if (!found) throw new Error('thread vanished');
  return found;
}

export async function findThreadAt(org: Org, where: ThreadRef): Promise<Thread | undefined> {
  const [row] = await org.tx
    .select()
    .from(threads)
    .where(
      and(
        eq(threads.orgId, org.id),
        eq(threads.platform, where.platform),
        eq(threads.tenant, where.tenant),
        eq(threads.channel, where.channel),
        eq(threads.thread, where.thread),
      ),
    );
  return row;
}

export async function readThread(org: Org, threadId: string): Promise<Thread | undefined> {
  const [row] = await org.tx
    .select()
    .from(threads)
    .where(and(eq(threads.orgId, org.id), eq(threads.id, threadId)));
  return row;
}

/** Adds a message under the thread's next sequence number. Locks the thread until commit. */
export async function addMessage(
  org: Org,
  threadId: string,
  message: NewMessage,
): Promise<typeof messages.$inferSelect> {
  const [thread] = await org.tx
    .update(threads)
    .set({ lastSeq: sql`${threads.lastSeq} + 1`, updatedAt: new Date() })
    .where(and(eq(threads.orgId, org.id), eq(threads.id, threadId)))
    .returning({ seq: threads.lastSeq });
  if (!thread) throw new Error('thread vanished');
  const [row] = await org.tx
    .insert(messages)
    .values({ ...message, orgId: org.id, threadId, seq: thread.seq })
    .returning();
  if (!row) throw new Error('message was not stored');
  return row;
}

/** The next numbers of a message and of the run that it asks for. Locks the thread until commit. */
export async function nextInThread(org: Org, threadId: string): Promise<{ seq: number; number: number }> {
  const [thread] = await org.tx
    .update(threads)
    .set({
      lastSeq: sql`${threads.lastSeq} + 1`,
      lastRunNumber: sql`${threads.lastRunNumber} + 1`,
      updatedAt: new Date(),
    })
    .where(and(eq(threads.orgId, org.id), eq(threads.id, threadId)))
    .returning({ seq: threads.lastSeq, number: threads.lastRunNumber });
  if (!thread) throw new Error('thread vanished');
  return thread;
}

export async function nextRunNumber(org: Org, threadId: string): Promise<number> {
  const [thread] = await org.tx
    .update(threads)
    .set({ lastRunNumber: sql`${threads.lastRunNumber} + 1` })
    .where(and(eq(threads.orgId, org.id), eq(threads.id, threadId)))
    .returning({ number: threads.lastRunNumber });
  if (!thread) throw new Error('thread vanished');
  return thread.number;
}

const lease = sql`now() + make_interval(secs => ${CLAIM_LEASE_MS / 1000})`;

/** Makes it this run's turn in its thread (RULES R2), or renews that. False: another run's turn has not ended. */
export async function claimThread(org: Org, threadId: string, runId: string): Promise<boolean> {
  const claimed = await org.tx
    .update(threads)
    .set({ claimRunId: runId, claimUntil: lease })
    .where(
      and(
        eq(threads.orgId, org.id),
        eq(threads.id, threadId),
        or(isNull(threads.claimRunId), eq(threads.claimRunId, runId), lt(threads.claimUntil, sql`now()`)),
      ),
    )
    .returning({ id: threads.id });
  return claimed.length === 1;
}

/** Ends this run's turn; another run's is left alone. */
export const releaseThread = (org: Org, threadId: string, runId: string): Promise<unknown> =>
  org.tx
    .update(threads)
    .set({ claimRunId: null, claimUntil: null })
    .where(and(eq(threads.orgId, org.id), eq(threads.id, threadId), eq(threads.claimRunId, runId)));
