import { and, eq, sql } from 'drizzle-orm';
import { forbidden, notFound, UserError } from '#core/errors.ts';
import { randomToken, sha256 } from '#core/hash.ts';
import { can, type Actor } from '#core/roles.ts';
import { savePassword } from './accounts.ts';
import type { Database, Org } from './client.ts';
import { lockMembership, readMember, type Member } from './members.ts';
import { members, orgs, passwordResets } from './schema/identity.ts';

/** RULES D4. */
const VALID_HOURS = 1;

const isOpen = sql<boolean>`${passwordResets.usedAt} is null and ${passwordResets.expiresAt} > now()`;

/** Why `by` may not reset this member's password, or null. An admin never reaches an owner's account, nor their own without its password. */
function whyNot(by: Pick<Member, 'id' | 'role'>, member: Member): string | null {
  if (by.id === member.id) return 'This is you: change your password on your account page, with the one you have.';
  if (!can(by.role, 'member.manage')) return 'Only owners and admins reset passwords.';
  if (member.role === 'owner' && by.role !== 'owner')
    return 'Only an owner can reset an owner’s password. Ask one, or whoever runs this server.';
  return null;
}

/**
 * A one-time token to choose a new password; only its hash is kept, and links made before end. `by` null: made on the server, by whoever runs it.
 * Throws `UserError`: 404, 403 for an owner by somebody else or for oneself, 409 for somebody without an account or deactivated.
 */
export async function makeReset(
  org: Org,
  by: Pick<Actor, 'memberId' | 'role'> | null,
  memberId: string,
): Promise<{ token: string; expiresAt: Date }> {
  await lockMembership(org);
  const member = await readMember(org, memberId);
  if (!member) throw notFound('member');
  const refused = by && whyNot({ id: by.memberId, role: by.role }, member);
  if (refused) throw forbidden(refused);
  if (member.status === 'deactivated')
    throw new UserError('They are deactivated. Invite them again instead.', { status: 409 });
  if (member.status !== 'active' || member.userId === null)
    throw new UserError('They have not joined yet. Invite them again instead.', { status: 409 });
  await voidResetsOf(org, memberId);
  const token = `rst_${randomToken()}`;
  const [row] = await org.tx
    .insert(passwordResets)
    .values({
      orgId: org.id,
      memberId,
      tokenHash: sha256(token),
      createdBy: by?.memberId ?? null,
      expiresAt: sql`now() + make_interval(hours => ${VALID_HOURS})`,
    })
    .returning({ expiresAt: passwordResets.expiresAt });
  if (!row) throw new Error('password reset was not stored');
  return { token, expiresAt: row.expiresAt };
}

/** Whose link it is, or undefined. */
export const findReset = (db: Database, token: string): Promise<{ orgId: string } | undefined> =>
  db.withSystem('a reset link is opened before its org is known', async (tx) => {
    const [row] = await tx
      .select({ orgId: passwordResets.orgId })
      .from(passwordResets)
      .where(eq(passwordResets.tokenHash, sha256(token)));
    return row;
  });

export const resetOver = (): UserError =>
  new UserError('This link was used, is older than an hour or was withdrawn. Ask your admin for a new one.', {
    status: 410,
  });

/** The member whose password it may set now, with the org's name; null: used, expired, or the right to it is gone. */
export async function readReset(org: Org, token: string): Promise<(Member & { orgName: string }) | null> {
  const [row] = await org.tx
    .select({ createdBy: passwordResets.createdBy, isOpen, member: members, orgName: orgs.name })
    .from(passwordResets)
    .innerJoin(members, and(eq(members.orgId, passwordResets.orgId), eq(members.id, passwordResets.memberId)))
    .innerJoin(orgs, eq(orgs.id, passwordResets.orgId))
    .where(and(eq(passwordResets.orgId, org.id), eq(passwordResets.tokenHash, sha256(token))));
  if (!row?.isOpen || row.member.status !== 'active' || row.member.userId === null) return null;
  // Asked again: whoever made it may have been deactivated since, or the member may have become an owner.
  const maker = row.createdBy === null ? null : await readMember(org, row.createdBy);
  const isHeld = maker === null || (maker?.status === 'active' && whyNot(maker, row.member) === null);
  return isHeld ? { ...row.member, orgName: row.orgName } : null;
}

/** Uses a link: the new password, and every session ends. Throws `UserError` 410 when it is over (database clock). */
export async function useReset(org: Org, token: string, passwordHash: string): Promise<Member> {
  // Two uses of one link take turns here.
  await lockMembership(org);
  const member = await readReset(org, token);
  if (!member) throw resetOver();
  await savePassword(org, { ...member, passwordHash });
  await org.tx
    .update(passwordResets)
    .set({ usedAt: sql`now()` })
    .where(and(eq(passwordResets.orgId, org.id), eq(passwordResets.tokenHash, sha256(token))));
  await voidResetsOf(org, member.id);
  return member;
}

/** Ends every open link of the member. They are not marked as used: a password that was reset is shown beside decisions for a day (RULES A3). */
export const voidResetsOf = (org: Org, memberId: string): Promise<unknown> =>
  org.tx
    .update(passwordResets)
    .set({ expiresAt: sql`now()` })
    .where(and(eq(passwordResets.orgId, org.id), eq(passwordResets.memberId, memberId), isOpen));
