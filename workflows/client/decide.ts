import { and, eq, sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import { errorText } from '#core/errors.ts';
import { sha256 } from '#core/hash.ts';
import { actorText, can, type Actor } from '#core/roles.ts';
import { audit } from '#db/audit.ts';
import {
  addVote,
  expireIfDue,
  findCard,
  lockApproval,
  markSignalled,
  readApproval,
  settleApproval,
  type Approval,
} from '#db/approvals.ts';
import type { Database, Org } from '#db/client.ts';
import { isOnePersonOrg, readOrg } from '#db/orgs.ts';
import { lockRun } from '#db/runs.ts';
import { apiKeys, approvals, members, runs, toolCalls } from '#db/schema/index.ts';
import type { Engine } from './engine.ts';
import type { Decided, DecisionInput } from './types.ts';

type Member = typeof members.$inferSelect;

/** RULES A2: the only way an approval is decided. One transaction, then an empty wake-up that is re-driven if Temporal was away. */
export function createDecide({ db, engine, log }: { db: Database; engine: Engine; log: Logger }) {
  return async (actor: Actor, approvalId: string, input: DecisionInput): Promise<Decided> => {
    const decided = await db.withOrg(actor.orgId, (org) => decideWithin(org, actor, approvalId, input));
    if (decided.kind === 'decided' || decided.kind === 'expired')
      await wakeWaiting({ db, engine, log }, actor.orgId, approvalId);
    return decided;
  };
}

/** Wakes every run that waits for a decided approval, then marks it signalled; what fails here the sweeper repeats. */
export async function wakeWaiting(
  { db, engine, log }: { db: Database; engine: Engine; log: Logger },
  orgId: string,
  approvalId: string,
): Promise<boolean> {
  try {
    const waiting = await db.withOrg(orgId, (org) =>
      org.tx
        .selectDistinct({ runId: toolCalls.runId })
        .from(toolCalls)
        .where(and(eq(toolCalls.orgId, orgId), eq(toolCalls.approvalId, approvalId))),
    );
    for (const { runId } of waiting) await engine.wake({ orgId, runId });
    await db.withOrg(orgId, (org) => markSignalled(org, [approvalId]));
    return true;
  } catch (error) {
    const attempts = await countFailure(db, orgId, approvalId).catch(() => 0);
    const words = { orgId, approvalId, attempts, error: errorText(error) };
    // Told once, and tried on: a run must not wait for ever for a decision that was made.
    if (attempts === ALERT_AFTER) log.error({ ...words, alert: true }, 'dead letter: a decision cannot be signalled');
    else log.warn(words, 'decided but not signalled; the sweeper will');
    return false;
  }
}

const ALERT_AFTER = 10;

const countFailure = (db: Database, orgId: string, approvalId: string): Promise<number> =>
  db.withOrg(orgId, async ({ tx }) => {
    const [row] = await tx
      .update(approvals)
      .set({ signalAttempts: sql`${approvals.signalAttempts} + 1` })
      .where(and(eq(approvals.orgId, orgId), eq(approvals.id, approvalId)))
      .returning({ attempts: approvals.signalAttempts });
    return row?.attempts ?? 0;
  });

async function decideWithin(org: Org, actor: Actor, approvalId: string, input: DecisionInput): Promise<Decided> {
  // The run first, as Stop and the end of a run do: two orders would be a deadlock.
  const runId = (await readApproval(org, approvalId))?.runId;
  const run = runId && (await lockRun(org, runId));
  const locked = await lockApproval(org, approvalId);
  if (!run || !locked) return { kind: 'not_found', text: 'There is no such approval, or you may not see it.' };
  const { approval, isExpired } = locked;
  const [member] = await org.tx
    .select()
    .from(members)
    .where(and(eq(members.orgId, org.id), eq(members.id, actor.memberId)));
  const refuse = async (refused: Decided, reason: string): Promise<Decided> => {
    await audit(org, {
      actor: actorText(actor),
      action: 'approval.refused',
      target: { type: 'approval', id: approvalId },
      details: { reason, surface: input.surface },
    });
    return refused;
  };
  // Asked again at the click: a second member may have joined since the card was made.
  const isAlone = approval.policy.requesterMayDecide && (await isOnePersonOrg(org));
  const askers = await requestersOf(org, approval);
  const why = mayNotDecide(approval, member, actor, isAlone ? new Set() : askers);
  if (why) return refuse({ kind: 'forbidden', text: why }, 'not allowed');
  if (input.card && (await isOtherCard(org, approval, input)))
    return refuse(
      { kind: 'forbidden', text: 'This is not the card that was sent. Decide on the original.' },
      'other card',
    );
  if (approval.status === 'pending' && isExpired) await expireIfDue(org, approvalId);
  if (approval.status === 'expired' || (approval.status === 'pending' && isExpired))
    return refuse({ kind: 'expired', text: 'This approval has expired. Ask for it again in the thread.' }, 'expired');
  if (approval.status !== 'pending') return already(org, approval);
  if (run.stopRequestedAt)
    return refuse(
      { kind: 'already', status: 'cancelled', decidedBy: null, text: 'The request was stopped.' },
      'run stopped',
    );
  if (input.payloadSha256 !== approval.payloadSha256 || sha256(approval.payload) !== approval.payloadSha256)
    return refuse(
      { kind: 'changed', text: 'What would run is not what you were shown. Reload and read it again.' },
      'payload changed',
    );

  await addVote(org, {
    approvalId,
    memberId: actor.memberId,
    decision: input.decision,
    comment: input.comment ?? null,
    apiKeyId: actor.apiKey?.id ?? null,
    surface: input.surface,
  });
  const status = input.decision === 'approve' ? 'approved' : 'denied';
  const { policy } = await readOrg(org);
  await settleApproval(org, approvalId, {
    status,
    decidedBy: actor.memberId,
    comment: input.comment ?? null,
    ...(status === 'approved' ? { useWithinMs: policy.useWithinMs } : {}),
  });
  await audit(org, {
    actor: actorText(actor),
    action: `approval.${status}`,
    target: { type: 'approval', id: approvalId },
    details: {
      payloadSha256: approval.payloadSha256,
      surface: input.surface,
      runId: approval.runId,
      ...(await newcomers(org, actor)),
    },
  });
  return { kind: 'decided', status, decidedBy: member?.name ?? '', decidedAt: new Date().toISOString() };
}

/** Who asked: of the run that asked first, and of every run that joined the question since (RULES R3). */
async function requestersOf(org: Org, approval: Approval): Promise<Set<string>> {
  const joined = await org.tx
    .selectDistinct({ requestedBy: runs.requestedBy })
    .from(toolCalls)
    .innerJoin(runs, and(eq(runs.orgId, toolCalls.orgId), eq(runs.id, toolCalls.runId)))
    .where(and(eq(toolCalls.orgId, org.id), eq(toolCalls.approvalId, approval.id)));
  return new Set([approval.requestedBy, ...joined.map(({ requestedBy }) => requestedBy)]);
}

/** RULES A3: the reason a person may not decide, or null. */
function mayNotDecide(
  approval: Approval,
  member: Member | undefined,
  actor: Actor,
  askers: ReadonlySet<string>,
): string | null {
  if (!member || member.status !== 'active') return 'Your access was switched off.';
  if (actor.apiKey && !actor.apiKey.scopes.includes('full'))
    return 'This API key may only read. Use one with full scope.';
  if (askers.has(actor.memberId)) return 'You asked for this, so someone else has to decide. Ask an owner or admin.';
  if (actor.apiKey && askers.has(actor.apiKey.createdBy))
    return 'This API key was made by the person who asked, so it may not decide.';
  const isNamed = approval.policy.members.includes(member.id) || approval.policy.roles.includes(member.role);
  if (!isNamed || !can(member.role, 'approval.decide'))
    return `Your role (${member.role}) may not decide this. Ask an owner or admin.`;
  return null;
}

async function isOtherCard(org: Org, approval: Approval, { card, payloadSha256 }: DecisionInput): Promise<boolean> {
  if (!card) return false;
  const [stored] = await findCard(org, { ...card, approvalId: approval.id });
  return stored === undefined || stored.payloadSha256 !== payloadSha256;
}

async function already(org: Org, approval: Approval): Promise<Decided> {
  const [by] = approval.decidedBy
    ? await org.tx
        .select({ name: members.name })
        .from(members)
        .where(and(eq(members.orgId, org.id), eq(members.id, approval.decidedBy)))
    : [];
  const text = by
    ? `${by.name} already ${approval.status === 'denied' ? 'denied' : 'approved'} this.`
    : `This approval is ${approval.status}.`;
  return { kind: 'already', status: approval.status, decidedBy: by?.name ?? null, text };
}

/** Members and keys of the last 24 hours are on record beside the decision (RULES A3). */
async function newcomers(org: Org, actor: Actor): Promise<{ newMember?: boolean; newKey?: boolean }> {
  const isNew = (column: typeof members.activatedAt | typeof apiKeys.createdAt) =>
    sql<boolean>`${column} > now() - interval '24 hours'`;
  const [member] = await org.tx
    .select({ isNew: isNew(members.activatedAt) })
    .from(members)
    .where(and(eq(members.orgId, org.id), eq(members.id, actor.memberId)));
  const [key] = actor.apiKey
    ? await org.tx
        .select({ isNew: isNew(apiKeys.createdAt) })
        .from(apiKeys)
        .where(and(eq(apiKeys.orgId, org.id), eq(apiKeys.id, actor.apiKey.id)))
    : [];
  return { ...(member?.isNew ? { newMember: true } : {}), ...(key?.isNew ? { newKey: true } : {}) };
}
