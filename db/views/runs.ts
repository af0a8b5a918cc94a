import { and, asc, eq, inArray } from 'drizzle-orm';
import { may, type Actor } from '#core/roles.ts';
import { attachmentNames, type NamedAttachment } from '#db/attachments.ts';
import type { Database, Org } from '#db/client.ts';
import { listEffects } from '#db/effect-list.ts';
import { feedbackOf, type Rating } from '#db/feedback.ts';
import { listApprovals } from '#db/lists.ts';
import type { PageOf, TwoWayPage } from '#db/paging.ts';
import { costOfRuns, findRun, listRuns, type RunFilters, type RunRow } from '#db/run-list.ts';
import { toolCallsOf, type ToolCall, type Turn, turnsOf } from '#db/runs.ts';
import { connections } from '#db/schema/connections.ts';
import { modelCalls } from '#db/schema/runs.ts';
import { searchRuns } from '#db/search.ts';
import { type ApprovalView, viewsOf } from './approvals.ts';
import { type EffectView, readEffectViews } from './effects.ts';

export type ModelCall = typeof modelCalls.$inferSelect;

/** `mayReadResult` is false for what a personal connection of somebody else answered (RULES D3). */
export type SeenToolCall = ToolCall & { mayReadResult: boolean };

export interface RunView extends RunRow {
  /** False: an admin looks at somebody else's private request and sees what happened, not what was said (RULES D3). */
  mayReadContent: boolean;
  /** What came with the request, by name. */
  attachments: NamedAttachment[];
  turns: Turn[];
  modelCalls: ModelCall[];
  toolCalls: SeenToolCall[];
  approvals: ApprovalView[];
  effects: EffectView[];
  /** Nano-USD; null when any call's cost is unknown. */
  costNanos: number | null;
  /** What people said of its answer. */
  feedback: { name: string; rating: Rating }[];
}

/** A run with all that happened in it, or undefined when the actor may not know of it. */
export async function readRunView(org: Org, actor: Actor, runId: string): Promise<RunView | undefined> {
  const row = await findRun(org, actor, runId);
  if (!row) return undefined;
  const asked = await listApprovals(org, actor, { limit: 100, runId });
  const effects = await listEffects(org, actor, { limit: 100, runId });
  const costs = await costOfRuns(org, [runId]);
  const mayReadContent = !row.isPrivate;
  return {
    ...row,
    mayReadContent,
    attachments: mayReadContent ? await attachmentNames(org, [row.run.messageId]) : [],
    turns: await turnsOf(org, runId),
    modelCalls: await org.tx
      .select()
      .from(modelCalls)
      .where(and(eq(modelCalls.orgId, org.id), eq(modelCalls.runId, runId)))
      .orderBy(asc(modelCalls.createdAt), asc(modelCalls.id)),
    toolCalls: await seenToolCalls(org, actor, runId, mayReadContent),
    approvals: await viewsOf(org, asked.items.toReversed()),
    effects: await readEffectViews(
      org,
      effects.items.map(({ id }) => id),
    ),
    costNanos: costs.get(runId) ?? null,
    feedback: await feedbackOf(org, runId),
  };
}

async function seenToolCalls(org: Org, actor: Actor, runId: string, mayReadContent: boolean): Promise<SeenToolCall[]> {
  const calls = await toolCallsOf(org, runId);
  const ids = [...new Set(calls.flatMap(({ connectionId }) => connectionId ?? []))];
  const personal =
    ids.length === 0
      ? []
      : await org.tx
          .select({ id: connections.id, ownerMemberId: connections.ownerMemberId })
          .from(connections)
          .where(
            and(eq(connections.orgId, org.id), inArray(connections.id, ids), eq(connections.visibility, 'personal')),
          );
  const others = new Set(personal.filter((one) => one.ownerMemberId !== actor.memberId).map(({ id }) => id));
  return calls.map((call) => ({
    ...call,
    mayReadResult: mayReadContent && !others.has(call.connectionId ?? ''),
  }));
}

export type ListedRun = RunRow & {
  /** Nano-USD; null when any call's cost is unknown. */
  costNanos: number | null;
};

export interface RunQuery extends PageOf, RunFilters {
  /** Words of the request's text. */
  q?: string | undefined;
}

/** The runs the actor may see, newest first, with what they cost. Throws `UserError` for a foreign cursor, or a search that takes too long. */
export async function readRunList(
  db: Database,
  actor: Actor,
  { q, ...query }: RunQuery,
): Promise<TwoWayPage<ListedRun> & { isEverybodys: boolean }> {
  const page =
    q === undefined
      ? await db.withOrg(actor.orgId, (org) => listRuns(org, actor, query))
      : await searchRuns(db, actor, q, query);
  const costs = await db.withOrg(actor.orgId, (org) =>
    costOfRuns(
      org,
      page.items.map(({ run }) => run.id),
    ),
  );
  const items = page.items.map((row) => ({ ...row, costNanos: costs.get(row.run.id) ?? null }));
  return { ...page, items, isEverybodys: may(actor, 'run.readAll') };
}
