import { and, asc, count, eq, gt, isNotNull, ne, sql } from 'drizzle-orm';
import { open, seal, type KeyRing } from '#core/keys.ts';
import { audit, checkpointAudit } from './audit.ts';
import type { Database, Org } from './client.ts';
import { placeOf } from './connections.ts';
import { auditCheckpoints, credentials, idempotencyKeys, orgs, slackInstallations } from './schema/index.ts';
import { resealTokens } from './slack-tokens.ts';

const BATCH = 100;

/**
 * Seals every credential, Slack's tokens among them, with the newest key (RULES D5), in batches of one short transaction each, so that the product
 * goes on beside it. What is done stays done: after a kill it goes on where it was, and a second time there is nothing to do. `onBatch` hears how
 * many were sealed so far.
 */
export async function rotateKeys(
  db: Database,
  keys: KeyRing,
  {
    keepCheckpoint,
    onBatch = () => {},
  }: { keepCheckpoint(line: string): Promise<void>; onBatch?: (n: number) => void },
): Promise<{ credentials: number }> {
  let sealed = 0;
  for (const { id } of await allOrgs(db)) {
    for (;;) {
      const n = await db.withOrg(id, async (org) => (await resealBatch(org, keys)) || resealTokens(org, keys, BATCH));
      if (n === 0) break;
      sealed += n;
      onBatch(sealed);
    }
    const line = await db.withOrg(id, (org) => signWithNewest(org, keys));
    if (line) await keepCheckpoint(line);
  }
  return { credentials: sealed };
}

const allOrgs = (db: Database): Promise<{ id: string }[]> =>
  db.withSystem('find orgs to rotate the keys of', (tx) => tx.select({ id: orgs.id }).from(orgs).orderBy(asc(orgs.id)));

async function resealBatch(org: Org, keys: KeyRing): Promise<number> {
  const old = await org.tx
    .select()
    .from(credentials)
    .where(and(eq(credentials.orgId, org.id), ne(credentials.keyId, keys.newest)))
    .orderBy(asc(credentials.id))
    .limit(BATCH)
    .for('update');
  for (const row of old) {
    const place = placeOf(org.id, row.connectionId, row.version);
    const plain = open(keys.subkey('credentials', row.keyId), row.sealed, place);
    await org.tx
      .update(credentials)
      .set({ keyId: keys.newest, sealed: seal(keys.subkey('credentials'), plain, place) })
      .where(and(eq(credentials.orgId, org.id), eq(credentials.id, row.id)));
  }
  return old.length;
}

/** A checkpoint under the newest key covers the whole chain before it: older signatures are not needed any more. */
async function signWithNewest(org: Org, keys: KeyRing): Promise<string | null> {
  // Of two rotations at once, one signs.
  await org.tx.execute(sql`select pg_advisory_xact_lock(hashtext('abetworks:rotate'))`);
  const [last] = await org.tx
    .select({ keyId: auditCheckpoints.keyId })
    .from(auditCheckpoints)
    .where(eq(auditCheckpoints.orgId, org.id))
    .orderBy(sql`${auditCheckpoints.seq} desc`)
    .limit(1);
  if (!last || last.keyId === keys.newest) return null;
  await audit(org, {
    actor: 'system',
    action: 'keys.rotated',
    target: { type: 'org', id: org.id },
    details: { from: last.keyId, to: keys.newest },
  });
  return checkpointAudit(org, keys);
}

/** What the database still needs a key for. */
export interface KeyUse {
  /** Those of connections, and Slack tokens. */
  credentials: number;
  /** Orgs whose newest audit checkpoint it signed. */
  audits: number;
}

/** By key id, across all orgs. */
export async function readKeyUse(db: Database): Promise<Map<string, KeyUse>> {
  const use = new Map<string, KeyUse>();
  const of = (keyId: string): KeyUse => {
    const known = use.get(keyId) ?? { credentials: 0, audits: 0 };
    use.set(keyId, known);
    return known;
  };
  await db.withSystem('find out which keys are still needed', async (tx) => {
    const sealed = await tx
      .select({ keyId: credentials.keyId, n: count() })
      .from(credentials)
      .groupBy(credentials.keyId);
    const slack = await tx
      .select({ keyId: slackInstallations.keyId, n: count() })
      .from(slackInstallations)
      .where(isNotNull(slackInstallations.keyId))
      .groupBy(slackInstallations.keyId);
    for (const { keyId, n } of [...sealed, ...slack]) if (keyId !== null) of(keyId).credentials += n;
    const signed = await tx
      .selectDistinctOn([auditCheckpoints.orgId], { keyId: auditCheckpoints.keyId })
      .from(auditCheckpoints)
      .orderBy(auditCheckpoints.orgId, sql`${auditCheckpoints.seq} desc`);
    for (const { keyId } of signed) of(keyId).audits += 1;
  });
  return use;
}

/** Answers kept for repeated requests, by key: how many, and when the last of them is forgotten (24 h after it was made). */
export async function readKeptAnswers(db: Database): Promise<Map<string, { n: number; until: Date }>> {
  const kept = new Map<string, { n: number; until: Date }>();
  for (const { id } of await allOrgs(db)) {
    const rows = await db.withOrg(id, (org) =>
      org.tx
        .select({
          keyId: sql<string>`split_part(${idempotencyKeys.requestHash}, ':', 1)`,
          n: count(),
          until: sql<string>`max(${idempotencyKeys.createdAt}) + interval '24 hours'`,
        })
        .from(idempotencyKeys)
        .where(
          and(
            eq(idempotencyKeys.orgId, org.id),
            isNotNull(idempotencyKeys.requestHash),
            gt(idempotencyKeys.createdAt, sql`now() - interval '24 hours'`),
          ),
        )
        .groupBy(sql`1`),
    );
    for (const { keyId, n, until } of rows) {
      const before = kept.get(keyId);
      const last = new Date(until);
      kept.set(keyId, { n: n + (before?.n ?? 0), until: before && before.until > last ? before.until : last });
    }
  }
  return kept;
}
