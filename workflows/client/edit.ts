import { and, eq, inArray } from 'drizzle-orm';
import type { Logger } from 'pino';
import type { reviseCall } from '#activities/index.ts';
import { UserError } from '#core/errors.ts';
import { cut } from '#core/text.ts';
import { actorText, type Actor } from '#core/roles.ts';
import { zPayload } from '#core/tools.ts';
import { addApproval, readApproval, settleApproval, type Approval } from '#db/approvals.ts';
import { audit } from '#db/audit.ts';
import type { Database, Org } from '#db/client.ts';
import { notify } from '#db/notify.ts';
import type { Run, ToolCall } from '#db/runs.ts';
import { approvals, runs, toolCalls } from '#db/schema/index.ts';
import { wakeWaiting } from './decide.ts';
import type { Engine } from './engine.ts';
import { openPending, whyNotEdit } from './pending.ts';
import type { Edited, EditInput } from './types.ts';

/** Binds a stored call to other arguments, as it would be proposed now. */
export type Revise = typeof reviseCall;
interface Deps {
  db: Database;
  engine: Engine;
  log: Logger;
  revise: Revise;
}

/**
 * RULES A4: an edit makes a new approval, and the old one is superseded with its votes. One transaction, under the same lock and checks as a decision, so
 * that of an edit and a decision at the same moment one wins; then an empty wake-up that is re-driven if Temporal was away.
 */
export function createEdit(deps: Deps) {
  return async (actor: Actor, approvalId: string, input: EditInput): Promise<Edited> => {
    const edited = await deps.db.withOrg(actor.orgId, (org) => editWithin(deps.revise, org, actor, approvalId, input));
    if (edited.kind === 'edited' || edited.kind === 'expired') await wakeWaiting(deps, actor.orgId, approvalId);
    return edited;
  };
}

async function editWithin(
  revise: Revise,
  org: Org,
  actor: Actor,
  approvalId: string,
  { input, comment, ...shown }: EditInput,
): Promise<Edited> {
  const found = await openPending(org, actor, approvalId, shown, async (opened) => whyNotEdit(opened, actor));
  if ('refused' in found) return found.refused;
  const { approval, run } = found.opened;
  await requireRoom(org, approval);
  const waiting = await waitingFor(org, approval);
  const call = waiting.find(({ call }) => call.id === approval.toolCallId)?.call;
  if (!call) throw new Error('nothing waits for this approval');
  const others = waiting.map(({ run }) => run).filter(({ id }) => id !== run.id);
  const { taint: _, ...revised } = await revise(org, { call, runs: [run, ...others] }, input);
  if (isUnchanged(approval, revised))
    return { kind: 'unchanged', text: 'Nothing was changed, so it waits as it was. Change an argument, or decide.' };

  const editors = [...new Set([...approval.editedBy, ...editorsOf(actor)])];
  const added = await addApproval(org, {
    ...revised,
    runId: approval.runId,
    threadId: approval.threadId,
    toolCallId: approval.toolCallId,
    tool: approval.tool,
    requestedBy: approval.requestedBy,
    supersedes: approval.id,
    editedBy: editors,
    // Never laxer than it was: what a run that has gone since had read from outside stays (RULES A3).
    policy: {
      ...revised.policy,
      requesterMayDecide: revised.policy.requesterMayDecide && approval.policy.requesterMayDecide,
    },
  });
  if (!added) return duplicate(org, approval, revised.payloadSha256);
  await settleApproval(org, approval.id, {
    status: 'superseded',
    decidedBy: actor.memberId,
    comment: comment ?? null,
  });
  await moveWaiting(org, waiting, added, input);
  await audit(org, {
    actor: actorText(actor),
    action: 'approval.edited',
    target: { type: 'approval', id: approval.id },
    details: {
      supersededBy: added.id,
      payloadSha256: approval.payloadSha256,
      newPayloadSha256: added.payloadSha256,
      surface: shown.surface,
      runId: approval.runId,
    },
  });
  return { kind: 'edited', approvalId: added.id, payloadSha256: added.payloadSha256 };
}

