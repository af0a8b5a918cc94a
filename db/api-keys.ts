import { and, count, eq, isNull, lt, or, sql } from 'drizzle-orm';
import { randomBytes } from 'node:crypto';
import { randomToken, sha256 } from '#core/hash.ts';
import type { Actor, ApiKeyScope } from '#core/roles.ts';
import type { Database, Org } from './client.ts';
import { newestFirst, pageOf, type Page, type PageOf } from './paging.ts';
import { apiKeys, members } from './schema/identity.ts';

export type ApiKey = typeof apiKeys.$inferSelect;

/** An actor with what pages and logs call them. */
export interface Principal extends Actor {
  readonly name: string;
  readonly email: string;
}

const isKey = (org: Org, keyId: string) => and(eq(apiKeys.orgId, org.id), eq(apiKeys.id, keyId));

/** Makes a key; the text is returned once and only its sha256 is kept. `key` is for the bootstrap key, which the operator chose. */
export async function createApiKey(
  org: Org,
  wanted: { memberId: string; createdBy: string; name: string; scopes?: ApiKeyScope[]; key?: string },
): Promise<{ id: string; key: string }> {
  const { key: chosen, scopes = ['full'], ...rest } = wanted;
  const key = chosen ?? `abw_${randomBytes(4).toString('hex')}_${randomToken()}`;
  const [row] = await org.tx
    .insert(apiKeys)
    .values({
      ...rest,
      orgId: org.id,
      // A chosen key may be short: less of it is shown.
      prefix: key.slice(0, chosen === undefined ? 12 : 8),
      keyHash: sha256(key),
      scopes,
      isBootstrap: chosen !== undefined,
    })
    .returning({ id: apiKeys.id });
  if (!row) throw new Error('API key was not stored');
  return { id: row.id, key };
}

/** Whom an unrevoked key of an active member acts for, or null. Notes its use, at most once a minute. */
export async function findKeyPrincipal(db: Database, key: string): Promise<Principal | null> {
  const row = await db.withSystem('a key is looked up before its org is known', async (tx) => {
    const [found] = await tx
      .select({ key: apiKeys, member: members })
      .from(apiKeys)
      .innerJoin(members, and(eq(members.orgId, apiKeys.orgId), eq(members.id, apiKeys.memberId)))
      .where(and(eq(apiKeys.keyHash, sha256(key)), isNull(apiKeys.revokedAt), eq(members.status, 'active')));
    return found;
  });
  if (!row) return null;
  const isUseOld = !row.key.lastUsedAt || row.key.lastUsedAt.getTime() < Date.now() - 60_000;
  if (isUseOld) await db.withOrg(row.key.orgId, (org) => noteUse(org, row.key.id));
  return {
    orgId: row.member.orgId,
    memberId: row.member.id,
    role: row.member.role,
    name: row.member.name,
    email: row.member.email,
    apiKey: { id: row.key.id, createdBy: row.key.createdBy, scopes: row.key.scopes },
  };
}

const noteUse = (org: Org, keyId: string): Promise<unknown> =>
  org.tx
    .update(apiKeys)
    .set({ lastUsedAt: sql`now()` })
    .where(
      and(isKey(org, keyId), or(isNull(apiKeys.lastUsedAt), lt(apiKeys.lastUsedAt, sql`now() - interval '1 minute'`))),
    );

/** Keys of one member, or of everybody when `memberId` is undefined; newest first, with `isLive` without revoked ones. */
export async function listApiKeys(
  org: Org,
  memberId: string | undefined,
  { limit, cursor }: PageOf,
  { isLive = false } = {},
): Promise<Page<ApiKey & { createdByName: string }>> {
  const { after, order } = newestFirst(apiKeys, cursor);
  const rows = await org.tx
    .select({ key: apiKeys, createdByName: members.name })
    .from(apiKeys)
    .innerJoin(members, and(eq(members.orgId, apiKeys.orgId), eq(members.id, apiKeys.createdBy)))
    .where(
      and(
        eq(apiKeys.orgId, org.id),
        memberId === undefined ? undefined : eq(apiKeys.memberId, memberId),
        isLive ? isNull(apiKeys.revokedAt) : undefined,
        after,
      ),
    )
    .orderBy(...order)
    .limit(limit + 1);
  const found = rows.map(({ key, createdByName }) => ({ ...key, createdByName }));
  return pageOf(found, limit, (row) => row);
}

/** How many keys of the member work. */
export async function countLiveKeys(org: Org, memberId: string): Promise<number> {
  const [row] = await org.tx
    .select({ n: count() })
    .from(apiKeys)
    .where(and(eq(apiKeys.orgId, org.id), eq(apiKeys.memberId, memberId), isNull(apiKeys.revokedAt)));
  return row?.n ?? 0;
}

/** The key with its member's role, or undefined. */
export async function readApiKey(
  org: Org,
  keyId: string,
): Promise<(ApiKey & { memberRole: Actor['role'] }) | undefined> {
  const [row] = await org.tx
    .select({ key: apiKeys, role: members.role })
    .from(apiKeys)
    .innerJoin(members, and(eq(members.orgId, apiKeys.orgId), eq(members.id, apiKeys.memberId)))
    .where(isKey(org, keyId));
  return row && { ...row.key, memberRole: row.role };
}

export const revokeApiKey = (org: Org, keyId: string): Promise<unknown> =>
  org.tx
    .update(apiKeys)
    .set({ revokedAt: sql`now()` })
    .where(and(isKey(org, keyId), isNull(apiKeys.revokedAt)));

export const revokeKeysOf = (org: Org, memberId: string): Promise<unknown> =>
  org.tx
    .update(apiKeys)
    .set({ revokedAt: sql`now()` })
    .where(and(eq(apiKeys.orgId, org.id), eq(apiKeys.memberId, memberId), isNull(apiKeys.revokedAt)));
