import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { UserError } from './errors.ts';

/** What a key is used for; each purpose gets its own HKDF subkey (RULES D5). */
export type Purpose = 'credentials' | 'history' | 'cookies' | 'audit checkpoints';

export interface KeyRing {
  /** Ids, newest first. */
  readonly ids: readonly string[];
  readonly newest: string;
  subkey(purpose: Purpose, id?: string): Uint8Array;
}

const zRing = z.string().transform((text, context) => {
  const entries = text.split(',').map((part) => {
    const [id = '', base64 = ''] = part.trim().split(':', 2);
    return { id, key: Buffer.from(base64, 'base64') };
  });
  const isGood = entries.every(({ id, key }) => /^[A-Za-z0-9_-]{1,32}$/.test(id) && key.length === 32);
  if (isGood && new Set(entries.map(({ id }) => id)).size === entries.length) return entries;
  context.addIssue('must be id:base64,… with 32-byte keys and different ids; make one with: openssl rand -base64 32');
  return z.NEVER;
});

/** Reads `ABETWORKS_KEYS` (`id:base64,…`, newest first). Throws `UserError` naming the remedy when it is malformed. */
export function parseKeyRing(text: string): KeyRing {
  const parsed = zRing.safeParse(text);
  if (!parsed.success) throw new UserError(`ABETWORKS_KEYS ${parsed.error.issues[0]?.message ?? 'is malformed'}`);
  const ring = new Map(parsed.data.map(({ id, key }) => [id, key]));
  const ids = [...ring.keys()];
  const newest = ids[0] ?? '';
  const cache = new Map<string, Uint8Array>();
  const subkey = (purpose: Purpose, id = newest): Uint8Array => {
    const root = ring.get(id);
    if (!root)
      throw new UserError(`ABETWORKS_KEYS has no key "${id}", and something stored still needs it. Add the key back.`);
    const name = `${purpose}:${id}`;
    const made = cache.get(name) ?? new Uint8Array(hkdfSync('sha256', root, 'abetworks', purpose, 32));
    cache.set(name, made);
    return made;
  };
  return { ids, newest, subkey };
}

/** A fresh ring with one random key, in the form of `ABETWORKS_KEYS`. */
export const newKeyRingText = (): string => `k${Date.now().toString(36)}:${randomBytes(32).toString('base64')}`;

const IV_BYTES = 12;
const TAG_BYTES = 16;

/** AES-256-GCM: iv ‖ ciphertext ‖ 16-byte tag. `aad` binds it to its place. */
export function seal(key: Uint8Array, plain: Uint8Array, aad = ''): Uint8Array {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(aad));
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** The reverse of `seal`; throws when a byte, the key or the place differs. */
export function open(key: Uint8Array, sealed: Uint8Array, aad = ''): Uint8Array {
  if (sealed.length < IV_BYTES + TAG_BYTES) throw new Error('sealed bytes are too short');
  const bytes = Buffer.from(sealed);
  // Without authTagLength Node takes a tag as short as 4 bytes (DEP0182).
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(aad));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, bytes.length - TAG_BYTES)), decipher.final()]);
}
