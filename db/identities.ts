import { and, asc, eq, sql } from 'drizzle-orm';
import type { Platform } from '#core/chat.ts';
import { UserError } from '#core/errors.ts';
import { audit } from './audit.ts';
import type { Org } from './client.ts';
import { readMember } from './members.ts';
import { auditLog } from './schema/audit.ts';
import { identities, members, tenants } from './schema/identity.ts';
import { forgetTelling } from './slack-people.ts';

export type Identity = typeof identities.$inferSelect;

/** An account on a platform, by the ids that never change (RULES I3). */
export interface Account {
  platform: Platform;
  tenant: string;
  externalId: string;
}

const isAccount = (org: Org, { platform, tenant, externalId }: Account) =>
  and(
    eq(identities.orgId, org.id),
    eq(identities.platform, platform),
    eq(identities.tenant, tenant),
    eq(identities.externalId, externalId),
  );

/** The member an account is tied to, with their name; undefined: to nobody. */
export async function findIdentity(
  org: Org,
  account: Account,
): Promise<{ id: string; memberId: string; name: string } | undefined> {
  const [row] = await org.tx
    .select({ id: identities.id, memberId: identities.memberId, name: members.name })
    .from(identities)
    .innerJoin(members, and(eq(members.orgId, identities.orgId), eq(members.id, identities.memberId)))
    .where(isAccount(org, account));
  return row;
}

/**
 * Ties an account to a member, who from then on asks and decides through it; once more changes nothing. Audited, and last in its transaction (RULES D6).
 * `actor` is who did it, as the audit names them. Throws `UserError` 409: the account is somebody else's, its workspace is not the org's, or the member is
 * not active.
 */
export async function linkIdentity(
  org: Org,
  wanted: Account & { memberId: string; how: 'link' | 'email'; actor: string },
): Promise<'linked' | 'was_linked'> {
  const { memberId, platform, tenant, externalId, how, actor } = wanted;
  const member = await readMember(org, memberId);
  if (member?.status !== 'active')
    throw new UserError('Only an active member can link an account. Ask an admin to let you in first.', {
      status: 409,
    });
  if (!(await isOwnTenant(org, wanted)))
    throw new UserError('This workspace is not connected here any more. Ask an admin to connect it.', { status: 409 });
  const [added] = await org.tx
    .insert(identities)
    .values({ orgId: org.id, memberId, platform, tenant, externalId })
    .onConflictDoNothing()
    .returning({ id: identities.id });
  if (!added) {
    if ((await findIdentity(org, wanted))?.memberId === memberId) return 'was_linked';
    throw new UserError(
      'This account is linked to another member already. They can unlink it on their account page, or with /abet disconnect; an admin can under Members.',
      { status: 409 },
    );
  }
  await audit(org, {
    actor,
    action: 'identity.linked',
    target: { type: 'member', id: memberId },
    details: { platform, tenant, externalId, how },
  });
  return 'linked';
}

async function isOwnTenant(org: Org, { platform, tenant }: Account): Promise<boolean> {
  const [row] = await org.tx
    .select({ id: tenants.id })
    .from(tenants)
    .where(and(eq(tenants.orgId, org.id), eq(tenants.platform, platform), eq(tenants.tenant, tenant)));
  return row !== undefined;
}

/**
 * Unties an account from the member, whatever the member's status; false: it was not theirs. Who holds it is nobody's from now on, and is told how to link
 * it when they ask next. Audited, and last in its transaction.
 */
export async function unlinkIdentity(
  org: Org,
  wanted: Account & { memberId: string; how: 'account' | 'command' | 'admin'; actor: string },
): Promise<boolean> {
  const { memberId, platform, tenant, externalId, how, actor } = wanted;
  const removed = await org.tx
    .delete(identities)
    .where(and(isAccount(org, wanted), eq(identities.memberId, memberId)))
    .returning({ id: identities.id });
  if (removed.length === 0) return false;
  if (platform === 'slack') await forgetTelling(org, { tenant, externalId });
  await audit(org, {
    actor,
    action: 'identity.unlinked',
    target: { type: 'member', id: memberId },
    details: { platform, tenant, externalId, how },
  });
  return true;
}

/** Whether a member untied this account by hand before: what was undone by hand is not done again by itself. */
export async function wasUnlinked(
  org: Org,
  { memberId, platform, tenant, externalId }: Account & { memberId: string },
): Promise<boolean> {
  const [row] = await org.tx
    .select({ seq: auditLog.seq })
    .from(auditLog)
    .where(
      and(
        eq(auditLog.orgId, org.id),
        eq(auditLog.targetId, memberId),
        eq(auditLog.action, 'identity.unlinked'),
        sql`${auditLog.details}::jsonb @> ${JSON.stringify({ platform, tenant, externalId })}::jsonb`,
      ),
    )
    .limit(1);
  return row !== undefined;
}

/** A member's accounts on a platform, oldest first; `platform` undefined: on all but the web, which has no account of its own. */
export async function identitiesOf(org: Org, memberId: string, platform?: Platform): Promise<Identity[]> {
  const rows = await org.tx
    .select()
    .from(identities)
    .where(and(eq(identities.orgId, org.id), eq(identities.memberId, memberId)))
    .orderBy(asc(identities.createdAt), asc(identities.id));
  return rows.filter((row) => (platform ? row.platform === platform : row.platform !== 'web'));
}

/** The member's account on a platform; of several the oldest, or the one in `tenant` when it is given. */
export async function identityOf(
  org: Org,
  memberId: string,
  platform: Platform,
  tenant?: string,
): Promise<Identity | undefined> {
  const found = await identitiesOf(org, memberId, platform);
  return found.find((one) => tenant === undefined || one.tenant === tenant);
}
