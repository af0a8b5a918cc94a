import { eq, sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import type { Config } from '#core/config.ts';
import { sha256 } from '#core/hash.ts';
import { newId } from '#core/ids.ts';
import { defaultPolicy } from '#core/policy.ts';
import { enterOrg, enterSystem, savePassword } from '#db/accounts.ts';
import { createApiKey } from '#db/api-keys.ts';
import { audit } from '#db/audit.ts';
import type { Database, Org, Tx } from '#db/client.ts';
import { invite } from '#db/invitations.ts';
import { activate, addMember, firstOwner, type Member } from '#db/members.ts';
import { apiKeys, orgs, tenants } from '#db/schema/identity.ts';

export interface Seeded {
  orgId: string;
  ownerEmail: string;
  /** One-time, 48 hours; null once the owner has a password. */
  signInLink: string | null;
}

/**
 * Makes the first org with its owner, and the bootstrap key, as far as they are not there. Safe to repeat and to run in several
 * processes at once: one transaction under one lock. `hashPassword` is better-auth's.
 */
export async function seedFirstOrg({
  db,
  hashPassword,
  config,
  log,
}: {
  db: Database;
  hashPassword: (password: string) => Promise<string>;
  config: Config;
  log: Logger;
}): Promise<Seeded> {
  // Before the transaction: hashing takes long.
  const passwordHash = config.ABETWORKS_OWNER_PASSWORD ? await hashPassword(config.ABETWORKS_OWNER_PASSWORD) : null;
  return db.global.transaction(async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(hashtext('abetworks:seed'))`);
    const org = await firstOrg(tx, config);
    const owner = await firstOwner(org);
    if (!owner) throw new Error('the first org has no active owner');
    const wanted = config.ABETWORKS_OWNER_EMAIL?.toLowerCase();
    if (wanted !== undefined && wanted !== owner.email)
      log.warn('ABETWORKS_OWNER_EMAIL is only used when the first organisation is made; the owner stays as they are.');
    await addBootstrapKey(org, owner, config.ABETWORKS_BOOTSTRAP_KEY, log);
    const signInLink = await letOwnerIn(org, owner, passwordHash, config);
    return { orgId: org.id, ownerEmail: owner.email, signInLink };
  });
}

async function firstOrg(tx: Tx, config: Config): Promise<Org> {
  const [found] = await (await enterSystem(tx)).select({ id: orgs.id }).from(orgs).where(eq(orgs.isFirst, true));
  if (found) return enterOrg(tx, found.id);
  const email = config.ABETWORKS_OWNER_EMAIL ?? 'owner@localhost';
  return (await makeOrg(tx, { name: 'My organisation', ownerEmail: email, isFirst: true })).org;
}

/** An org with its web tenant and its owner, who is active although they have no password yet. */
async function makeOrg(
  tx: Tx,
  { name, ownerEmail, isFirst }: { name: string; ownerEmail: string; isFirst: boolean },
): Promise<{ org: Org; owner: Member }> {
  const id = newId();
  await (await enterSystem(tx)).insert(orgs).values({ id, name, policy: defaultPolicy(), isFirst });
  const org = await enterOrg(tx, id);
  await tx.insert(tenants).values({ orgId: id, platform: 'web', tenant: id });
  const owner = await addMember(org, {
    email: ownerEmail,
    name: ownerEmail.split('@')[0] ?? 'Owner',
    role: 'owner',
    status: 'active',
  });
  await audit(org, {
    actor: 'system',
    action: 'org.created',
    target: { type: 'org', id },
    details: { ownerId: owner.id },
  });
  return { org, owner };
}

/** Adds an org with an active owner without a password. */
export const createOrg = (
  db: Database,
  name: string,
  ownerEmail: string,
): Promise<{ orgId: string; ownerId: string }> =>
  db.global.transaction(async (tx) => {
    const { org, owner } = await makeOrg(tx, { name, ownerEmail, isFirst: false });
    return { orgId: org.id, ownerId: owner.id };
  });

/** A key that was ever stored is left as it is: a revoked one stays revoked (RULES D5). */
async function addBootstrapKey(org: Org, owner: Member, key: string | undefined, log: Logger): Promise<void> {
  if (key === undefined) return;
  const [known] = await (
    await enterSystem(org.tx)
  )
    .select({ revokedAt: apiKeys.revokedAt })
    .from(apiKeys)
    .where(eq(apiKeys.keyHash, sha256(key)));
  await enterOrg(org.tx, org.id);
  if (known?.revokedAt) log.warn('ABETWORKS_BOOTSTRAP_KEY was revoked and stays revoked. Choose another one.');
  if (known) return;
  const made = await createApiKey(org, { memberId: owner.id, createdBy: owner.id, name: 'Bootstrap key', key });
  await audit(org, {
    actor: 'system',
    action: 'api_key.created',
    target: { type: 'api_key', id: made.id },
    details: { isBootstrap: true },
  });
}

async function letOwnerIn(
  org: Org,
  owner: Member,
  passwordHash: string | null,
  config: Config,
): Promise<string | null> {
  if (owner.userId !== null) return null;
  const target = { type: 'member', id: owner.id };
  if (passwordHash === null) {
    const { token } = await invite(org, { memberId: owner.id, createdBy: null });
    await audit(org, { actor: 'system', action: 'member.invited', target });
    return `${config.publicUrl}/invite/${token}`;
  }
  const userId = await savePassword(org, { ...owner, passwordHash });
  await activate(org, owner.id, userId);
  await audit(org, { actor: 'system', action: 'member.joined', target });
  return null;
}
