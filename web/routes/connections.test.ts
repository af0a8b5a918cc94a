import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UserError } from '#core/errors.ts';
import { newKeyRingText, parseKeyRing } from '#core/keys.ts';
import { readCredential } from '#db/connections.ts';
import { credentials } from '#db/schema/index.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, addPerson, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';

const SECRET = 'very-secret-token-0123456789';
const DOCUMENT = JSON.stringify({
  openapi: '3.0.0',
  info: { title: 'ERP', version: '1' },
  paths: { '/invoices': { get: { operationId: 'listInvoices', responses: { 200: { description: 'ok' } } } } },
});
let world: World;
let owner: Person;
let fetched: string[];
let testConnection: () => Promise<string>;
beforeAll(async () => {
  fetched = [];
  testConnection = async () => 'It answered.';
  world = await createWorld(
    idleClient({
      fetchDocument: async (_, url) => {
        fetched.push(url);
        if (url.includes('missing'))
          throw new UserError('openapi: nothing answers there.', { status: 422, field: 'openapi' });
        return DOCUMENT;
      },
      testConnection: () => testConnection(),
    }),
  );
  owner = await addOrg(world);
});
afterAll(() => world.drop());

let n = 0;
const nextName = () => `ERP ${(n += 1)}`;
const add = (body: object, as = owner) =>
  world.call('/api/v1/connections', {
    as,
    body: {
      connector: 'rest',
      name: nextName(),
      settings: { baseUrl: 'https://erp.example.test' },
      credential: { type: 'bearer', token: SECRET },
      ...body,
    },
  });

test('a credential is sealed, opens only in its place, and is in no answer, list or audit row', async () => {
  const added = await add({});
  expect(added.status).toBe(201);
  const { id } = added.json;
  const answers = [
    added,
    await world.call(`/api/v1/connections/${id}`, { as: owner }),
    await world.call('/api/v1/connections', { as: owner }),
    await world.call('/api/v1/audit', { as: owner }),
  ];
  for (const { text } of answers) expect(text).not.toContain(SECRET);
  const [row] = await inOrg(world, owner.orgId, ({ tx }) =>
    tx.select().from(credentials).where(eq(credentials.connectionId, id)),
  );
  expect(Buffer.from(row?.sealed ?? []).includes(SECRET)).toBe(false);
  const read = (keys = world.deps.keys) => inOrg(world, owner.orgId, (org) => readCredential(org, keys, id));
  await expect(read()).resolves.toEqual({ type: 'bearer', token: SECRET });
  await expect(read(parseKeyRing(newKeyRingText()))).rejects.toThrow('ABETWORKS_KEYS');
  const other = (await add({})).json.id;
  await inOrg(world, owner.orgId, ({ tx }) =>
    tx
      .update(credentials)
      .set({ sealed: row?.sealed ?? new Uint8Array() })
      .where(eq(credentials.connectionId, other)),
  );
  await expect(inOrg(world, owner.orgId, (org) => readCredential(org, world.deps.keys, other))).rejects.toThrow(
    'unable to authenticate data',
  );
});

test('an OpenAPI document is fetched by its address first, and what fails there leaves nothing behind', async () => {
  const added = await add({
    settings: { baseUrl: 'https://erp.example.test', openapi: 'https://erp.example.test/openapi.json' },
  });
  expect([added.status, fetched]).toEqual([201, ['https://erp.example.test/openapi.json']]);
  expect(added.json.settings.actions).toMatchObject([{ name: 'listInvoices' }]);
  const name = nextName();
  const failed = await add({
    name,
    settings: { baseUrl: 'https://erp.example.test', openapi: 'https://erp.example.test/missing' },
  });
  expect([failed.status, failed.json.field]).toEqual([422, 'openapi']);
  expect((await world.call('/api/v1/connections?limit=100', { as: owner })).text).not.toContain(`"${name}"`);
});

