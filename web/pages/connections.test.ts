import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCredential } from '#db/connections.ts';
import { createStoryWorld, postForm } from '#test/web/story.ts';
import { addOrg, addPerson, cookieOf, inOrg, PASSWORD, type Person, type World } from '#test/web/world.ts';

const DOCUMENT = JSON.stringify({
  openapi: '3.1.0',
  info: { title: 'ERP', version: '1' },
  paths: {
    '/invoices': {
      get: { operationId: 'listInvoices', responses: {} },
      post: {
        operationId: 'createInvoice',
        requestBody: {
          content: { 'application/json': { schema: { type: 'object', properties: { amount: { type: 'number' } } } } },
        },
        responses: {},
      },
    },
  },
});
const SECRET = 'top-secret-token-value';

let world: World;
let admin: Person;
let cookie: string;
beforeAll(async () => {
  world = await createStoryWorld(
    {},
    { fetchDocument: async () => DOCUMENT, testConnection: async () => 'ERP answered 200.' },
  );
  const { orgId } = await addOrg(world);
  admin = await addPerson(world, orgId, 'admin', PASSWORD);
  cookie = await cookieOf(world, admin.email);
});
afterAll(() => world.drop());

const post = (path: string, fields: Record<string, string>) => postForm(world, cookie, path, fields);
const base = {
  connector: 'rest',
  name: 'ERP',
  baseUrl: 'https://erp.example.com/api',
  source: 'url',
  openapiUrl: 'https://erp.example.com/openapi.json',
};

test('S5 an imported document has its reads on and its writes off until somebody ticks them', async () => {
  const { text } = await post('/connections/preview', base);
  expect(text).toMatch(/value="listInvoices"\s+checked/);
  expect(text).toMatch(/value="createInvoice"/);
  expect(text).not.toMatch(/value="createInvoice"\s+checked/);
});

test('a connection is made with the ticked actions, its secret is sealed and never on a page, and it can be tested, rotated and removed', async () => {
  const made = await post('/connections', {
    ...base,
    step: 'preview',
    enabled: 'createInvoice',
    'credential.type': 'bearer',
    'credential.token': SECRET,
  });
  expect(made.status).toBe(303);
  const path = made.headers.get('location') ?? '';
  const id = path.split('/').at(-1) ?? '';
  const { text } = await world.call(path, { headers: { cookie } });
  expect(text).toContain('erp_createInvoice');
  expect(text).not.toContain('erp_listInvoices');
  expect(text).not.toContain(SECRET);
  expect((await post(`${path}/test`, {})).text).toContain('ERP answered 200.');
  expect(
    (
      await post(`${path}/credential`, {
        'credential.type': 'basic',
        'credential.username': 'u',
        'credential.password': 'p',
      })
    ).text,
  ).toContain('was replaced');
  expect(await inOrg(world, admin.orgId, (org) => readCredential(org, world.deps.keys, id))).toEqual({
    type: 'basic',
    username: 'u',
    password: 'p',
  });
  expect((await post(`${path}/remove`, {})).status).toBe(422);
  expect((await post(`${path}/remove`, { sure: 'on' })).status).toBe(303);
  expect((await world.call(path, { headers: { cookie } })).status).toBe(404);
});

test('a mistake names itself and keeps what was typed, but no secret', async () => {
  const wrong = await post('/connections/preview', { ...base, name: 'My "ERP"', baseUrl: 'ftp://erp' });
  expect([wrong.status, wrong.text]).toEqual([422, expect.stringContaining('is not a web address')]);
  expect(wrong.text).toContain('value="My &quot;ERP&quot;"');
  const bad = await post('/connections', {
    ...base,
    step: 'preview',
    enabled: 'createInvoice',
    'credential.type': 'header',
    'credential.header': 'bad name',
    'credential.headerValue': SECRET,
  });
  expect([bad.status, bad.text]).toEqual([422, expect.stringContaining('is not a header name')]);
  expect(bad.text).toMatch(/value="createInvoice"\s+checked/);
  expect(bad.text).not.toContain(SECRET);
});

test('actions can be written by hand, with their arguments', async () => {
  const hand = {
    ...base,
    name: 'Desk',
    source: 'hand',
    'action.name': 'openTicket',
    'action.method': 'POST',
    'action.path': '/tickets/{queue}',
    'action.args': 'subject, urgent:boolean?',
  };
  expect((await post('/connections/preview', hand)).text).toContain('POST /tickets/{queue}');
  const made = await post('/connections', {
    ...hand,
    step: 'preview',
    enabled: 'openTicket',
    'credential.type': 'none',
  });
  expect((await world.call(made.headers.get('location') ?? '', { headers: { cookie } })).text).toContain(
    'desk_openTicket',
  );
  const wrong = await post('/connections/preview', { ...hand, 'action.args': 'a b c' });
  expect([wrong.status, wrong.text]).toEqual([422, expect.stringContaining('is not understood')]);
});

test('the calculator needs a name only', async () => {
  expect((await post('/connections', { connector: 'calculator', name: 'Sums' })).status).toBe(303);
  const taken = await post('/connections', { connector: 'calculator', name: 'Sums' });
  expect([taken.status, taken.text]).toEqual([409, expect.stringContaining('Choose another name')]);
});

test('D2 a member sees the list and changes nothing', async () => {
  const member = await addPerson(world, admin.orgId, 'member', PASSWORD);
  const theirs = await cookieOf(world, member.email);
  const { text } = await world.call('/connections', { headers: { cookie: theirs } });
  expect(text).not.toContain('/connections/new');
  expect((await postForm(world, theirs, '/connections', { connector: 'calculator', name: 'Mine' })).status).toBe(403);
});
