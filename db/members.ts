import { and, count, eq, sql } from 'drizzle-orm';
import { UserError } from '#core/errors.ts';
import type { Role } from '#core/roles.ts';
import type { Database, Org } from './client.ts';
import { newestFirst, pageOf, type Page, type PageOf } from './paging.ts';
import { identities, members, orgs } from './schema/identity.ts';

export type Member = typeof members.$inferSelect;

export const isMember = (org: Org, memberId: string) => and(eq(members.orgId, org.id), eq(members.id, memberId));
export const isActiveOwner = (org: Org) =>
  and(eq(members.orgId, org.id), eq(members.role, 'owner'), eq(members.status, 'active'));

/** Membership changes of one org take turns: holds the org's row until commit. */
export const lockMembership = (org: Org): Promise<unknown> =>
  org.tx.select({ id: orgs.id }).from(orgs).where(eq(orgs.id, org.id)).for('no key update');

/** Adds a member with their web identity (RULES I3). Throws `UserError` 409 when the address is taken. */
export async function addMember(
  org: Org,
  wanted: { email: string; name: string; role: Role; status: 'invited' | 'active' },
): Promise<Member> {
  const [member] = await org.tx
    .insert(members)
    .values({
      ...wanted,
      email: wanted.email.toLowerCase(),
      orgId: org.id,
      ...(wanted.status === 'active' && { activatedAt: new Date() }),
    })
    .onConflictDoNothing()
    .returning();
  if (!member)
    throw new UserError('email: somebody with this address is a member already. Invite them again from the list.', {
      status: 409,
      field: 'email',
    });
  await org.tx
    .insert(identities)
    .values({ orgId: org.id, memberId: member.id, platform: 'web', tenant: org.id, externalId: member.id });
  return member;
}

export async function readMember(org: Org, memberId: string): Promise<Member | undefined> {
  const [row] = await org.tx.select().from(members).where(isMember(org, memberId));
  return row;
}

export async function listMembers(org: Org, { limit, cursor }: PageOf): Promise<Page<Member>> {
  const { after, order } = newestFirst(members, cursor);
  const rows = await org.tx
    .select()
    .from(members)
    .where(and(eq(members.orgId, org.id), after))
    .orderBy(...order)
    .limit(limit + 1);
  return pageOf(rows, limit, (row) => row);
}

/** The longest-standing active owner. */
export async function firstOwner(org: Org): Promise<Member | undefined> {
  const [row] = await org.tx
    .select()
    .from(members)
    .where(isActiveOwner(org))
    .orderBy(members.createdAt, members.id)
    .limit(1);
  return row;
}

/** The active member behind a better-auth user, or undefined. */
export const findMemberOfUser = (db: Database, userId: string): Promise<Member | undefined> =>
  db.withSystem('a session names a user before its org is known', async (tx) => {
    const [row] = await tx
      .select()
      .from(members)
      .where(and(eq(members.userId, userId), eq(members.status, 'active')));
    return row;
  });

/** Call after a member became active: a second one ends deciding alone, for ever (RULES A3). */
export async function noteActivation(org: Org): Promise<void> {
  const [active] = await org.tx
    .select({ n: count() })
    .from(members)
    .where(and(eq(members.orgId, org.id), eq(members.status, 'active')));
  if ((active?.n ?? 0) >= 2) await org.tx.update(orgs).set({ hadSecondMember: true }).where(eq(orgs.id, org.id));
}

/** Marks a member active with this account. */
export async function activate(org: Org, memberId: string, userId: string): Promise<void> {
  await org.tx
    .update(members)
    .set({ status: 'active', userId, activatedAt: sql`now()` })
    .where(isMember(org, memberId));
  await noteActivation(org);
}
