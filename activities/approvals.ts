import { UserError } from '#core/errors.ts';
import { and, eq, gt, inArray, or, sql } from 'drizzle-orm';
import type { ThreadRef } from '#core/chat.ts';
import { zPayload } from '#core/tools.ts';
import { addCard, askApproval, expireIfDue, markCard, readApproval, staleCards, type Approval } from '#db/approvals.ts';
import { audit } from '#db/audit.ts';
import type { Org } from '#db/client.ts';
import { notify } from '#db/notify.ts';
import { isOnePersonOrg, readOrg } from '#db/orgs.ts';
import { lockRun, readToolCall, showRun, updateToolCall, type Run } from '#db/runs.ts';
import { apiKeys, approvals, members } from '#db/schema/index.ts';
import { readThread, releaseThread, type Thread } from '#db/threads.ts';
import { approvalCard, type ApprovalFacts } from './chat/render/index.ts';
import type { ActivityDeps } from './deps.ts';
import { readContext } from './turn/context.ts';
import { originsIn, whyApproval } from './turn/propose.ts';
import { toolsFor } from './turn/tools.ts';

type Deps = Pick<ActivityDeps, 'db' | 'chat' | 'publicUrl'>;
type RunRef = { orgId: string; runId: string };

/** Asking people, as activities. Postgres is the truth about an approval; the card is its rendering (RULES A). */
export function createApprovalActivities({ db, chat, publicUrl }: Deps) {
  /** Shows the approval in a thread, once: the card's key is the approval's id. */
  async function postCard(orgId: string, approval: Approval, thread: Thread): Promise<void> {
    const out = chat[thread.platform];
    if (!out) return;
    const facts = await db.withOrg(orgId, (org) => factsOf(org, approval));
    const where: ThreadRef = {
      platform: thread.platform,
      tenant: thread.tenant,
      channel: thread.channel,
      thread: thread.thread,
    };
    const at = await out.post(
      orgId,
      where,
      approvalCard({ ...facts, budget: out.budget, panelUrl: `${publicUrl}/approvals/${approval.id}` }),
    );
    await db.withOrg(orgId, (org) =>
      addCard(org, {
        approvalId: approval.id,
        ...where,
        message: at.message,
        payloadSha256: approval.payloadSha256,
        shows: facts.status,
      }),
    );
  }

  const editStale = async ({ orgId, approvalId }: { orgId: string; approvalId: string }): Promise<void> => {
    const stale = await db.withOrg(orgId, (org) => staleCards(org, approvalId));
    for (const { card } of stale) {
      const out = chat[card.platform];
      const approval = await db.withOrg(orgId, (org) => readApproval(org, approvalId));
      if (!out || !approval) continue;
      const facts = await db.withOrg(orgId, (org) => factsOf(org, approval));
      await out.edit(
        orgId,
        card,
        approvalCard({ ...facts, budget: out.budget, panelUrl: `${publicUrl}/approvals/${approvalId}` }),
      );
      await db.withOrg(orgId, (org) => markCard(org, card.id, facts.status));
    }
  };

  return {
    /** Asks for a stored call, or joins the same question already waiting in the thread (RULES R3), and shows the card. */
    async requestApproval({
      orgId,
      runId,
      toolCallId,
    }: RunRef & { toolCallId: string }): Promise<{ approvalId: string }> {
      const { approval, thread } = await db.withOrg(orgId, (org) => ask(org, runId, toolCallId));
      await postCard(orgId, approval, thread);
      return { approvalId: approval.id };
    },

    /** What a waiting run reads before it waits and after every wake-up; past its time, it expires here (RULES A6). */
    readApproval: ({
      orgId,
      approvalId,
    }: RunRef & { approvalId: string }): Promise<{ status: string; expiresInMs: number }> =>
      db.withOrg(orgId, async (org) => {
        await expireIfDue(org, approvalId);
        const approval = await readApproval(org, approvalId);
        if (!approval) throw new Error('approval vanished');
        return { status: approval.status, expiresInMs: Math.max(100, approval.expiresAt.getTime() - Date.now() + 50) };
      }),

    /** Every copy of the card is edited from the recorded decision (RULES A7). Also what the sweeper calls. */
    updateCards: editStale,
  };
}

/** Everything the card says, with names for ids. */
async function factsOf(org: Org, approval: Approval): Promise<ApprovalFacts> {
  const ids = [approval.requestedBy, ...(approval.decidedBy ? [approval.decidedBy] : [])];
  const people = await org.tx
    .select({ id: members.id, name: members.name })
    .from(members)
    .where(and(eq(members.orgId, org.id), inArray(members.id, ids)));
  const nameOf = (id: string | null): string | null => people.find((person) => person.id === id)?.name ?? null;
  return {
    ...approval,
    payloadText: approval.payload,
    requestedByName: nameOf(approval.requestedBy) ?? 'someone',
    requesterMayDecide: approval.policy.requesterMayDecide,
    newcomers: await newcomersOf(org, approval),
    decidedByName: nameOf(approval.decidedBy),
  };
}

