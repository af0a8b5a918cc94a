import { inArray, sql } from 'drizzle-orm';
import { UserError } from '#core/errors.ts';
import { hmacSha256, sameText } from '#core/hash.ts';
import type { KeyRing } from '#core/keys.ts';
import type { Database } from './client.ts';
import { readKeyUse } from './rotate.ts';
import { keyChecks } from './schema/identity.ts';

const checkOf = (keys: KeyRing, keyId: string): string =>
  hmacSha256(keys.subkey('audit checkpoints', keyId), `abetworks key check:${keyId}`);

/**
 * Compares the ring with what this database was used with, and remembers its keys (RULES D5). Answers the keys it was used with that are not in
 * the ring any more. Throws `UserError` when a key has another value than before, when none of the known keys is in the ring, or when something
 * stored needs one that was removed.
 */
export async function checkKeyRing(db: Database, keys: KeyRing): Promise<string[]> {
  const removed = await compareRing(db, keys);
  for (const [keyId, use] of await readKeyUse(db)) {
    if (keys.ids.includes(keyId)) continue;
    const needs = [
      use.credentials > 0 && `${use.credentials} stored credentials`,
      use.audits > 0 && `the audit checkpoints of ${use.audits} organisations`,
    ].filter(Boolean);
    throw stillNeeded(keyId, needs.join(' and '));
  }
  return removed;
}

export const stillNeeded = (keyId: string, by: string): UserError =>
  new UserError(
    `ABETWORKS_KEYS lacks the key "${keyId}", which is still needed by ${by}. Add it back behind the newest one, run npm run keys:rotate, and remove it when that says it may leave; nothing was changed.`,
  );

/** Nothing needs them any more: the next start does not ask about them again. */
export const forgetKeys = (db: Database, keyIds: readonly string[]): Promise<unknown> =>
  db.global.delete(keyChecks).where(inArray(keyChecks.keyId, [...keyIds]));

const compareRing = (db: Database, keys: KeyRing): Promise<string[]> =>
  db.global.transaction(async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(hashtext('abetworks:key-check'))`);
    const stored = await tx.select().from(keyChecks);
    const inRing = stored.filter(({ keyId }) => keys.ids.includes(keyId));
    const changed = inRing.find(({ keyId, check }) => !sameText(check, checkOf(keys, keyId)));
    if (changed)
      throw new UserError(
        `ABETWORKS_KEYS: the key "${changed.keyId}" is not the one this database was used with. Put the right key back; nothing was changed.`,
      );
    if (stored.length > 0 && inRing.length === 0)
      throw new UserError(
        `ABETWORKS_KEYS has none of the keys this database was used with (${stored.map(({ keyId }) => keyId).join(', ')}). Add one of them back; nothing was changed.`,
      );
    const known = new Set(stored.map(({ keyId }) => keyId));
    const fresh = keys.ids.filter((keyId) => !known.has(keyId));
    if (fresh.length > 0)
      await tx.insert(keyChecks).values(fresh.map((keyId) => ({ keyId, check: checkOf(keys, keyId) })));
    return [...known].filter((keyId) => !keys.ids.includes(keyId));
  });
