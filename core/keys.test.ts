import { createCipheriv, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { newKeyRingText, open, parseKeyRing, seal } from './keys.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const ring = (...ids: string[]) =>
  parseKeyRing(ids.map((id, at) => `${id}:${Buffer.alloc(32, at + 1).toString('base64')}`).join(','));
const key = ring('k1').subkey('credentials');
/** What Node says when the tag does not fit. */
const REFUSED = 'unable to authenticate data';
const PLACE = 'org-1:connection-1:1';

test('what was sealed opens again, and never looks the same twice', () => {
  const sealed = seal(key, bytes('a secret'), PLACE);
  expect(Buffer.from(open(key, sealed, PLACE)).toString()).toBe('a secret');
  expect(Buffer.from(sealed).toString('latin1')).not.toContain('a secret');
  expect(seal(key, bytes('a secret'), PLACE)).not.toEqual(sealed);
});

test('a single changed bit anywhere is refused', () => {
  const sealed = seal(key, bytes('elf bytes..'), PLACE);
  expect(sealed.length * 8).toBe(312);
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const changed = Uint8Array.from(sealed);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(() => open(key, changed, PLACE)).toThrow(REFUSED);
  }
});

test('a 4-byte tag is refused, although OpenSSL would take it', () => {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: 4 });
  cipher.setAAD(Buffer.from(PLACE));
  const body = Buffer.concat([cipher.update('a secret that is long enough'), cipher.final()]);
  expect(() => open(key, Buffer.concat([iv, body, cipher.getAuthTag()]), PLACE)).toThrow(REFUSED);
});

test('cut-off bytes are refused', () => {
  const sealed = seal(key, bytes(''), PLACE);
  for (let length = 0; length < sealed.length; length += 1)
    expect(() => open(key, sealed.subarray(0, length), PLACE)).toThrow('too short');
});

test.each(['org-2:connection-1:1', 'org-1:connection-2:1', 'org-1:connection-1:2', ''])(
  'D5 bytes of one place do not open in another: %s',
  (place) => {
    expect(() => open(key, seal(key, bytes('a secret'), PLACE), place)).toThrow(REFUSED);
  },
);

test('D5 each purpose and each key of the ring has a subkey of its own', () => {
  const keys = ring('new', 'old');
  const all = [
    keys.subkey('credentials'),
    keys.subkey('history'),
    keys.subkey('cookies'),
    keys.subkey('audit checkpoints'),
    keys.subkey('credentials', 'old'),
  ].map((subkey) => Buffer.from(subkey).toString('hex'));
  expect(new Set(all).size).toBe(all.length);
  expect(keys.newest).toBe('new');
  expect(ring('new', 'old').subkey('history')).toEqual(keys.subkey('history', 'new'));
});

test('D5 a key that is gone is named, with the remedy', () => {
  expect(() => ring('new').subkey('history', 'old')).toThrow(
    'has no key "old", and something stored still needs it. Add the key back.',
  );
});

test('a fresh ring can be read', () => {
  expect(parseKeyRing(newKeyRingText()).ids).toHaveLength(1);
});

const good = Buffer.alloc(32, 1).toString('base64');
test.each([
  ['nothing', ''],
  ['no id', good],
  ['a short key', `k1:${Buffer.alloc(31).toString('base64')}`],
  ['a long key', `k1:${Buffer.alloc(33).toString('base64')}`],
  ['an id twice', `k1:${good},k1:${good}`],
  ['an id with a space', `k 1:${good}`],
  ['a comma too many', `k1:${good},`],
])('a ring with %s is refused in one line, without its keys', (_, text) => {
  expect(() => parseKeyRing(text)).toThrow(
    /^ABETWORKS_KEYS must be id:base64,… with 32-byte keys and different ids; make one with: openssl rand -base64 32$/,
  );
});
