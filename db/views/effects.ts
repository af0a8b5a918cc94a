import { and, eq, inArray, sql } from 'drizzle-orm';
import type { Actor } from '#core/roles.ts';
import type { Org } from '#db/client.ts';
import { listEffects } from '#db/effect-list.ts';
import { readOrg } from '#db/orgs.ts';
import { type ApprovalPolicy, approvals, effects } from '#db/schema/approvals.ts';
import { connections } from '#db/schema/connections.ts';
import { members } from '#db/schema/identity.ts';
import { runs } from '#db/schema/runs.ts';
import type { EffectState } from '#db/schema/words.ts';
import { seesEffects } from '#db/visibility.ts';

/** An entry of the ledger with names for ids and with who may answer for it (RULES E6). */
export interface EffectView {
  id: string;
  runId: string;
  tool: string;
  summary: string;
  state: EffectState;
  attempts: number;
  externalId: string | null;
  receipt: string | null;
  error: string | null;
  resolution: 'sent' | 'not_sent' | null;
  resolvedByName: string | null;
  resolvedAt: Date | null;
  requestedBy: string;
  createdAt: Date;
  confirmedAt: Date | null;
  /** Its run was stopped or has ended: it is never sent again. */
  isOver: boolean;
  /** Who could have approved it. */
  policy: Pick<ApprovalPolicy, 'roles' | 'members' | 'requesterMayDecide'>;
}

/** By id, in the order they were intended. The caller has checked that they may be seen. */
export async function readEffectViews(org: Org, ids: readonly string[]): Promise<EffectView[]> {
  if (ids.length === 0) return [];
  const rows = await org.tx
    .select({
      effect: effects,
      requestedBy: runs.requestedBy,
      isOver: sql<boolean>`${runs.stopRequestedAt} is not null or ${runs.endedAt} is not null`,
      approvalPolicy: approvals.policy,
      resolvedByName: members.name,
    })
    .from(effects)
    .innerJoin(runs, and(eq(runs.orgId, effects.orgId), eq(runs.id, effects.runId)))
    .leftJoin(approvals, and(eq(approvals.orgId, effects.orgId), eq(approvals.id, effects.approvalId)))
    .leftJoin(members, and(eq(members.orgId, effects.orgId), eq(members.id, effects.resolvedBy)))
    .where(and(eq(effects.orgId, org.id), inArray(effects.id, [...ids])))
    .orderBy(effects.createdAt, effects.id);
  const { policy, hadSecondMember } = await readOrg(org);
  const usual = {
    roles: policy.approverRoles,
    members: policy.approverMembers,
    requesterMayDecide: !hadSecondMember,
  };
  return rows.map(({ effect, approvalPolicy, ...names }) => ({
    ...effect,
    ...names,
    policy: { ...(approvalPolicy ?? usual), requesterMayDecide: !hadSecondMember },
  }));
}

/** One the actor may see, or undefined. */
export async function readEffectView(org: Org, actor: Actor, effectId: string): Promise<EffectView | undefined> {
  const [seen] = await org.tx
    .select({ id: effects.id })
    .from(effects)
    .innerJoin(runs, and(eq(runs.orgId, effects.orgId), eq(runs.id, effects.runId)))
    .where(and(eq(effects.orgId, org.id), eq(effects.id, effectId), seesEffects(actor)));
  return seen && (await readEffectViews(org, [seen.id]))[0];
}

/** With what was sent, and with the names of those and that which it concerns. */
export interface EffectDetail extends EffectView {
  payload: string;
  payloadSha256: string;
  approvalId: string | null;
  requestedByName: string;
  connectionName: string | null;
}

export async function readEffectDetail(org: Org, actor: Actor, effectId: string): Promise<EffectDetail | undefined> {
  const view = await readEffectView(org, actor, effectId);
  if (!view) return undefined;
  const [row] = await org.tx
    .select({
      payload: effects.payload,
      payloadSha256: effects.payloadSha256,
      approvalId: effects.approvalId,
      requestedByName: members.name,
      connectionName: connections.name,
    })
    .from(effects)
    .innerJoin(members, and(eq(members.orgId, effects.orgId), eq(members.id, view.requestedBy)))
    .leftJoin(connections, and(eq(connections.orgId, effects.orgId), eq(connections.id, effects.connectionId)))
    .where(and(eq(effects.orgId, org.id), eq(effects.id, effectId)));
  return row && { ...view, ...row };
}

/** Unclear sends the actor is asked about. */
export async function readOpenQuestions(org: Org, actor: Actor): Promise<EffectView[]> {
  const page = await listEffects(org, actor, { limit: 50, state: 'ambiguous' });
  return readEffectViews(
    org,
    page.items.map(({ id }) => id),
  );
}
