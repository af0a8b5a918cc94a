import { and, asc, desc, eq, gt, lt } from 'drizzle-orm';
import { hmacSha256, sameText, sha256 } from '#core/hash.ts';
import type { KeyRing } from '#core/keys.ts';
import type { Org, Tx } from './client.ts';
import { auditCheckpoints, auditHeads, auditLog } from './schema/audit.ts';

/** ids and hashes only: no text a person or a model wrote (RULES D6). */
export interface AuditEntry {
  /** `member:<id>`, `member:<id> key:<id>`, or `system`. */
  actor: string;
  action: string;
  target: { type: string; id: string };
  details?: Record<string, string | number | boolean | null | readonly string[]>;
}

/** What the first row of a chain follows. */
export const GENESIS = '0'.repeat(64);

type Row = typeof auditLog.$inferSelect;
/** What a row says and follows, as one sha256. */
export const auditHash = (row: Omit<Row, 'hash'>): string =>
  sha256(
    JSON.stringify([
      row.orgId,
      row.seq,
      row.at,
      row.actor,
      row.action,
      row.targetType,
      row.targetId,
      row.details,
      row.previousHash,
    ]),
  );

/** Appends one row to the org's chain. Call it last in its transaction: it holds the head's lock until commit. */
export async function audit(org: Org, entry: AuditEntry): Promise<void> {
  const head = (await lockHead(org)) ?? (await makeHead(org));
  const unsigned = {
    orgId: org.id,
    seq: head.seq + 1,
    at: new Date().toISOString(),
    actor: entry.actor,
    action: entry.action,
    targetType: entry.target.type,
    targetId: entry.target.id,
    details: JSON.stringify(entry.details ?? {}),
    previousHash: head.hash,
  };
  const hash = auditHash(unsigned);
  await Promise.all([
    org.tx.insert(auditLog).values({ ...unsigned, hash }),
    org.tx.update(auditHeads).set({ seq: unsigned.seq, hash }).where(eq(auditHeads.orgId, org.id)),
  ]);
}

async function lockHead(org: Org): Promise<typeof auditHeads.$inferSelect | undefined> {
  const [head] = await org.tx.select().from(auditHeads).where(eq(auditHeads.orgId, org.id)).for('update');
  return head;
}

/** The org's first row: of two at once one makes the head, and the other waits for it. */
async function makeHead(org: Org): Promise<typeof auditHeads.$inferSelect> {
  await org.tx.insert(auditHeads).values({ orgId: org.id, seq: 0, hash: GENESIS }).onConflictDoNothing();
  const head = await lockHead(org);
  if (!head) throw new Error('audit head vanished');
  return head;
}

const signed = (orgId: string, seq: number, hash: string): string => `${orgId}:${seq}:${hash}`;

/** Signs the current head, if it moved. Returns the checkpoint's line for a place outside the database, or null. */
export async function checkpointAudit(org: Org, keys: KeyRing): Promise<string | null> {
  const [head] = await org.tx.select().from(auditHeads).where(eq(auditHeads.orgId, org.id));
  if (!head || head.seq === 0) return null;
  const signature = hmacSha256(keys.subkey('audit checkpoints'), signed(org.id, head.seq, head.hash));
  const added = await org.tx
    .insert(auditCheckpoints)
    .values({ orgId: org.id, seq: head.seq, hash: head.hash, keyId: keys.newest, signature, at: new Date() })
    .onConflictDoNothing()
    .returning({ seq: auditCheckpoints.seq });
  return added.length === 0
    ? null
    : JSON.stringify({ orgId: org.id, seq: head.seq, hash: head.hash, keyId: keys.newest, signature });
}

export interface AuditVerdict {
  orgId: string;
  /** How many hold, counted from the first, and the hash of the last of them. */
  rows: number;
  hash: string;
  /** The first row that does not hold, or null. */
  badSeq: number | null;
  why: string | null;
}

