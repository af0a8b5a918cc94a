import { can, type Actor } from '#core/roles.ts';
import type { ApprovalView } from './approvals.ts';

// Why somebody is shown no buttons. Only a courtesy: decide() and editApproval() say what counts.

interface Asked {
  requestedBy: string;
  policy: { roles: readonly string[]; members: readonly string[]; requesterMayDecide: boolean };
  editedBy?: readonly string[];
  isAlone?: boolean;
}

const isNamed = (actor: Actor, { policy }: Asked): boolean =>
  (policy.roles.includes(actor.role) || policy.members.includes(actor.memberId)) && can(actor.role, 'approval.decide');

/** Why this person may not decide, or null. */
export function whyNot(actor: Actor, asked: Asked): string | null {
  const isRequester = asked.requestedBy === actor.memberId;
  const isEditor = asked.editedBy?.includes(actor.memberId) ?? false;
  if ((isRequester || isEditor) && !asked.policy.requesterMayDecide) {
    if (asked.isAlone)
      return 'This request has read outside text, so a second person has to decide it, and you are the only one here. Invite somebody under Members, or ask again in a new thread.';
    return `You ${isRequester ? 'asked for' : 'edited'} this, so someone else has to decide. They find it under Approvals.`;
  }
  return isNamed(actor, asked) ? null : 'An owner or admin has to decide this.';
}

/** Whoever may decide or has asked may change the arguments first (RULES A4). */
export const mayEdit = (actor: Actor, approval: ApprovalView): boolean =>
  approval.status === 'pending' &&
  (isNamed(actor, approval) ||
    (can(actor.role, 'approval.decide') && [approval.requestedBy, ...approval.editedBy].includes(actor.memberId)));
