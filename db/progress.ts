import { and, asc, eq, sql } from 'drizzle-orm';
import type { RunProgress, RunStep } from '#core/chat.ts';
import type { Org } from './client.ts';
import { approvals, effects, identities, runs, threads, toolCalls, turns } from './schema/index.ts';
import { messages } from './schema/chat.ts';
import type { CallStatus } from './schema/words.ts';

/**
 * How a run stands, from what is stored and nothing else. It has ended as soon as its answer is written, a moment before its row says so.
 * Null: there is no such run.
 */
export async function readProgress(org: Org, runId: string): Promise<RunProgress | null> {
  const [[run], calls] = await Promise.all([readHead(org, runId), readCalls(org, runId)]);
  if (!run) return null;
  const { platform, tenant, channel, thread } = run.thread;
  const ended = run.endedAt !== null || run.isAnswered;
  return {
    runId,
    where: { platform, tenant, channel, thread },
    askedBy: run.askedBy,
    state: ended ? 'ended' : run.status === 'waiting' ? 'waiting' : 'working',
    text: ended ? endOf(run) : run.stopRequestedAt ? 'Stopping' : (run.statusText ?? 'Working'),
    steps: calls.map(({ id, tool, status, summary }): RunStep => {
      const title = summary ?? tool;
      return {
        id,
        title: ended && status === 'ambiguous' ? `${title} (unclear)` : title,
        state: stateOf(status, ended),
      };
    }),
  };
}

const readHead = (org: Org, runId: string) =>
  org.tx
    .select({
      status: runs.status,
      statusText: runs.statusText,
      endedAt: runs.endedAt,
      stopRequestedAt: runs.stopRequestedAt,
      thread: threads,
      askedBy: sql<string | null>`(select ${identities.externalId} from ${identities}
        where ${identities.orgId} = ${runs.orgId} and ${identities.memberId} = ${runs.requestedBy}
        and ${identities.platform} = ${threads.platform} and ${identities.tenant} = ${threads.tenant} limit 1)`,
      isAnswered: sql<boolean>`exists (select 1 from ${messages}
        where ${messages.orgId} = ${runs.orgId} and ${messages.runId} = ${runs.id} and ${messages.role} = 'assistant')`,
      hasReply: sql<boolean>`exists (select 1 from ${turns}
        where ${turns.orgId} = ${runs.orgId} and ${turns.runId} = ${runs.id} and ${turns.kind} = 'reply')`,
    })
    .from(runs)
    .innerJoin(threads, and(eq(threads.orgId, runs.orgId), eq(threads.id, runs.threadId)))
    .where(and(eq(runs.orgId, org.id), eq(runs.id, runId)));

const readCalls = (org: Org, runId: string) =>
  org.tx
    .select({
      id: toolCalls.id,
      tool: toolCalls.tool,
      status: toolCalls.status,
      summary: sql<string | null>`coalesce(${effects.summary}, ${approvals.summary})`,
    })
    .from(toolCalls)
    .leftJoin(effects, and(eq(effects.orgId, toolCalls.orgId), eq(effects.toolCallId, toolCalls.id)))
    .leftJoin(approvals, and(eq(approvals.orgId, toolCalls.orgId), eq(approvals.id, toolCalls.approvalId)))
    .where(and(eq(toolCalls.orgId, org.id), eq(toolCalls.runId, runId)))
    .orderBy(asc(toolCalls.turnNumber), asc(toolCalls.callNumber));

type Head = Awaited<ReturnType<typeof readHead>>[number];
/** Not "Done": that is for the ledger to say (RULES E8). */
function endOf({ status, stopRequestedAt, hasReply }: Head): string {
  if (status === 'stopped' || (status !== 'done' && status !== 'failed' && stopRequestedAt)) return 'Stopped';
  return status === 'done' || (status !== 'failed' && hasReply) ? 'Finished' : 'Not finished';
}

function stateOf(status: CallStatus, ended: boolean): RunStep['state'] {
  if (status === 'done') return 'done';
  if (status === 'failed' || status === 'refused' || status === 'denied' || ended) return 'failed';
  // Unclear: it has begun, and does not end before somebody says how.
  return status === 'running' || status === 'ambiguous' ? 'running' : 'pending';
}
