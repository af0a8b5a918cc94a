import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Inbound } from '#core/chat.ts';
import { newId } from '#core/ids.ts';
import type { ApiKeyScope } from '#core/roles.ts';
import { createApiKey } from '#db/api-keys.ts';
import { apiKeys, idempotencyKeys } from '#db/schema/index.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, addPerson, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';

let world: World;
let owner: Person;
const received: Inbound[] = [];
let receive: () => Promise<void>;
beforeAll(async () => {
  world = await createWorld(
    idleClient({
      receive: async (inbound) => {
        received.push(inbound);
        await receive();
        return { kind: 'run', runId: newId(), threadId: newId(), isReplay: false };
      },
    }),
  );
  owner = await addOrg(world);
});
afterAll(() => world.drop());

const ask = (key: string, body: unknown = { text: 'hello' }, as = owner) => {
  return world.call('/api/v1/requests', { as, body, headers: { 'idempotency-key': key } });
};
const newKey = (key: string, as = owner) =>
  world.call('/api/v1/api-keys', { as, body: { name: 'ci' }, headers: { 'idempotency-key': key } });
const at = async () => {};
const age = (key: string, interval: string) =>
  inOrg(world, owner.orgId, ({ tx }) =>
    tx
      .update(idempotencyKeys)
      .set({ createdAt: sql`now() - ${interval}::interval` })
      .where(eq(idempotencyKeys.key, key)),
  );

test('the same key and body get the same answer again, and nothing is done twice', async () => {
  receive = at;
  const before = received.length;
  const [first, second] = [await ask('a'), await ask('a')];
  expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([202, null]);
  expect([second.status, second.headers.get('idempotency-replayed')]).toEqual([202, 'true']);
  expect(second.json).toEqual(first.json);
  expect(received.length).toBe(before + 1);
});

test('a secret answer comes back whole, and is sealed in the table', async () => {
  const [first, second] = [await newKey('b'), await newKey('b')];
  expect(second.json).toEqual(first.json);
  const rows = await inOrg(world, owner.orgId, ({ tx }) => tx.select().from(idempotencyKeys));
  expect(JSON.stringify(rows)).not.toContain(first.json.key);
  expect(JSON.stringify(rows)).not.toContain(Buffer.from(first.json.key).toString('base64').slice(4, 40));
  const keys = await inOrg(world, owner.orgId, ({ tx }) => tx.select().from(apiKeys).where(eq(apiKeys.name, 'ci')));
  expect(keys).toHaveLength(1);
});

test('the same key with another body or another path is 422', async () => {
  receive = at;
  await ask('c');
  const other = await ask('c', { text: 'something else' });
  expect([other.status, other.json.field]).toEqual([422, 'Idempotency-Key']);
  expect((await newKey('c')).status).toBe(422);
});

test('while the first is still going the second is 409; fifty at once do it once', async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  receive = () => held;
  const before = received.length;
  const all = Array.from({ length: 50 }, () => ask('d'));
  let answered = 0;
  for (const one of all) void one.then(() => (answered += 1));
  await expect.poll(() => answered, { timeout: 10_000 }).toBe(49);
  release();
  const statuses = (await Promise.all(all)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 202)).toHaveLength(1);
  expect(statuses.filter((status) => status === 409)).toHaveLength(49);
  expect(received.length).toBe(before + 1);
});

test('an answer that is our fault is not kept: the retry goes through, as the same event', async () => {
  receive = () => Promise.reject(new Error('the database went away: secret'));
  const failed = await ask('e');
  expect([failed.status, failed.text.includes('secret')]).toEqual([500, false]);
  receive = at;
  expect((await ask('e')).status).toBe(202);
});

test('invalid input and missing rights are not kept either', async () => {
  receive = at;
  expect((await ask('f', { text: '' })).status).toBe(422);
  expect((await ask('f')).status).toBe(202);
});

test('a request that died is taken up again after five minutes, under the same event id and thread', async () => {
  receive = () => new Promise(() => {});
  const before = received.length;
  void ask('g');
  await expect.poll(() => received.length, { timeout: 5000 }).toBe(before + 1);
  expect((await ask('g')).status).toBe(409);
  await age('g', '6 minutes');
  receive = at;
  expect((await ask('g')).status).toBe(202);
  const [first, second] = [received.at(-2), received.at(-1)];
  expect(received.length).toBe(before + 2);
  expect(second).toEqual(first);
});

test('after 24 hours the key is free', async () => {
  receive = at;
  const first = await ask('h');
  await age('h', '25 hours');
  const second = await ask('h', { text: 'another day' });
  expect(second.status).toBe(202);
  expect(second.json.runId).not.toBe(first.json.runId);
});

test('keys of two people, and of two organisations, have nothing to do with each other', async () => {
  receive = at;
  const colleague = await addPerson(world, owner.orgId, 'member');
  const stranger = await addOrg(world, 'Other');
  const answers = [
    await ask('i'),
    await ask('i', { text: 'hello' }, colleague),
    await ask('i', { text: 'hello' }, stranger),
  ];
  expect(new Set(answers.map(({ json }) => json.runId)).size).toBe(3);
});

test.each(['', ' ', 'x'.repeat(256), 'with space'])('the key %j is 422', async (key) => {
  expect((await ask(key)).status).toBe(422);
});

test('a key of another scope gets no answer that was kept for a full one', async () => {
  const make = (name: string, scopes: ApiKeyScope[]) =>
    inOrg(world, owner.orgId, (org) =>
      createApiKey(org, { memberId: owner.memberId, createdBy: owner.memberId, name, scopes }),
    );
  const [reader, full] = [await make('reader', ['read']), await make('second', ['full'])];
  const first = await newKey('scope');
  expect(first.status).toBe(201);
  expect((await newKey('scope', { ...owner, key: full.key })).json).toEqual(first.json);
  const narrow = await newKey('scope', { ...owner, key: reader.key });
  expect([narrow.status, narrow.text]).toEqual([422, expect.not.stringContaining('abw_')]);
});
