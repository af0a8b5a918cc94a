import { and, asc, eq } from 'drizzle-orm';
import { can, type Actor } from '#core/roles.ts';
import type { Org } from '#db/client.ts';
import { costOfRuns, findRun, listApprovals, listEffects, listRuns, type RunRow } from '#db/lists.ts';
import { toolCallsOf, type ToolCall, type Turn, turnsOf } from '#db/runs.ts';
import { modelCalls } from '#db/schema/runs.ts';
import { type ApprovalView, viewsOf } from './approvals.ts';
import { type EffectView, readEffectViews } from './effects.ts';

export type ModelCall = typeof modelCalls.$inferSelect;

export interface RunView extends RunRow {
  /** False: an admin looks at somebody else's request and sees what happened, not what was said (RULES D3). */
  mayReadContent: boolean;
  turns: Turn[];
  modelCalls: ModelCall[];
  toolCalls: ToolCall[];
  approvals: ApprovalView[];
  effects: EffectView[];
  /** Nano-USD; null when any call's cost is unknown. */
  costNanos: number | null;
}

/** A run with all that happened in it, or undefined when the actor may not know of it. */
export async function readRunView(org: Org, actor: Actor, runId: string): Promise<RunView | undefined> {
  const row = await findRun(org, actor, runId);
  if (!row) return undefined;
  const asked = await listApprovals(org, actor, { limit: 100, runId });
  const effects = await listEffects(org, actor, { limit: 100, runId });
  const costs = await costOfRuns(org, [runId]);
  return {
    ...row,
    mayReadContent: row.run.requestedBy === actor.memberId,
    turns: await turnsOf(org, runId),
    modelCalls: await org.tx
      .select()
      .from(modelCalls)
      .where(and(eq(modelCalls.orgId, org.id), eq(modelCalls.runId, runId)))
      .orderBy(asc(modelCalls.createdAt), asc(modelCalls.id)),
    toolCalls: await toolCallsOf(org, runId),
    approvals: await viewsOf(org, asked.items.toReversed()),
    effects: await readEffectViews(
      org,
      effects.items.map(({ id }) => id),
    ),
    costNanos: costs.get(runId) ?? null,
  };
}

export interface ListedRun {
  id: string;
  /** Null for somebody else's request. */
  text: string | null;
  status: RunRow['run']['status'];
  statusText: string | null;
  requestedByName: string;
  createdAt: Date;
  endedAt: Date | null;
  costNanos: number | null;
}

/** The runs the actor may see, newest first, with what they cost. */
export async function readRunList(
  org: Org,
  actor: Actor,
  cursor?: string,
): Promise<{ items: ListedRun[]; nextCursor: string | null; isEverybodys: boolean }> {
  const page = await listRuns(org, actor, { limit: 30, cursor });
  const costs = await costOfRuns(
    org,
    page.items.map(({ run }) => run.id),
  );
  const items = page.items.map(({ run, text, requestedByName }) => ({
    id: run.id,
    text: run.requestedBy === actor.memberId ? text : null,
    status: run.status,
    statusText: run.statusText,
    requestedByName,
    createdAt: run.createdAt,
    endedAt: run.endedAt,
    costNanos: costs.get(run.id) ?? null,
  }));
  return { items, nextCursor: page.nextCursor, isEverybodys: can(actor.role, 'run.readAll') };
}