/** Members and keys of the last 24 hours that could decide (RULES A3). */
async function newcomersOf(org: Org, { policy }: Approval): Promise<string[]> {
  const isDecider = or(
    inArray(members.role, policy.roles),
    policy.members.length > 0 ? inArray(members.id, policy.members) : sql`false`,
  );
  const recent = sql`now() - interval '24 hours'`;
  const newMembers = await org.tx
    .select({ name: members.name })
    .from(members)
    .where(and(eq(members.orgId, org.id), eq(members.status, 'active'), gt(members.activatedAt, recent), isDecider));
  const newKeys = await org.tx
    .select({ name: apiKeys.name, member: members.name })
    .from(apiKeys)
    .innerJoin(members, and(eq(members.orgId, apiKeys.orgId), eq(members.id, apiKeys.memberId)))
    .where(and(eq(apiKeys.orgId, org.id), gt(apiKeys.createdAt, recent), sql`${apiKeys.revokedAt} is null`, isDecider));
  return [
    ...newMembers.map(({ name }) => `${name} joined within the last 24 hours`),
    ...newKeys.map(({ name, member }) => `API key "${name}" of ${member} was made within the last 24 hours`),
  ].slice(0, 6);
}

async function ask(org: Org, runId: string, toolCallId: string): Promise<{ approval: Approval; thread: Thread }> {
  const run = await lockRun(org, runId);
  const call = await readToolCall(org, toolCallId);
  const thread = run && (await readThread(org, run.threadId));
  // Too late: nobody would ever use the decision, and an equal request would join it (RULES R3).
  if (run?.stopRequestedAt || run?.endedAt) throw new UserError('The request was stopped before this was asked.');
  if (!run || !thread || call.payload === null || call.payloadSha256 === null) throw new Error('nothing to ask about');
  const before = call.approvalId ? await readUsable(org, run, call.approvalId) : undefined;
  const approval =
    before ?? (await askNew(org, run, { ...call, payload: call.payload, payloadSha256: call.payloadSha256 }));
  await wait(org, run, approval);
  return { approval, thread };
}

async function askNew(
  org: Org,
  run: Run,
  call: { id: string; tool: string; payload: string; payloadSha256: string },
): Promise<Approval> {
  const { policy } = await readOrg(org);
  const tool = (await toolsFor(org, run)).get(call.tool);
  const payload = zPayload.parse(JSON.parse(call.payload));
  const context = await readContext(org, run);
  const taint = run.taint ?? context.taint;
  const summary = tool?.kind === 'action' ? tool.action.preview(payload.arguments) : call.tool;
  const reason =
    (tool && whyApproval(tool, payload, policy, { ...context, taint })) ??
    'It was proposed while the policy wanted a person to decide.';
  const { approval, isNew } = await askApproval(org, {
    runId: run.id,
    threadId: run.threadId,
    toolCallId: call.id,
    tool: call.tool,
    summary,
    payload: call.payload,
    payloadSha256: call.payloadSha256,
    requestedBy: run.requestedBy,
    policy: {
      version: policy.version,
      roles: policy.approverRoles,
      members: policy.approverMembers,
      requesterMayDecide: taint === null && (await isOnePersonOrg(org)),
    },
    reason,
    origins: originsIn(payload.arguments, context.outside).slice(0, 50),
    expiresAt: sql`now() + make_interval(secs => ${policy.approvalExpiresAfterMs / 1000})` as never,
  });
  await updateToolCall(org, call.id, { approvalId: approval.id });
  if (!isNew) return joinQuestion(org, approval, { taint, origins: originsIn(payload.arguments, context.outside) });
  if (isNew)
    await audit(org, {
      actor: `member:${run.requestedBy}`,
      action: 'approval.asked',
      target: { type: 'approval', id: approval.id },
      details: { payloadSha256: call.payloadSha256, runId: run.id, tool: call.tool },
    });
  return approval;
}

/** Joining a question never makes it laxer: it takes on the taint and the origins of every run that waits for it (RULES A3, T2). */
async function joinQuestion(
  org: Org,
  approval: Approval,
  { taint, origins }: { taint: string | null; origins: Approval['origins'] },
): Promise<Approval> {
  const known = new Set(approval.origins.map(({ path, origin }) => `${path} ${origin}`));
  const added = origins.filter(({ path, origin }) => !known.has(`${path} ${origin}`));
  const [joined] = await org.tx
    .update(approvals)
    .set({
      origins: [...approval.origins, ...added].slice(0, 50),
      policy: { ...approval.policy, requesterMayDecide: approval.policy.requesterMayDecide && taint === null },
    })
    .where(and(eq(approvals.orgId, org.id), eq(approvals.id, approval.id)))
    .returning();
  return joined ?? approval;
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
