import { and, eq, sql } from 'drizzle-orm';
import { setTimeout as pause } from 'node:timers/promises';
import { errorText, UserError } from '#core/errors.ts';
import { zPayload } from '#core/tools.ts';
import { askApproval, expireIfDue, readApproval, readEdits, type Approval } from '#db/approvals.ts';
import { audit } from '#db/audit.ts';
import type { Org } from '#db/client.ts';
import { notify } from '#db/notify.ts';
import { lockRun, readToolCall, showRun, updateToolCall, type Run, type ToolCall } from '#db/runs.ts';
import { approvals } from '#db/schema/index.ts';
import { releaseThread } from '#db/threads.ts';
import { createCards } from './cards.ts';
import type { ActivityDeps } from './deps.ts';
import { mergeOrigins, questionOf, type Question } from './question.ts';
import { toolsFor } from './turn/tools.ts';

type Deps = Pick<ActivityDeps, 'db' | 'chat' | 'homes' | 'publicUrl' | 'log'>;
type RunRef = { orgId: string; runId: string };

/** Well below what a local activity may take. */
const SHOW_WITHIN_MS = 2_000;

/** Asking people, as activities. Postgres is the truth about an approval; its cards are renderings (RULES A). */
export function createApprovalActivities(deps: Deps) {
  const { db, log } = deps;
  const { showCard, tellApprovers, updateCards } = createCards(deps);

  /** The run waits on whether or not a platform answers; what is not shown now, the sweeper shows. */
  async function showEdit(orgId: string, approvalId: string): Promise<void> {
    const showing = updateCards({ orgId, approvalId }).catch((error: unknown) =>
      log.warn({ orgId, approvalId, error: errorText(error) }, 'an edit is not shown yet; the sweeper will'),
    );
    await Promise.race([showing, pause(SHOW_WITHIN_MS, undefined, { ref: false })]);
  }

  return {
    /** Asks for a stored call, or joins the same question already waiting in the thread (RULES R3), and shows the card. */
    async requestApproval({
      orgId,
      runId,
      toolCallId,
    }: RunRef & { toolCallId: string }): Promise<{ approvalId: string }> {
      const approvalId = await db.withOrg(orgId, (org) => ask(org, runId, toolCallId));
      await showCard(orgId, approvalId);
      return { approvalId };
    },

    /**
     * What a waiting run reads before it waits and after every wake-up; past its time, it expires here (RULES A6). Once edited, the approval that took its
     * place is what the run waits for (RULES A4).
     */
    async readApproval({
      orgId,
      approvalId,
    }: RunRef & { approvalId: string }): Promise<{ status: string; expiresInMs: number }> {
      const newest = await db.withOrg(orgId, async (org) => {
        const last = (await readEdits(org, approvalId)).at(-1);
        const now = last && (await expireIfDue(org, last.id)) ? await readApproval(org, last.id) : last;
        return now && { ...now, expiresInMs: await timeLeft(org, now.id) };
      });
      if (!newest) throw new Error('approval vanished');
      const { id, status, expiresInMs } = newest;
      if (id !== approvalId && status === 'pending') await showEdit(orgId, approvalId);
      return { status, expiresInMs: Math.max(100, expiresInMs + 50) };
    },

    /** Every copy of the card is edited from the recorded decision (RULES A7). Also what the sweeper calls. */
    updateCards,

    /** What the sweeper calls for approvers who were not told directly. */
    tellApprovers,
  };
}

/** By the database's clock, which expires it: by a clock that is ahead the run would look again ten times a second. */
async function timeLeft(org: Org, approvalId: string): Promise<number> {
  const [row] = await org.tx
    .select({ ms: sql<number>`(extract(epoch from ${approvals.expiresAt} - clock_timestamp()) * 1000)::float8` })
    .from(approvals)
    .where(and(eq(approvals.orgId, org.id), eq(approvals.id, approvalId)));
  return Math.ceil(row?.ms ?? 0);
}

