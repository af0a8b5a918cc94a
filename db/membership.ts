import { and, count, ne, sql } from 'drizzle-orm';
import { forbidden, notFound, UserError } from '#core/errors.ts';
import type { Actor, Role } from '#core/roles.ts';
import { endSessions } from './accounts.ts';
import { revokeKeysOf } from './api-keys.ts';
import type { Org } from './client.ts';
import { invite, voidInvitationsOf } from './invitations.ts';
import { isActiveOwner, isMember, lockMembership, noteActivation, readMember, type Member } from './members.ts';
import { voidResetsOf } from './password-resets.ts';
import { members } from './schema/identity.ts';

/**
 * Ends every session of somebody else; their API keys stay. Throws `UserError`: 404, 403 for an owner by somebody else.
 */
export async function signOutMember(org: Org, actor: Actor, memberId: string): Promise<Member> {
  const member = await readMember(org, memberId);
  if (!member) throw notFound('member');
  requireOwnerFor(actor, member.role);
  if (member.userId) await endSessions(org, member.userId);
  return member;
}

/** Only an owner makes, changes or unmakes an owner. Throws `UserError` 403. */
export function requireOwnerFor(actor: Actor, ...roles: (Role | undefined)[]): void {
  if (roles.includes('owner') && actor.role !== 'owner')
    throw forbidden('Only an owner can make, change or remove an owner. Ask one.');
}

async function requireAnotherOwner(org: Org, memberId: string): Promise<void> {
  const [others] = await org.tx
    .select({ n: count() })
    .from(members)
    .where(and(isActiveOwner(org), ne(members.id, memberId)));
  if ((others?.n ?? 0) === 0)
    throw new UserError('This is the last active owner. Make somebody else an owner first.', { status: 409 });
}

/**
 * Changes role or status. Deactivation ends the member's sessions, keys and invitations in the same transaction.
 * Throws `UserError`: 404, 403 when owners are touched by somebody else, 409 for the last owner or an account that is not there yet.
 */
export async function changeMember(
  org: Org,
  actor: Actor,
  memberId: string,
  change: { role?: Role | undefined; status?: 'active' | 'deactivated' | undefined; name?: string | undefined },
): Promise<Member> {
  await lockMembership(org);
  const member = await readMember(org, memberId);
  if (!member) throw notFound('member');
  requireOwnerFor(actor, member.role, change.role);
  const losesOwner =
    member.role === 'owner' &&
    member.status === 'active' &&
    (change.status === 'deactivated' || (change.role !== undefined && change.role !== 'owner'));
  if (losesOwner) await requireAnotherOwner(org, memberId);
  const returns = change.status === 'active' && member.status !== 'active';
  if (returns && (member.status === 'invited' || member.userId === null))
    throw new UserError('status: there is no account yet. Invite them again instead.', {
      status: 409,
      field: 'status',
    });
  const [changed] = await org.tx
    .update(members)
    .set({
      role: change.role ?? member.role,
      status: change.status ?? member.status,
      name: change.name ?? member.name,
      ...(returns && { activatedAt: sql`now()` }),
    })
    .where(isMember(org, memberId))
    .returning();
  if (!changed) throw notFound('member');
  if (returns) await noteActivation(org);
  if (change.status === 'deactivated') await lockOut(org, changed);
  return changed;
}

async function lockOut(org: Org, member: Member): Promise<void> {
  await revokeKeysOf(org, member.id);
  await voidInvitationsOf(org, member.id);
  await voidResetsOf(org, member.id);
  if (member.userId) await endSessions(org, member.userId);
}

/**
 * A fresh invitation for somebody without access: not yet here, or deactivated. Throws `UserError`: 404, 403 for an owner by somebody
 * else, 409 for an active account (an admin must not be able to take one over).
 */
export async function inviteAgain(
  org: Org,
  actor: Actor,
  memberId: string,
): Promise<{ token: string; expiresAt: Date }> {
  await lockMembership(org);
  const member = await readMember(org, memberId);
  if (!member) throw notFound('member');
  requireOwnerFor(actor, member.role);
  if (member.status === 'active' && member.userId !== null)
    throw new UserError('They are active already. Deactivate them first if they lost their password.', { status: 409 });
  if (member.status === 'deactivated')
    await org.tx.update(members).set({ status: 'invited' }).where(isMember(org, memberId));
  return invite(org, { memberId, createdBy: actor.memberId });
}
