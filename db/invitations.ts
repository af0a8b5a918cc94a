import { and, eq, isNull, sql } from 'drizzle-orm';
import { notFound, UserError } from '#core/errors.ts';
import { randomToken, sha256 } from '#core/hash.ts';
import { can } from '#core/roles.ts';
import { savePassword } from './accounts.ts';
import type { Database, Org } from './client.ts';
import { activate, lockMembership, readMember, type Member } from './members.ts';
import { invitations, members, orgs } from './schema/identity.ts';

/** RULES D4. */
const VALID_HOURS = 48;

const isOpenFor = (org: Org, memberId: string) =>
  and(eq(invitations.orgId, org.id), eq(invitations.memberId, memberId), isNull(invitations.acceptedAt));

/** A one-time token; only its hash is kept. Invitations made before stay valid until one of them is used. */
export async function invite(
  org: Org,
  { memberId, createdBy }: { memberId: string; createdBy: string | null },
): Promise<{ token: string; expiresAt: Date }> {
  const token = `inv_${randomToken()}`;
  const [row] = await org.tx
    .insert(invitations)
    .values({
      orgId: org.id,
      memberId,
      tokenHash: sha256(token),
      createdBy,
      expiresAt: sql`now() + make_interval(hours => ${VALID_HOURS})`,
    })
    .returning({ expiresAt: invitations.expiresAt });
  if (!row) throw new Error('invitation was not stored');
  return { token, expiresAt: row.expiresAt };
}

/** Whose invitation it is, used or not, or undefined. */
export const findInvitation = (db: Database, token: string): Promise<{ orgId: string; isOpen: boolean } | undefined> =>
  db.withSystem('an invitation is opened before its org is known', async (tx) => {
    const [row] = await tx
      .select({
        orgId: invitations.orgId,
        isOpen: sql<boolean>`${invitations.acceptedAt} is null and ${invitations.expiresAt} > now()`,
      })
      .from(invitations)
      .where(eq(invitations.tokenHash, sha256(token)));
    return row;
  });

/** Whether whoever made it could still make it now: they may have left, or the invited may have become an owner since. */
async function isHeld(org: Org, createdBy: string | null, { role }: Pick<Member, 'role'>): Promise<boolean> {
  if (createdBy === null) return true;
  const maker = await readMember(org, createdBy);
  return maker?.status === 'active' && can(maker.role, 'member.manage') && (role !== 'owner' || maker.role === 'owner');
}

/** Whom an invitation is for and to where, for the page that asks for a password; null: the right to it is gone. */
export async function readInvited(
  org: Org,
  token: string,
): Promise<{ email: string; name: string; orgName: string } | null> {
  const [found] = await org.tx
    .select({
      row: { email: members.email, name: members.name, orgName: orgs.name },
      role: members.role,
      createdBy: invitations.createdBy,
    })
    .from(invitations)
    .innerJoin(members, and(eq(members.orgId, invitations.orgId), eq(members.id, invitations.memberId)))
    .innerJoin(orgs, eq(orgs.id, invitations.orgId))
    .where(and(eq(invitations.orgId, org.id), eq(invitations.tokenHash, sha256(token))));
  return found && (await isHeld(org, found.createdBy, found)) ? found.row : null;
}

export const invitationOver = (): UserError =>
  new UserError('This invitation was used, is older than 48 hours or was withdrawn. Ask your admin for a new one.', {
    status: 410,
  });

/**
 * Uses an invitation: the member gets their password, an account if they had none, and is active. Throws `UserError`: 404 unknown,
 * 410 used or expired (database clock), the member was deactivated since, or its maker could not make it any more, 409 when the address has an account elsewhere.
 */
export async function useInvitation(org: Org, token: string, passwordHash: string): Promise<Member> {
  await lockMembership(org);
  const [row] = await org.tx
    .select({
      id: invitations.id,
      memberId: invitations.memberId,
      createdBy: invitations.createdBy,
      isOpen: sql<boolean>`${invitations.acceptedAt} is null and ${invitations.expiresAt} > now()`,
    })
    .from(invitations)
    .where(and(eq(invitations.orgId, org.id), eq(invitations.tokenHash, sha256(token))))
    .for('update');
  if (!row) throw notFound('invitation');
  if (!row.isOpen) throw invitationOver();
  const member = await readMember(org, row.memberId);
  // An active member with an account changes the password by knowing it, never by an old link.
  if (!member || member.status === 'deactivated' || (member.status === 'active' && member.userId !== null))
    throw invitationOver();
  if (!(await isHeld(org, row.createdBy, member))) throw invitationOver();
  const userId = await savePassword(org, { ...member, passwordHash });
  await activate(org, member.id, userId);
  await voidInvitationsOf(org, member.id);
  return { ...member, userId, status: 'active' };
}

/** Ends every open invitation of the member. */
export const voidInvitationsOf = (org: Org, memberId: string): Promise<unknown> =>
  org.tx
    .update(invitations)
    .set({ acceptedAt: sql`now()` })
    .where(isOpenFor(org, memberId));