/** Reads within a transaction: one of its own for each part, so that a walk of a million rows holds none open. */
export type ReadPart = <T>(fn: (tx: Tx) => Promise<T>) => Promise<T>;
type Checkpoint = Pick<typeof auditCheckpoints.$inferSelect, 'seq' | 'hash'>;

/** As `verifyChain`, in one transaction. */
export const verifyAudit = (
  tx: Tx,
  orgId: string,
  keys: KeyRing,
  outside: readonly Checkpoint[] = [],
): Promise<AuditVerdict> => verifyChain((fn) => fn(tx), orgId, keys, outside);

/** Walks an org's whole chain in pages and compares its checkpoints. `outside` holds checkpoints kept outside the database. */
export async function verifyChain(
  read: ReadPart,
  orgId: string,
  keys: KeyRing,
  outside: readonly Checkpoint[] = [],
): Promise<AuditVerdict> {
  const checkpoints = await read((tx) =>
    tx.select().from(auditCheckpoints).where(eq(auditCheckpoints.orgId, orgId)).orderBy(asc(auditCheckpoints.seq)),
  );
  const expected = new Map<number, string>();
  // A key that left the ring after a rotation: the first checkpoint under a known key covers the chain before it.
  const known = checkpoints.findLast(({ keyId }) => keys.ids.includes(keyId));
  for (const point of checkpoints) {
    if (known && point.seq < known.seq && !keys.ids.includes(point.keyId)) continue;
    const signature = hmacSha256(keys.subkey('audit checkpoints', point.keyId), signed(orgId, point.seq, point.hash));
    if (!sameText(signature, point.signature))
      return { orgId, rows: 0, hash: GENESIS, badSeq: point.seq, why: 'a checkpoint has a wrong signature' };
    expected.set(point.seq, point.hash);
  }
  for (const point of outside) expected.set(point.seq, point.hash);
  let previous = { seq: 0, hash: GENESIS };
  const upTo = ({ seq, hash }: Checkpoint) => ({ orgId, rows: seq, hash });
  let head: typeof auditHeads.$inferSelect | undefined;
  for (;;) {
    const { seq } = previous;
    const page = await read((tx) =>
      tx
        .select()
        .from(auditLog)
        .where(and(eq(auditLog.orgId, orgId), gt(auditLog.seq, seq)))
        .orderBy(asc(auditLog.seq))
        .limit(1000),
    );
    for (const row of page) {
      const bad = (why: string): AuditVerdict => ({ ...upTo(previous), badSeq: previous.seq + 1, why });
      if (row.seq !== previous.seq + 1) return bad('a row is missing');
      if (row.previousHash !== previous.hash) return bad('the row does not follow the one before it');
      if (row.hash !== auditHash(row)) return bad('the row was changed');
      const point = expected.get(row.seq);
      if (point && point !== row.hash) return bad('the chain was rewritten after a checkpoint');
      previous = { seq: row.seq, hash: row.hash };
    }
    if (page.length > 0) continue;
    // Rows may be added while we walk: the end is where neither rows nor the head move any more.
    const [now] = await read((tx) => tx.select().from(auditHeads).where(eq(auditHeads.orgId, orgId)));
    const isStill = now?.seq === head?.seq;
    head = now;
    if (isStill) break;
  }
  const newest = Math.max(head?.seq ?? 0, ...expected.keys());
  if (newest > previous.seq)
    return { ...upTo(previous), badSeq: previous.seq + 1, why: 'the end of the chain was cut off' };
  if (head && (head.seq !== previous.seq || head.hash !== previous.hash))
    return { ...upTo(previous), badSeq: previous.seq, why: 'the head does not match the last row' };
  return { ...upTo(previous), badSeq: null, why: null };
}

/** Newest first. `before` is a sequence number to page on from. */
export const listAudit = (org: Org, { limit, before }: { limit: number; before?: number }) =>
  org.tx
    .select()
    .from(auditLog)
    .where(and(eq(auditLog.orgId, org.id), before === undefined ? undefined : lt(auditLog.seq, before)))
    .orderBy(desc(auditLog.seq))
    .limit(limit);
