import { and, asc, eq, isNotNull, ne } from 'drizzle-orm';
import { z } from 'zod';
import { open, seal, type KeyRing } from '#core/keys.ts';
import { audit } from './audit.ts';
import type { Org } from './client.ts';
import { slackInstallations } from './schema/slack.ts';

const zSecret = z.object({ token: z.string(), refreshToken: z.string().nullable() });

/** An installation's token and what refreshes it. Never logged, never part of an error. */
export type SlackSecret = z.infer<typeof zSecret>;

/** What the next call needs. `secret` is null for the environment's token, which lies in the settings. */
export interface OpenInstallation {
  source: 'oauth' | 'env';
  secret: SlackSecret | null;
  expiresAt: Date | null;
}

/** Binds sealed bytes to org and tenant: moved to another row they do not open (RULES D5). */
const placeOf = (orgId: string, tenant: string): string => `${orgId}:${tenant}:slack`;

/** The columns of a token, sealed with the newest key. */
export const sealToken = (
  org: Org,
  keys: KeyRing,
  tenant: string,
  secret: SlackSecret,
): { keyId: string; sealed: Uint8Array } => ({
  keyId: keys.newest,
  sealed: seal(keys.subkey('credentials'), Buffer.from(JSON.stringify(secret)), placeOf(org.id, tenant)),
});

const isActive = (org: Org, tenant: string) =>
  and(
    eq(slackInstallations.orgId, org.id),
    eq(slackInstallations.tenant, tenant),
    eq(slackInstallations.status, 'active'),
  );

/** The token of an active installation; undefined when the org has none there. Throws when its key is gone or the bytes are another row's. */
export async function openToken(org: Org, keys: KeyRing, tenant: string): Promise<OpenInstallation | undefined> {
  const [row] = await org.tx.select().from(slackInstallations).where(isActive(org, tenant));
  return row && opened(org, keys, row);
}

/** As `openToken`, with the row locked until commit: of all processes one refreshes. */
export async function lockToken(org: Org, keys: KeyRing, tenant: string): Promise<OpenInstallation | undefined> {
  const [row] = await org.tx.select().from(slackInstallations).where(isActive(org, tenant)).for('update');
  return row && opened(org, keys, row);
}

function opened(org: Org, keys: KeyRing, row: typeof slackInstallations.$inferSelect): OpenInstallation {
  const { source, expiresAt, keyId, sealed, tenant } = row;
  if (!keyId || !sealed) return { source, expiresAt, secret: null };
  const plain = open(keys.subkey('credentials', keyId), sealed, placeOf(org.id, tenant));
  return { source, expiresAt, secret: zSecret.parse(JSON.parse(Buffer.from(plain).toString('utf8'))) };
}

/** Puts a refreshed token in the place of the old one. The row is locked by the caller; last in its transaction. */
export async function storeRefreshed(
  org: Org,
  keys: KeyRing,
  tenant: string,
  { secret, expiresAt }: { secret: SlackSecret; expiresAt: Date | null },
): Promise<void> {
  const [row] = await org.tx
    .update(slackInstallations)
    .set({ ...sealToken(org, keys, tenant, secret), expiresAt, updatedAt: new Date() })
    .where(isActive(org, tenant))
    .returning({ id: slackInstallations.id });
  if (row)
    await audit(org, {
      actor: 'system',
      action: 'slack.token_refreshed',
      target: { type: 'slack_installation', id: row.id },
      details: { tenant },
    });
}

/** Seals up to `limit` tokens that lie under an older key with the newest; how many (RULES D5). */
export async function resealTokens(org: Org, keys: KeyRing, limit: number): Promise<number> {
  const old = await org.tx
    .select()
    .from(slackInstallations)
    .where(
      and(
        eq(slackInstallations.orgId, org.id),
        isNotNull(slackInstallations.keyId),
        ne(slackInstallations.keyId, keys.newest),
      ),
    )
    .orderBy(asc(slackInstallations.id))
    .limit(limit)
    .for('update');
  for (const row of old) {
    const { secret } = opened(org, keys, row);
    if (secret)
      await org.tx
        .update(slackInstallations)
        .set(sealToken(org, keys, row.tenant, secret))
        .where(and(eq(slackInstallations.orgId, org.id), eq(slackInstallations.id, row.id)));
  }
  return old.length;
}
