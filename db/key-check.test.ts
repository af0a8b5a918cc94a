import { afterAll, beforeEach, expect, test } from 'vitest';
import { randomBytes } from 'node:crypto';
import { parseKeyRing } from '#core/keys.ts';
import { createTestDatabase, type TestDatabase } from '#test/setup/database.ts';
import { checkKeyRing } from './key-check.ts';
import { keyChecks } from './schema/index.ts';

let database: TestDatabase | undefined;
const drop = async () => database?.drop();
beforeEach(async () => {
  await drop();
  database = await createTestDatabase();
});
afterAll(drop);

const [a, b, c] = [0, 1, 2].map(() => randomBytes(32).toString('base64'));
const check = (ring: string) => {
  if (!database) throw new Error('no database');
  return checkKeyRing(database.db, parseKeyRing(ring));
};
const stored = async () => (await database?.db.global.select().from(keyChecks))?.map(({ keyId }) => keyId).toSorted();

test('D5 the first ring is remembered, and the same ring is accepted again', async () => {
  await check(`k1:${a}`);
  await check(`k1:${a}`);
  expect(await stored()).toEqual(['k1']);
});

test('D5 a ring whose key has another value under the same id refuses', async () => {
  await check(`k1:${a}`);
  await expect(check(`k1:${b}`)).rejects.toThrow('the key "k1" is not the one this database was used with');
  await expect(check(`k2:${c},k1:${b}`)).rejects.toThrow('k1');
  expect(await stored()).toEqual(['k1']);
});

test('D5 a ring with none of the known keys refuses and names them', async () => {
  await check(`k1:${a}`);
  await expect(check(`k9:${b}`)).rejects.toThrow('(k1)');
  expect(await stored()).toEqual(['k1']);
});

test('D5 rotation: a newer key in front of the old one, then without the old one', async () => {
  await check(`k1:${a}`);
  await check(`k2:${b},k1:${a}`);
  await check(`k2:${b}`);
  expect(await stored()).toEqual(['k1', 'k2']);
});

test('D5 two processes with different rings that start at once: one of them refuses', async () => {
  const results = await Promise.allSettled([check(`k1:${a}`), check(`k2:${b}`)]);
  expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
});