const MAX_EDITS = 20;

/** Each edit asks people anew and lengthens the way from the first approval to the last, which every look walks. Throws `UserError` 409. */
async function requireRoom(org: Org, approval: Approval): Promise<void> {
  let edits = 0;
  for (let at: Approval | undefined = approval; at?.supersedes; at = await readApproval(org, at.supersedes)) edits += 1;
  if (edits >= MAX_EDITS)
    throw new UserError(`This was edited ${MAX_EDITS} times already. Decide on it, or deny it and ask again.`, {
      status: 409,
    });
}

type Waiting = { call: ToolCall; run: Run }[];

/** Every call that waits for the answer: of the run that asked, and of those that joined the question (RULES R3). */
const waitingFor = (org: Org, approval: Approval): Promise<Waiting> =>
  org.tx
    .select({ call: toolCalls, run: runs })
    .from(toolCalls)
    .innerJoin(runs, and(eq(runs.orgId, toolCalls.orgId), eq(runs.id, toolCalls.runId)))
    .where(and(eq(toolCalls.orgId, org.id), eq(toolCalls.approvalId, approval.id)));

/** A key acts for its member, and whoever made it could have used it: both count (RULES A3). */
const editorsOf = ({ memberId, apiKey }: Actor): string[] => [memberId, ...(apiKey ? [apiKey.createdBy] : [])];

/** The same arguments. What else is bound may have moved on since, but nobody edited it. */
function isUnchanged(approval: Approval, revised: { payload: string; payloadSha256: string }): boolean {
  const argumentsIn = (text: string): string => JSON.stringify(zPayload.parse(JSON.parse(text)).arguments);
  return (
    revised.payloadSha256 === approval.payloadSha256 || argumentsIn(revised.payload) === argumentsIn(approval.payload)
  );
}

async function duplicate(org: Org, { threadId }: Approval, payloadSha256: string): Promise<Edited> {
  const [same] = await org.tx
    .select({ id: approvals.id })
    .from(approvals)
    .where(
      and(
        eq(approvals.orgId, org.id),
        eq(approvals.threadId, threadId),
        eq(approvals.payloadSha256, payloadSha256),
        eq(approvals.status, 'pending'),
      ),
    );
  return {
    kind: 'duplicate',
    approvalId: same?.id ?? '',
    text: 'Edited like this it would be the same as another request that waits in this thread. Decide on that one, and deny this one.',
  };
}

/**
 * From here on they wait for the new one; what they would run and who wrote it change together with it. A call that is over goes along, since its requester
 * still counts as one who asked, but keeps the record of what it was.
 */
async function moveWaiting(org: Org, waiting: Waiting, to: Approval, input: EditInput['input']): Promise<void> {
  const isOver = ({ call, run }: Waiting[number]): boolean => call.endedAt !== null || run.endedAt !== null;
  const move = (calls: Waiting, set: Partial<ToolCall>): Promise<unknown> =>
    org.tx
      .update(toolCalls)
      .set({ ...set, approvalId: to.id })
      .where(
        and(
          eq(toolCalls.orgId, org.id),
          inArray(
            toolCalls.id,
            calls.map(({ call }) => call.id),
          ),
        ),
      );
  const { payload, payloadSha256, editedBy } = to;
  await move(
    waiting.filter((one) => !isOver(one)),
    { input: JSON.stringify(input), payload, payloadSha256, editedBy },
  );
  await move(waiting.filter(isOver), {});
  const waits = waiting.map(({ run }) => run.id);
  await org.tx
    .update(runs)
    .set({ statusText: cut(`Waits for approval of ${to.tool}: ${to.summary}`, 300) })
    .where(and(eq(runs.orgId, org.id), inArray(runs.id, waits), eq(runs.status, 'waiting')));
  for (const runId of new Set(waits)) await notify(org, { runId, threadId: to.threadId, approvalId: to.id });
}