async function ask(org: Org, runId: string, toolCallId: string): Promise<string> {
  const run = await lockRun(org, runId);
  const call = await readToolCall(org, toolCallId);
  // Too late: nobody would ever use the decision, and an equal request would join it (RULES R3).
  if (run?.stopRequestedAt || run?.endedAt) throw new UserError('The request was stopped before this was asked.');
  if (!run || call.payload === null || call.payloadSha256 === null) throw new Error('nothing to ask about');
  const before = call.approvalId ? await readUsable(org, run, call.approvalId) : undefined;
  const approval =
    before ?? (await askNew(org, run, { ...call, payload: call.payload, payloadSha256: call.payloadSha256 }));
  await wait(org, run, approval);
  return approval.id;
}

async function askNew(
  org: Org,
  run: Run,
  call: ToolCall & { payload: string; payloadSha256: string },
): Promise<Approval> {
  const tool = (await toolsFor(org, run)).get(call.tool);
  const payload = zPayload.parse(JSON.parse(call.payload));
  const { taint, ...question } = await questionOf(
    org,
    run,
    { name: call.tool, tool, payload },
    'It was proposed while the policy wanted a person to decide.',
  );
  const { approval, isNew } = await askApproval(org, {
    ...question,
    runId: run.id,
    threadId: run.threadId,
    toolCallId: call.id,
    tool: call.tool,
    payload: call.payload,
    payloadSha256: call.payloadSha256,
    requestedBy: run.requestedBy,
    editedBy: call.editedBy,
  });
  await updateToolCall(org, call.id, { approvalId: approval.id });
  if (!isNew) return joinQuestion(org, approval, { ...question, taint, editedBy: call.editedBy });
  await audit(org, {
    actor: `member:${run.requestedBy}`,
    action: 'approval.asked',
    target: { type: 'approval', id: approval.id },
    details: { payloadSha256: call.payloadSha256, runId: run.id, tool: call.tool },
  });
  return approval;
}

/** Joining a question never makes it laxer: it takes on the taint, the origins and the editors of every run that waits for it (RULES A3, T2). */
async function joinQuestion(
  org: Org,
  approval: Approval,
  { taint, origins, editedBy }: Pick<Question, 'taint' | 'origins'> & { editedBy: string[] },
): Promise<Approval> {
  const [joined] = await org.tx
    .update(approvals)
    .set({
      origins: mergeOrigins(approval.origins, origins),
      editedBy: [...new Set([...approval.editedBy, ...editedBy])],
      policy: { ...approval.policy, requesterMayDecide: approval.policy.requesterMayDecide && taint === null },
    })
    .where(and(eq(approvals.orgId, org.id), eq(approvals.id, approval.id), eq(approvals.status, 'pending')))
    .returning();
  // Decided or edited at the same moment: the next attempt of the activity asks anew.
  if (!joined) throw new Error('the pending approval was settled just now');
  return joined;
}

/** A repeat of the activity finds its question. One whose decision grew too old (RULES A5), or that went away with another run's Stop, is asked anew. */
async function readUsable(org: Org, run: Run, approvalId: string): Promise<Approval | undefined> {
  const [row] = await org.tx
    .select({
      approval: approvals,
      isOver: sql<boolean>`${approvals.status} = 'approved' and ${approvals.useBefore} <= now()`,
    })
    .from(approvals)
    .where(and(eq(approvals.orgId, org.id), eq(approvals.id, approvalId)));
  const isAnothers = row?.approval.status === 'cancelled' && row.approval.runId !== run.id;
  return row && !row.isOver && !isAnothers ? row.approval : undefined;
}

/** While people think, the thread is free for other requests (RULES R2). */
async function wait(org: Org, run: Run, approval: Approval): Promise<void> {
  if (approval.status !== 'pending') return;
  await showRun(org, run.id, 'waiting', `Waits for approval of ${approval.tool}: ${approval.summary}`.slice(0, 300));
  await releaseThread(org, run.threadId, run.id);
  await notify(org, { runId: run.id, threadId: run.threadId, approvalId: approval.id });
}
