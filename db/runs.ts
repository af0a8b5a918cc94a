import { and, asc, desc, eq, gt, inArray, isNotNull, isNull, lte, sql } from 'drizzle-orm';
import { storable } from '#core/text.ts';
import type { Org } from './client.ts';
import { messages } from './schema/chat.ts';
import { members } from './schema/identity.ts';
import { runs, toolCalls, turns } from './schema/runs.ts';
import type { CallStatus, RunStatus } from './schema/words.ts';

export type Run = typeof runs.$inferSelect;
export type ToolCall = typeof toolCalls.$inferSelect;
export type Turn = typeof turns.$inferSelect;

const isRun = (org: Org, runId: string) => and(eq(runs.orgId, org.id), eq(runs.id, runId));

export async function readRun(org: Org, runId: string): Promise<Run> {
  const [row] = await org.tx.select().from(runs).where(isRun(org, runId));
  if (!row) throw new Error(`run ${runId} is missing`);
  return row;
}

/** Locks the run's row until commit. */
export async function lockRun(org: Org, runId: string): Promise<Run | undefined> {
  const [row] = await org.tx.select().from(runs).where(isRun(org, runId)).for('no key update');
  return row;
}

export const updateRun = (org: Org, runId: string, set: Partial<typeof runs.$inferInsert>): Promise<unknown> =>
  org.tx.update(runs).set(set).where(isRun(org, runId));

/** Shows what an active run is doing; never brings an ended one back. */
export const showRun = (org: Org, runId: string, status: RunStatus, statusText: string | null): Promise<unknown> =>
  org.tx
    .update(runs)
    .set({ status, statusText })
    .where(and(isRun(org, runId), inArray(runs.status, ['running', 'waiting'])));

export const addMachineTime = (org: Org, runId: string, ms: number): Promise<unknown> =>
  org.tx
    .update(runs)
    .set({ machineMs: sql`${runs.machineMs} + ${Math.round(ms)}` })
    .where(isRun(org, runId));

/** One message of a thread, with whose words it holds: who wrote it or, for an answer, who had asked. */
export interface Said {
  message: typeof messages.$inferSelect;
  personId: string | null;
  personName: string | null;
}

/** The newest messages of a thread after one sequence number and up to another, oldest first. However long the thread is, it reads no more than `limit`. */
export async function messagesBetween(
  org: Org,
  threadId: string,
  { after, upTo, limit }: { after: number; upTo: number; limit: number },
): Promise<Said[]> {
  const personId = sql<string | null>`coalesce(${messages.memberId}, ${runs.requestedBy})`;
  const newestFirst = await org.tx
    .select({ message: messages, personId, personName: members.name })
    .from(messages)
    .leftJoin(runs, and(eq(runs.orgId, messages.orgId), eq(runs.id, messages.runId)))
    .leftJoin(members, and(eq(members.orgId, messages.orgId), eq(members.id, personId)))
    .where(
      and(
        eq(messages.orgId, org.id),
        eq(messages.threadId, threadId),
        gt(messages.seq, after),
        lte(messages.seq, upTo),
      ),
    )
    .orderBy(desc(messages.seq))
    .limit(limit);
  return newestFirst.toReversed();
}

/** Which connections' outside answers each of the runs has read; null: something else. */
export async function outsideSourcesOf(org: Org, runIds: readonly string[]): Promise<Map<string, (string | null)[]>> {
  const byRun = new Map<string, (string | null)[]>();
  if (runIds.length === 0) return byRun;
  const rows = await org.tx
    .selectDistinct({ runId: toolCalls.runId, connectionId: toolCalls.connectionId })
    .from(toolCalls)
    .where(and(eq(toolCalls.orgId, org.id), inArray(toolCalls.runId, [...runIds]), isNotNull(toolCalls.outside)));
  for (const { runId, connectionId } of rows) byRun.set(runId, [...(byRun.get(runId) ?? []), connectionId]);
  return byRun;
}

export const turnsOf = (org: Org, runId: string): Promise<Turn[]> =>
  org.tx
    .select()
    .from(turns)
    .where(and(eq(turns.orgId, org.id), eq(turns.runId, runId)))
    .orderBy(asc(turns.number));

export const toolCallsOf = (org: Org, runId: string): Promise<ToolCall[]> =>
  org.tx
    .select()
    .from(toolCalls)
    .where(and(eq(toolCalls.orgId, org.id), eq(toolCalls.runId, runId)))
    .orderBy(asc(toolCalls.turnNumber), asc(toolCalls.callNumber));

export async function readToolCall(org: Org, toolCallId: string): Promise<ToolCall> {
  const [row] = await org.tx
    .select()
    .from(toolCalls)
    .where(and(eq(toolCalls.orgId, org.id), eq(toolCalls.id, toolCallId)));
  if (!row) throw new Error(`tool call ${toolCallId} is missing`);
  return row;
}

/** Records how a call ended, once: a later attempt does not overwrite it. */
export const endToolCall = (
  org: Org,
  toolCallId: string,
  end: { status: CallStatus; result: string; outside: string | null },
): Promise<unknown> =>
  org.tx
    .update(toolCalls)
    .set({ ...end, result: storable(end.result), endedAt: new Date() })
    .where(and(eq(toolCalls.orgId, org.id), eq(toolCalls.id, toolCallId), isNull(toolCalls.endedAt)));

export const updateToolCall = (
  org: Org,
  toolCallId: string,
  set: Partial<typeof toolCalls.$inferInsert>,
): Promise<unknown> =>
  org.tx
    .update(toolCalls)
    .set(set)
    .where(and(eq(toolCalls.orgId, org.id), eq(toolCalls.id, toolCallId)));

/** Other runs of the thread that are still going, for the status lines of R2 and for "stop". */
export const activeRunsIn = (org: Org, threadId: string): Promise<Run[]> =>
  org.tx
    .select()
    .from(runs)
    .where(and(eq(runs.orgId, org.id), eq(runs.threadId, threadId), inArray(runs.status, ['running', 'waiting'])))
    .orderBy(asc(runs.number));
