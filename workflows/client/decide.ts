import { and, eq, inArray, sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import { errorText } from '#core/errors.ts';
import { actorText, type Actor } from '#core/roles.ts';
import { audit } from '#db/audit.ts';
import { addVote, findCard, markSignalled, readEdits, settleApproval, type Approval } from '#db/approvals.ts';
import type { Database, Org } from '#db/client.ts';
import { readOrg } from '#db/orgs.ts';
import { apiKeys, approvals, members, passwordResets, toolCalls } from '#db/schema/index.ts';
import type { Engine } from './engine.ts';
import { openPending, whyNotDecide } from './pending.ts';
import type { Decided, DecisionInput } from './types.ts';

/** RULES A2: the only way an approval is decided. One transaction, then an empty wake-up that is re-driven if Temporal was away. */
export function createDecide({ db, engine, log }: { db: Database; engine: Engine; log: Logger }) {
  return async (actor: Actor, approvalId: string, input: DecisionInput): Promise<Decided> => {
    const decided = await db.withOrg(actor.orgId, (org) => decideWithin(org, actor, approvalId, input));
    if (decided.kind === 'decided' || decided.kind === 'expired')
      await wakeWaiting({ db, engine, log }, actor.orgId, approvalId);
    return decided;
  };
}

/** Wakes every run that waits for a settled approval, or for what took its place; then marks it signalled. What fails here the sweeper repeats. */
export async function wakeWaiting(
  { db, engine, log }: { db: Database; engine: Engine; log: Logger },
  orgId: string,
  approvalId: string,
): Promise<boolean> {
  try {
    const waiting = await db.withOrg(orgId, async (org) => {
      const ids = (await readEdits(org, approvalId)).map(({ id }) => id);
      return org.tx
        .selectDistinct({ runId: toolCalls.runId })
        .from(toolCalls)
        .where(and(eq(toolCalls.orgId, orgId), inArray(toolCalls.approvalId, ids)));
    });
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
  const found = await openPending(org, actor, approvalId, input, async (opened) => {
    const why = whyNotDecide(opened, actor);
    if (why || !input.card) return why;
    return (await isOtherCard(org, opened.approval, input)) ? OTHER_CARD : null;
  });
  if ('refused' in found) return found.refused;
  const { approval, member } = found.opened;
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

const OTHER_CARD = 'This is not the card that was sent. Decide on the original.';

async function isOtherCard(org: Org, approval: Approval, { card, payloadSha256 }: DecisionInput): Promise<boolean> {
  if (!card) return false;
  const [stored] = await findCard(org, { ...card, approvalId: approval.id });
  return stored === undefined || stored.payloadSha256 !== payloadSha256;
}

/**
 * Members and keys of the last 24 hours are on record beside the decision (RULES A3), and so is a password that was reset by a link: whoever made the link
 * could have used it.
 */
async function newcomers(
  org: Org,
  actor: Actor,
): Promise<{ newMember?: boolean; newKey?: boolean; newPassword?: boolean }> {
  const isNew = (column: typeof members.activatedAt | typeof apiKeys.createdAt | typeof passwordResets.usedAt) =>
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
  const [reset] = await org.tx
    .select({ id: passwordResets.id })
    .from(passwordResets)
    .where(
      and(eq(passwordResets.orgId, org.id), eq(passwordResets.memberId, actor.memberId), isNew(passwordResets.usedAt)),
    )
    .limit(1);
  return {
    ...(member?.isNew ? { newMember: true } : {}),
    ...(key?.isNew ? { newKey: true } : {}),
    ...(reset ? { newPassword: true } : {}),
  };
}
