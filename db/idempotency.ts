import { and, eq, sql } from 'drizzle-orm';
import { hmacSha256, sameText } from '#core/hash.ts';
import { open, seal, type KeyRing } from '#core/keys.ts';
import type { Org } from './client.ts';
import { idempotencyKeys } from './schema/identity.ts';

/** An answer is kept for 24 h; a request that left none is taken to have died after 5 min, longer than any may last. */
const KEPT_HOURS = 24;
const DEAD_AFTER_MINUTES = 5;

export interface StoredAnswer {
  status: number;
  contentType: string;
  body: string;
}
export type Begun =
  /** Go on. `id` stays the same when a dead request is taken up again, so what it did can be recognised. */
  | { kind: 'fresh'; id: string }
  | { kind: 'replay'; answer: StoredAnswer }
  | { kind: 'mismatch' }
  | { kind: 'in_flight' };

type Row = typeof idempotencyKeys.$inferSelect;
const isRow = (org: Org, id: string) => and(eq(idempotencyKeys.orgId, org.id), eq(idempotencyKeys.id, id));
const placeOf = (row: Pick<Row, 'orgId' | 'memberId' | 'id'>): string =>
  `idempotency:${row.orgId}:${row.memberId}:${row.id}`;

// Requests hold secrets, so a plain hash of a short one could be guessed from a copy of the table.
const fingerprint = (keys: KeyRing, keyId: string, request: string): string =>
  `${keyId}:${hmacSha256(keys.subkey('credentials', keyId), `idempotency ${request}`)}`;

/** Claims (member, key) for this request, or says what became of an earlier one. `request` is all that makes requests the same. */
export async function beginIdempotent(
  org: Org,
  keys: KeyRing,
  { memberId, key, request }: { memberId: string; key: string; request: string },
): Promise<Begun> {
  const isKey = and(
    eq(idempotencyKeys.orgId, org.id),
    eq(idempotencyKeys.memberId, memberId),
    eq(idempotencyKeys.key, key),
  );
  await org.tx
    .delete(idempotencyKeys)
    .where(and(isKey, sql`${idempotencyKeys.createdAt} < now() - make_interval(hours => ${KEPT_HOURS})`));
  const [added] = await org.tx
    .insert(idempotencyKeys)
    .values({ orgId: org.id, memberId, key, requestHash: fingerprint(keys, keys.newest, request) })
    .onConflictDoNothing()
    .returning({ id: idempotencyKeys.id });
  if (added) return { kind: 'fresh', id: added.id };
  const [found] = await org.tx
    .select({
      row: idempotencyKeys,
      isDead: sql<boolean>`${idempotencyKeys.createdAt} < now() - make_interval(mins => ${DEAD_AFTER_MINUTES})`,
    })
    .from(idempotencyKeys)
    .where(isKey)
    .for('update');
  if (!found) return { kind: 'in_flight' };
  const { row, isDead } = found;
  const [keyId = ''] = row.requestHash.split(':', 1);
  if (!sameText(row.requestHash, fingerprint(keys, keyId, request))) return { kind: 'mismatch' };
  if (row.status !== null && row.response !== null)
    return { kind: 'replay', answer: unsealed(keys, row, row.status, row.response) };
  if (!isDead) return { kind: 'in_flight' };
  await org.tx
    .update(idempotencyKeys)
    .set({ createdAt: sql`now()` })
    .where(isRow(org, row.id));
  return { kind: 'fresh', id: row.id };
}

/** Keeps the answer, sealed: it may hold an invitation or an API key. */
export async function keepAnswer(
  org: Org,
  keys: KeyRing,
  at: { id: string; memberId: string },
  answer: StoredAnswer,
): Promise<void> {
  const { status, ...rest } = answer;
  const sealed = seal(keys.subkey('credentials'), Buffer.from(JSON.stringify(rest)), placeOf({ ...at, orgId: org.id }));
  const response = `${keys.newest}:${Buffer.from(sealed).toString('base64')}`;
  await org.tx.update(idempotencyKeys).set({ status, response }).where(isRow(org, at.id));
}

/** Nothing happened, or it is not known what: the same key may be tried again. */
export const forgetIdempotent = (org: Org, id: string): Promise<unknown> =>
  org.tx.delete(idempotencyKeys).where(isRow(org, id));

function unsealed(keys: KeyRing, row: Row, status: number, response: string): StoredAnswer {
  const [keyId = '', base64 = ''] = response.split(':', 2);
  const plain = open(keys.subkey('credentials', keyId), Buffer.from(base64, 'base64'), placeOf(row));
  const rest: Omit<StoredAnswer, 'status'> = JSON.parse(Buffer.from(plain).toString('utf8'));
  return { status, ...rest };
}
