import { and, asc, eq, getTableColumns, notInArray, sql } from 'drizzle-orm';
import { UserError } from '#core/errors.ts';
import type { KeyRing } from '#core/keys.ts';
import { audit } from './audit.ts';
import type { Org } from './client.ts';
import { identities, tenants } from './schema/identity.ts';
import { slackHomes, slackInstallations, slackLinks, slackPeople } from './schema/slack.ts';
import { sealToken, type SlackSecret } from './slack-tokens.ts';

const { keyId: _keyId, sealed: _sealed, ...facts } = getTableColumns(slackInstallations);

/** A workspace or Enterprise that the app was installed in, without its token. */
export type Installation = Omit<typeof slackInstallations.$inferSelect, 'keyId' | 'sealed'>;

export type NewInstallation = Pick<
  Installation,
  'tenant' | 'isEnterprise' | 'teamName' | 'appId' | 'botUserId' | 'botId' | 'scopes' | 'source' | 'expiresAt'
> & {
  /** Null for the environment's: its token is never stored. */
  secret: SlackSecret | null;
  /** The admin who installed it; null for the environment's. */
  memberId: string | null;
};

const isPlace = (org: Org, tenant: string) =>
  and(eq(slackInstallations.orgId, org.id), eq(slackInstallations.tenant, tenant));

/** The org's installation for a team or enterprise id, whatever its status. */
export async function findInstallation(org: Org, tenant: string): Promise<Installation | undefined> {
  const [row] = await org.tx.select(facts).from(slackInstallations).where(isPlace(org, tenant));
  return row;
}

/** All of the org's, the oldest first. */
export const listInstallations = (org: Org): Promise<Installation[]> =>
  org.tx
    .select(facts)
    .from(slackInstallations)
    .where(eq(slackInstallations.orgId, org.id))
    .orderBy(asc(slackInstallations.createdAt), asc(slackInstallations.id));

/**
 * Stores an installation and ties its workspace to the org; once more in the same org renews it. Audited unless the environment's is as it was.
 * Last in its transaction (RULES D6). Throws `UserError` 409 when the workspace works for another org.
 */
export async function saveInstallation(
  org: Org,
  keys: KeyRing,
  { secret, memberId, ...wanted }: NewInstallation,
  actor: string,
): Promise<Installation> {
  await takeTenant(org, wanted.tenant);
  const before = await findInstallation(org, wanted.tenant);
  const now = {
    ...wanted,
    ...(secret ? sealToken(org, keys, wanted.tenant, secret) : { keyId: null, sealed: null }),
    status: 'active' as const,
    problem: null,
    installedBy: memberId,
    updatedAt: new Date(),
  };
  const [row] = await org.tx
    .insert(slackInstallations)
    .values({ ...now, orgId: org.id })
    .onConflictDoUpdate({ target: [slackInstallations.orgId, slackInstallations.tenant], set: now })
    .returning(facts);
  if (!row) throw new Error('an installation vanished');
  const isNews =
    wanted.source === 'oauth' ||
    before?.status !== 'active' ||
    before.source !== 'env' ||
    before.botUserId !== row.botUserId;
  if (isNews)
    await audit(org, {
      actor,
      action: 'slack.installed',
      target: { type: 'slack_installation', id: row.id },
      details: { tenant: row.tenant, source: row.source, isEnterprise: row.isEnterprise, scopes: row.scopes },
    });
  return row;
}

/** A workspace belongs to one org (RULES I3): the unique row decides, also between two that install at once. */
async function takeTenant(org: Org, tenant: string): Promise<void> {
  await org.tx.insert(tenants).values({ orgId: org.id, platform: 'slack', tenant }).onConflictDoNothing();
  // The app role sees only its own org's row; held until commit, so that a removal at the same time waits.
  const [own] = await org.tx
    .select({ id: tenants.id })
    .from(tenants)
    .where(and(eq(tenants.orgId, org.id), eq(tenants.platform, 'slack'), eq(tenants.tenant, tenant)))
    .for('update');
  if (!own)
    throw new UserError(
      'This Slack workspace already works for another organisation. Disconnect it there first (page Slack; for SLACK_BOT_TOKEN: unset it and restart), then install it again.',
      { status: 409 },
    );
}

/** Stores the scopes that Slack says the token has. */
export const storeScopes = (org: Org, tenant: string, scopes: readonly string[]): Promise<unknown> =>
  org.tx
    .update(slackInstallations)
    .set({ scopes: [...scopes], updatedAt: new Date() })
    .where(
      and(
        isPlace(org, tenant),
        sql`${slackInstallations.scopes} <> ${sql.param([...scopes], slackInstallations.scopes)}`,
      ),
    );

/** Slack has sent something. Written once a minute at most, and never waited for: whoever refreshes the token holds the row. */
export const noteHeard = (org: Org, tenant: string): Promise<unknown> =>
  org.tx.execute(sql`
    update slack_installations set heard_at = now()
    where id = (
      select id from slack_installations
      where org_id = ${org.id} and tenant = ${tenant} and (heard_at is null or heard_at < now() - interval '1 minute')
      for update skip locked
    )`);

/**
 * It no longer works: Slack refuses its token, or the setting is gone. The token is wiped; people and links stay for when it is installed again.
 * False: it was not active. Last in its transaction when true.
 */
export async function revokeInstallation(
  org: Org,
  tenant: string,
  { problem, code }: { problem: string; code: string },
): Promise<boolean> {
  const [row] = await org.tx
    .update(slackInstallations)
    .set({ status: 'revoked', problem, keyId: null, sealed: null, expiresAt: null, updatedAt: new Date() })
    .where(and(isPlace(org, tenant), eq(slackInstallations.status, 'active')))
    .returning({ id: slackInstallations.id });
  if (!row) return false;
  await audit(org, {
    actor: 'system',
    action: 'slack.revoked',
    target: { type: 'slack_installation', id: row.id },
    details: { tenant, code },
  });
  return true;
}

/**
 * The app was taken out of the workspace, by Slack's word or by an admin in the panel: token, tenant, accounts, people, links and homes go; members stay.
 * The row stays, for what is shown and for installing again; Slack tells of one removal in two events, and "uninstalled" is the last word. False: there
 * is no such installation, or it was removed before. Last in its transaction.
 */
export async function removeInstallation(
  org: Org,
  tenant: string,
  why: 'uninstalled' | 'revoked',
  { actor, problem }: { actor: string; problem: string },
): Promise<boolean> {
  // In the order of an install, which takes the tenant first.
  const released = await org.tx
    .delete(tenants)
    .where(and(eq(tenants.orgId, org.id), eq(tenants.platform, 'slack'), eq(tenants.tenant, tenant)))
    .returning({ id: tenants.id });
  const [row] = await org.tx
    .update(slackInstallations)
    .set({ status: why, problem, keyId: null, sealed: null, expiresAt: null, updatedAt: new Date() })
    .where(
      and(
        isPlace(org, tenant),
        released.length > 0 ? undefined : notInArray(slackInstallations.status, ['uninstalled', why]),
      ),
    )
    .returning({ id: slackInstallations.id });
  if (!row) return false;
  await org.tx
    .delete(identities)
    .where(and(eq(identities.orgId, org.id), eq(identities.platform, 'slack'), eq(identities.tenant, tenant)));
  for (const table of [slackPeople, slackLinks, slackHomes])
    await org.tx.delete(table).where(and(eq(table.orgId, org.id), eq(table.tenant, tenant)));
  await audit(org, {
    actor,
    action: `slack.${why}`,
    target: { type: 'slack_installation', id: row.id },
    details: { tenant },
  });
  return true;
}
