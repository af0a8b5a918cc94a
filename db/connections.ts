import { and, desc, eq, inArray, lte, sql } from 'drizzle-orm';
import { UserError } from '#core/errors.ts';
import { open, seal, type KeyRing } from '#core/keys.ts';
import { can, type Actor } from '#core/roles.ts';
import type { Json, JsonObject } from '#core/tools.ts';
import type { Org } from './client.ts';
import { newestFirst, pageOf, type Page, type PageOf } from './paging.ts';
import { connections, credentials } from './schema/connections.ts';
import { runs, toolCalls } from './schema/runs.ts';

export type Connection = typeof connections.$inferSelect;
export type NewConnection = Pick<
  typeof connections.$inferInsert,
  'connector' | 'name' | 'slug' | 'settings' | 'isTrusted' | 'visibility' | 'ownerMemberId'
> & {
  /** It has just answered, and is looked at from now on. */
  isWatched?: boolean;
};

const isConnection = (org: Org, connectionId: string) =>
  and(eq(connections.orgId, org.id), eq(connections.id, connectionId), eq(connections.status, 'active'));

// A personal connection is its owner's alone; admins see that it exists (RULES D3).
const isVisible = (actor: Actor) =>
  can(actor.role, 'connection.manage')
    ? undefined
    : sql`(${connections.visibility} = 'org' or ${connections.ownerMemberId} = ${actor.memberId})`;

const FIRST_CHECK_MS = 60_000;
const now = sql`now()` as never;
const later = (ms: number) => sql`now() + make_interval(secs => ${ms / 1000})` as never;

/** Stores a connection with its sealed credential. Throws `UserError` 409 when an active one has the same name for tools. */
export async function addConnection(
  org: Org,
  keys: KeyRing,
  { isWatched, ...wanted }: NewConnection,
  credential: Json,
): Promise<Connection> {
  const seen = { health: 'up' as const, healthText: 'It answers.', healthCheckedAt: now, healthSince: now };
  const [row] = await org.tx
    .insert(connections)
    .values({
      ...wanted,
      orgId: org.id,
      updatedAt: new Date(),
      ...(isWatched ? { ...seen, nextCheckAt: later(FIRST_CHECK_MS) } : {}),
    })
    .onConflictDoNothing()
    .returning();
  if (!row)
    throw new UserError('name: a connection with this name, or one too much like it, exists. Choose another name.', {
      status: 409,
      field: 'name',
    });
  await addCredential(org, keys, row.id, credential);
  return row;
}

export async function readConnection(org: Org, actor: Actor, connectionId: string): Promise<Connection | undefined> {
  const [row] = await org.tx
    .select()
    .from(connections)
    .where(and(isConnection(org, connectionId), isVisible(actor)));
  return row;
}

/** Active connections, newest first. */
export async function listConnections(org: Org, actor: Actor, { limit, cursor }: PageOf): Promise<Page<Connection>> {
  const { after, order } = newestFirst(connections, cursor);
  const rows = await org.tx
    .select()
    .from(connections)
    .where(and(eq(connections.orgId, org.id), eq(connections.status, 'active'), isVisible(actor), after))
    .orderBy(...order)
    .limit(limit + 1);
  return pageOf(rows, limit, (row) => row);
}

/** False: there is no such active connection. Its credentials are erased; the row stays for what refers to it. */
export async function removeConnection(org: Org, connectionId: string): Promise<boolean> {
  const removed = await org.tx
    .update(connections)
    .set({ status: 'removed', updatedAt: new Date() })
    .where(isConnection(org, connectionId))
    .returning({ id: connections.id });
  await org.tx
    .delete(credentials)
    .where(and(eq(credentials.orgId, org.id), eq(credentials.connectionId, connectionId)));
  return removed.length === 1;
}

/** Remembers how the last test went, in a sentence. */
export const noteTest = (org: Org, connectionId: string, testResult: string): Promise<unknown> =>
  org.tx
    .update(connections)
    .set({ testedAt: sql`now()`, testResult })
    .where(isConnection(org, connectionId));

/** The row, locked until commit; undefined once it is removed. */
export async function lockConnection(org: Org, connectionId: string): Promise<Connection | undefined> {
  const [row] = await org.tx.select().from(connections).where(isConnection(org, connectionId)).for('no key update');
  return row;
}

/** Takes a look that is due, for `leaseMs`; undefined: it is not due, or somebody else has it. */
export async function claimCheck(org: Org, connectionId: string, leaseMs: number): Promise<Connection | undefined> {
  const [row] = await org.tx
    .select()
    .from(connections)
    .where(and(isConnection(org, connectionId), lte(connections.nextCheckAt, sql`now()`)))
    .for('no key update', { skipLocked: true });
  if (row)
    await org.tx
      .update(connections)
      .set({ nextCheckAt: later(leaseMs) })
      .where(isConnection(org, connectionId));
  return row;
}