test.each([
  ['an unknown connector', { connector: 'nope' }, 'connector'],
  ['no name', { name: ' ' }, 'name'],
  ['a bad credential', { credential: { type: 'bearer' } }, 'credential.token'],
  ['a credential of another kind', { credential: 'secret' }, 'credential'],
  [
    'a credential with a line break',
    { credential: { type: 'bearer', token: `${SECRET}\r\nX: y` } },
    'credential.token',
  ],
])('%s is 422 and names the field', async (_, body, field) => {
  const answer = await add(body);
  expect([answer.status, answer.json.field]).toEqual([422, field]);
  expect(answer.text).not.toContain(SECRET);
});

test('settings that do not fit are 422', async () => {
  for (const settings of [
    {},
    { baseUrl: 'ftp://x' },
    { baseUrl: 7 },
    { baseUrl: 'https://a.test', openapi: '{' },
    { baseUrl: 'https://u:p@a.test' },
  ])
    expect((await add({ settings })).status).toBe(422);
});

test('two active connections cannot have names that make the same tools; a removed one frees its name', async () => {
  const first = await add({ name: 'The  ERP!' });
  expect((await add({ name: 'the erp' })).status).toBe(409);
  expect((await world.call(`/api/v1/connections/${first.json.id}`, { method: 'DELETE', as: owner })).status).toBe(204);
  expect((await world.call(`/api/v1/connections/${first.json.id}`, { as: owner })).status).toBe(404);
  const left = await inOrg(world, owner.orgId, ({ tx }) =>
    tx.select().from(credentials).where(eq(credentials.connectionId, first.json.id)),
  );
  expect(left).toEqual([]);
  expect((await add({ name: 'the erp' })).status).toBe(201);
});

test('a rotated credential replaces the old one for good', async () => {
  const { id } = (await add({})).json;
  const rotate = (credential: unknown) =>
    world.call(`/api/v1/connections/${id}/credential`, { as: owner, body: { credential } });
  expect((await rotate({ type: 'bearer' })).status).toBe(422);
  expect((await rotate({ type: 'bearer', token: 'another-token' })).json).toEqual({ id, version: 2 });
  await expect(inOrg(world, owner.orgId, (org) => readCredential(org, world.deps.keys, id))).resolves.toMatchObject({
    token: 'another-token',
  });
  expect(
    await inOrg(world, owner.orgId, ({ tx }) => tx.select().from(credentials).where(eq(credentials.connectionId, id))),
  ).toHaveLength(1);
});

test('a test says in a sentence what answered, and remembers it, also when it failed', async () => {
  const { id } = (await add({})).json;
  const run = () => world.call(`/api/v1/connections/${id}/test`, { method: 'POST', as: owner });
  const look = async () => (await world.call(`/api/v1/connections/${id}`, { as: owner })).json.testResult;
  expect((await run()).json).toEqual({ text: 'It answered.' });
  expect(await look()).toBe('It answered.');
  testConnection = () => Promise.reject(new UserError('The token was refused.', { status: 422 }));
  const failed = await run();
  expect([failed.status, failed.json.detail, await look()]).toEqual([
    422,
    'The token was refused.',
    'The token was refused.',
  ]);
});

test('D3 a personal connection is not there for other members; an admin sees that it exists', async () => {
  const { id } = (await add({ visibility: 'personal' })).json;
  const see = async (as: Person) => (await world.call(`/api/v1/connections/${id}`, { as })).status;
  expect(await see(await addPerson(world, owner.orgId, 'member'))).toBe(404);
  expect(await see(await addPerson(world, owner.orgId, 'admin'))).toBe(200);
});

test('a connection without a credential needs none', async () => {
  expect(
    (await world.call('/api/v1/connections', { as: owner, body: { connector: 'calculator', name: 'Sums' } })).status,
  ).toBe(201);
  expect((await add({ credential: undefined })).status).toBe(201);
});
