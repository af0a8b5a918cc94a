import { and, asc, eq, inArray, or } from 'drizzle-orm';
import type { Org } from './client.ts';
import { readRun, type Run, type ToolCall } from './runs.ts';
import { approvals, connections, effects, toolCalls } from './schema/index.ts';

export interface GivenState {
  run: Run;
  /** Undefined until it was proposed. */
  call: ToolCall | undefined;
  /** A person is asked about it. */
  approvalId: string | null;
  /** The call waits because nobody answers there. */
  isDown: boolean;
  /** By the ledger, it was sent or may have been (RULES E5). */
  isMaybeSent: boolean;
}

/** How far a run with one given call has come. Throws when there is no such run. */
export async function readGiven(org: Org, runId: string): Promise<GivenState> {
  const run = await readRun(org, runId);
  const [row] = await org.tx
    .select({ call: toolCalls, approvalId: approvals.id, health: connections.health })
    .from(toolCalls)
    .leftJoin(
      approvals,
      and(
        eq(approvals.orgId, toolCalls.orgId),
        eq(approvals.id, toolCalls.approvalId),
        eq(approvals.status, 'pending'),
      ),
    )
    .leftJoin(connections, and(eq(connections.orgId, toolCalls.orgId), eq(connections.id, toolCalls.connectionId)))
    .where(and(eq(toolCalls.orgId, org.id), eq(toolCalls.runId, runId)))
    .orderBy(asc(toolCalls.turnNumber), asc(toolCalls.callNumber))
    .limit(1);
  const [sent] = await org.tx
    .select({ id: effects.id })
    .from(effects)
    .where(
      and(
        eq(effects.orgId, org.id),
        eq(effects.runId, runId),
        or(
          inArray(effects.state, ['intended', 'ambiguous', 'confirmed']),
          and(eq(effects.state, 'resolved'), eq(effects.resolution, 'sent')),
        ),
      ),
    )
    .limit(1);
  const isParked = run.status === 'waiting' && row?.call.status === 'running';
  return {
    run,
    call: row?.call,
    approvalId: row?.approvalId ?? null,
    isDown: isParked && row?.health === 'down',
    isMaybeSent: sent !== undefined,
  };
}