/** Stores what a look has found. `isNew`: since now it is as it is. */
export const storeHealth = (
  org: Org,
  connectionId: string,
  seen:
    | { health: 'up' | 'down'; healthText: string; isNew?: boolean; checkAgainInMs: number }
    | { offered: JsonObject | null },
): Promise<unknown> => {
  const set =
    'offered' in seen
      ? seen
      : {
          health: seen.health,
          healthText: seen.healthText,
          healthCheckedAt: now,
          nextCheckAt: later(seen.checkAgainInMs),
          ...(seen.isNew ? { healthSince: now } : {}),
        };
  return org.tx.update(connections).set(set).where(isConnection(org, connectionId));
};

/** Runs with a call under way on it, those that wait for it among them. */
export async function runsRunningOn(org: Org, connectionId: string): Promise<string[]> {
  const rows = await org.tx
    .selectDistinct({ runId: toolCalls.runId })
    .from(toolCalls)
    .innerJoin(runs, and(eq(runs.orgId, toolCalls.orgId), eq(runs.id, toolCalls.runId)))
    .where(
      and(
        eq(toolCalls.orgId, org.id),
        eq(toolCalls.connectionId, connectionId),
        eq(toolCalls.status, 'running'),
        inArray(runs.status, ['running', 'waiting']),
      ),
    );
  return rows.map(({ runId }) => runId);
}

/** The connection that another call of the run waits for, if any. */
export async function downConnectionOf(org: Org, runId: string): Promise<Connection | undefined> {
  const [row] = await org.tx
    .select({ connection: connections })
    .from(toolCalls)
    .innerJoin(connections, and(eq(connections.orgId, toolCalls.orgId), eq(connections.id, toolCalls.connectionId)))
    .where(
      and(
        eq(toolCalls.orgId, org.id),
        eq(toolCalls.runId, runId),
        eq(toolCalls.status, 'running'),
        eq(connections.health, 'down'),
      ),
    )
    .limit(1);
  return row?.connection;
}

/** What was seen becomes what is accepted, under a new version. Undefined: it offers something else by now. The row is locked by the caller. */
export async function acceptOffered(
  org: Org,
  connectionId: string,
  { offeredSha256, settings }: { offeredSha256: string; settings: JsonObject },
): Promise<Connection | undefined> {
  const [row] = await org.tx
    .update(connections)
    .set({ settings, settingsVersion: sql`${connections.settingsVersion} + 1`, offered: null, updatedAt: new Date() })
    .where(and(isConnection(org, connectionId), sql`${connections.offered} ->> 'sha256' = ${offeredSha256}`))
    .returning();
  return row;
}

/** Puts a new credential in the place of the old one, which is erased. Answers its version, or null for no such connection. */
export async function rotateCredential(
  org: Org,
  keys: KeyRing,
  connectionId: string,
  credential: Json,
): Promise<number | null> {
  const [row] = await org.tx
    .select({ id: connections.id })
    .from(connections)
    .where(isConnection(org, connectionId))
    .for('update');
  if (!row) return null;
  const version = await addCredential(org, keys, connectionId, credential);
  await org.tx
    .delete(credentials)
    .where(
      and(
        eq(credentials.orgId, org.id),
        eq(credentials.connectionId, connectionId),
        sql`${credentials.version} < ${version}`,
      ),
    );
  await org.tx.update(connections).set({ updatedAt: new Date() }).where(isConnection(org, connectionId));
  return version;
}

const newestCredential = async (org: Org, connectionId: string) => {
  const [row] = await org.tx
    .select()
    .from(credentials)
    .where(and(eq(credentials.orgId, org.id), eq(credentials.connectionId, connectionId)))
    .orderBy(desc(credentials.version))
    .limit(1);
  return row;
};

/** Binds sealed bytes to org, connection and version: moved to another row they do not open (RULES D5). */
export const placeOf = (orgId: string, connectionId: string, version: number): string =>
  `${orgId}:${connectionId}:${version}`;

async function addCredential(org: Org, keys: KeyRing, connectionId: string, credential: Json): Promise<number> {
  const version = ((await newestCredential(org, connectionId))?.version ?? 0) + 1;
  const plain = Buffer.from(JSON.stringify(credential));
  const sealed = seal(keys.subkey('credentials'), plain, placeOf(org.id, connectionId, version));
  await org.tx.insert(credentials).values({ orgId: org.id, connectionId, version, keyId: keys.newest, sealed });
  return version;
}

/** The credential as it was given, for one call. Throws when there is none or its key is gone. */
export async function readCredential(org: Org, keys: KeyRing, connectionId: string): Promise<Json> {
  const row = await newestCredential(org, connectionId);
  if (!row) throw new UserError('The connection has no credential any more. Give it a new one.', { status: 409 });
  const plain = open(keys.subkey('credentials', row.keyId), row.sealed, placeOf(org.id, connectionId, row.version));
  const credential: Json = JSON.parse(Buffer.from(plain).toString('utf8'));
  return credential;
}
