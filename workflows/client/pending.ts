import { and, eq } from 'drizzle-orm';
import { sha256 } from '#core/hash.ts';
import { actorText, can, inScope, type Actor } from '#core/roles.ts';
import { audit } from '#db/audit.ts';
import { expireIfDue, lockApproval, readApproval, type Approval } from '#db/approvals.ts';
import { requestersOf } from '#db/approvers.ts';
import type { Org } from '#db/client.ts';
import { isOnePersonOrg } from '#db/orgs.ts';
import { lockRun, type Run } from '#db/runs.ts';
import { members } from '#db/schema/index.ts';
import type { Refused } from './types.ts';

type Member = typeof members.$inferSelect;

/** An approval whose row is locked until commit, and what decides who may do what with it. */
export interface Opened {
  approval: Approval;
  run: Run;
  member: Member | undefined;
  askers: ReadonlySet<string>;
  /** The org has never had a second person: asked again at the click, one may have joined since the card was made. */
  isAlone: boolean;
  /** Writes the refusal to the audit; last in its transaction (RULES D6). */
  refuse(refused: Refused, reason: string): Promise<{ refused: Refused }>;
}
interface Shown {
  payloadSha256: string;
  surface: string;
}

/**
 * What a decision and an edit share (RULES A2, A4): the row locked, then in this order allowed (`whyNot`), not expired by the database's clock, pending, its
 * run not stopped, and the payload the one that was shown.
 */
export async function openPending(
  org: Org,
  actor: Actor,
  approvalId: string,
  shown: Shown,
  whyNot: (opened: Opened) => Promise<string | null>,
): Promise<{ opened: Opened } | { refused: Refused }> {
  // The run first, as Stop and the end of a run do: two orders would be a deadlock.
  const runId = (await readApproval(org, approvalId))?.runId;
  const run = runId && (await lockRun(org, runId));
  const locked = await lockApproval(org, approvalId);
  if (!run || !locked)
    return { refused: { kind: 'not_found', text: 'There is no such approval, or you may not see it.' } };
  const { approval, isExpired } = locked;
  const refuse: Opened['refuse'] = async (refused, reason) => {
    await audit(org, {
      actor: actorText(actor),
      action: 'approval.refused',
      target: { type: 'approval', id: approvalId },
      details: { reason, surface: shown.surface },
    });
    return { refused };
  };
  const [member] = await org.tx
    .select()
    .from(members)
    .where(and(eq(members.orgId, org.id), eq(members.id, actor.memberId)));
  const askers = await requestersOf(org, approval);
  const opened = { approval, run, member, askers, isAlone: await isOnePersonOrg(org), refuse };
  const why = await whyNot(opened);
  if (why) return refuse({ kind: 'forbidden', text: why }, 'not allowed');
  if (approval.status === 'pending' && isExpired) await expireIfDue(org, approvalId);
  if (approval.status === 'expired' || (approval.status === 'pending' && isExpired))
    return refuse({ kind: 'expired', text: 'This approval has expired. Ask for it again in the thread.' }, 'expired');
  if (approval.status !== 'pending') return { refused: await already(org, approval) };
  if (run.stopRequestedAt)
    return refuse(
      { kind: 'already', status: 'cancelled', decidedBy: null, text: 'The request was stopped.' },
      'run stopped',
    );
  if (shown.payloadSha256 !== approval.payloadSha256 || sha256(approval.payload) !== approval.payloadSha256)
    return refuse(
      { kind: 'changed', text: 'What would run is not what you were shown. Reload and read it again.' },
      'payload changed',
    );
  return { opened };
}

/** RULES A3: the reason a person may not decide, or null. */
export function whyNotDecide({ approval, member, askers, isAlone }: Opened, actor: Actor): string | null {
  const closed = whyClosed(member, actor);
  if (closed) return closed;
  const isOwn = askers.has(actor.memberId);
  if (isOwn && !(isAlone && approval.policy.requesterMayDecide)) return ownRequest(approval, actor, isAlone);
  if (!isAlone && actor.apiKey && askers.has(actor.apiKey.createdBy))
    return 'This API key was made by the person who asked, so it may not decide.';
  return isNamed(approval, member) ? null : `Your role (${member?.role}) may not decide this. Ask an owner or admin.`;
}

function ownRequest(approval: Approval, { memberId }: Actor, isAlone: boolean): string {
  if (isAlone)
    return 'This request has read outside text, so a second person has to decide it, and you are the only one here. Invite somebody under Members, or ask again in a new thread.';
  return approval.requestedBy !== memberId && approval.editedBy.includes(memberId)
    ? 'You edited this, so someone else has to decide. Ask an owner or admin.'
    : 'You asked for this, so someone else has to decide. Ask an owner or admin.';
}

/** RULES A4: whoever may decide may edit, and so may those who asked. */
export function whyNotEdit({ approval, member, askers }: Opened, actor: Actor): string | null {
  const closed = whyClosed(member, actor);
  if (closed) return closed;
  const isOwn = askers.has(actor.memberId) && member !== undefined && can(member.role, 'approval.decide');
  return isOwn || isNamed(approval, member)
    ? null
    : `Your role (${member?.role}) may not edit this. Ask an owner or admin.`;
}

function whyClosed(member: Member | undefined, actor: Actor): string | null {
  if (!member || member.status !== 'active') return 'Your access was switched off.';
  return inScope(actor, 'approval.decide') ? null : 'This API key may not decide. Use one with full or decide scope.';
}

const isNamed = ({ policy }: Approval, member: Member | undefined): boolean =>
  member !== undefined &&
  (policy.members.includes(member.id) || policy.roles.includes(member.role)) &&
  can(member.role, 'approval.decide');

async function already(org: Org, { status, decidedBy }: Approval): Promise<Refused> {
  const [by] = decidedBy
    ? await org.tx
        .select({ name: members.name })
        .from(members)
        .where(and(eq(members.orgId, org.id), eq(members.id, decidedBy)))
    : [];
  const done = status === 'superseded' ? 'edited' : status === 'approved' || status === 'denied' ? status : null;
  const text = by && done ? `${by.name} already ${done} this.` : `This approval is ${status}.`;
  const next = status === 'superseded' ? ' Read what takes its place, and decide on that.' : '';
  return { kind: 'already', status, decidedBy: by?.name ?? null, text: text + next };
}
