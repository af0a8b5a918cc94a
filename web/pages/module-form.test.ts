import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findConnector } from '#activities/integrations/index.ts';
import { UserError } from '#core/errors.ts';
import { readCredential } from '#db/connections.ts';
import { createStoryWorld, postForm } from '#test/web/story.ts';
import { addOrg, addPerson, cookieOf, inOrg, PASSWORD, type Person, type World } from '#test/web/world.ts';
import type { ModulesQuestion } from '#db/answers.ts';

const SECRET = 'module-form-secret-71c2';
const MODULES = [
  { id: 'lookup', name: 'Look-up', description: 'Looks <b>words</b> up.', effect: 'read' },
  { id: 'open', description: 'Opens a ticket.' },
];
let modules: object[] = MODULES;
const asked: ModulesQuestion[] = [];

let world: World;
let sql: postgres.Sql;
let admin: Person;
let cookie: string;
beforeAll(async () => {
  const listModules = async (_: unknown, question: ModulesQuestion) => {
    asked.push(question);
    if (JSON.stringify(question.settings).includes('gone'))
      throw new UserError('Nobody answers. Start the server.', { status: 422 });
    return JSON.stringify({ modules });
  };
  world = await createStoryWorld({}, { listModules });
  sql = postgres(world.database.adminUrl, { max: 1, onnotice: () => {} });
  const { orgId } = await addOrg(world);
  admin = await addPerson(world, orgId, 'admin', PASSWORD);
  cookie = await cookieOf(world, admin.email);
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});

const post = (path: string, fields: Record<string, string>) => postForm(world, cookie, path, fields);
const base = { connector: 'module', name: 'Desk', baseUrl: 'https://desk.example.com', 'credential.apiKey': SECRET };
const hiddenIn = (text: string, name: string): string =>
  new RegExp(`name="${name.replace('.', '\\.')}"\\s+value="([^"]*)"`).exec(text)?.[1] ?? '';

let path = '';
test('S5 its modules are shown before it is connected: what says that it reads is on, the rest is off, its words are text', async () => {
  const { status, text } = await post('/connections/preview', base);
  expect(status).toBe(200);
  expect(asked.at(-1)).toEqual({
    connector: 'module',
    settings: { baseUrl: base.baseUrl, trusted: false, enabled: 'reads' },
    credential: { apiKey: SECRET },
  });
  expect(text).toMatch(/value="lookup"\s+checked/);
  expect(text).toMatch(/value="open"/);
  expect(text).not.toMatch(/value="open"\s+checked/);
  expect(text).toContain('Looks &lt;b&gt;words&lt;/b&gt; up.');
  expect(text).not.toContain(SECRET);

  const seen = { seen: hiddenIn(text, 'seen'), 'credential.sealed': hiddenIn(text, 'credential.sealed') };
  const { 'credential.apiKey': _, ...rest } = base;
  const changed = await post('/connections', {
    ...rest,
    step: 'preview',
    ...seen,
    seen: '0'.repeat(64),
    enabled: 'lookup',
  });
  expect([changed.status, changed.text]).toEqual([409, expect.stringContaining('has changed since you looked')]);
  const forged = await post('/connections', {
    ...rest,
    step: 'preview',
    ...seen,
    'credential.sealed': 'k:AAAA',
    enabled: 'lookup',
  });
  expect([forged.status, forged.text]).toEqual([422, expect.stringContaining('type it anew')]);

  const made = await post('/connections', { ...rest, step: 'preview', ...seen, enabled: 'lookup' });
  expect(made.status).toBe(303);
  path = made.headers.get('location') ?? '';
  const id = path.split('/').at(-1) ?? '';
  expect(await inOrg(world, admin.orgId, (org) => readCredential(org, world.deps.keys, id))).toEqual({
    apiKey: SECRET,
  });
  const page = await world.call(path, { headers: { cookie } });
  expect(page.text).toContain('desk_lookup');
  expect(page.text).not.toContain('desk_open');
  expect(page.text).toMatch(/badge good">up</);
});

test('a form sealed for somebody else opens nothing', async () => {
  const { text } = await post('/connections/preview', { ...base, name: 'Other' });
  const other = await addPerson(world, admin.orgId, 'admin', PASSWORD);
  const theirs = await cookieOf(world, other.email);
  const fields = { ...base, name: 'Other', step: 'preview', seen: hiddenIn(text, 'seen') };
  const taken = await postForm(world, theirs, '/connections', {
    ...fields,
    'credential.sealed': hiddenIn(text, 'credential.sealed'),
  });
  expect(taken.status).toBe(422);
});

test('a server that does not answer keeps what was typed, but no secret', async () => {
  const gone = await post('/connections/preview', { ...base, name: 'Gone', baseUrl: 'https://gone.example.com' });
  expect([gone.status, gone.text]).toEqual([422, expect.stringContaining('Start the server')]);
  expect(gone.text).toContain('value="https://gone.example.com"');
  expect(gone.text).not.toContain(SECRET);
  const before = asked.length;
  expect((await post('/connections/preview', { ...base, baseUrl: 'ftp://x' })).text).toContain('is not a web address');
  expect(asked.length).toBe(before);
});

test('what it offers anew is shown old and new, and accepted as it was seen', async () => {
  const id = path.split('/').at(-1) ?? '';
  const [row] = await sql`select settings from connections where id = ${id}`;
  const now = [
    { ...MODULES[0], description: 'Sends <i>words</i> away.' },
    { id: 'extra', effect: 'read' },
  ];
  const offered = findConnector('module').watched?.compare(row?.['settings'], JSON.stringify(now)) ?? {};
  await sql`update connections set offered = ${sql.json(offered)}, health = 'down', health_text = 'Nobody <there>.' where id = ${id}`;

  const { text } = await world.call(path, { headers: { cookie } });
  expect(text).toContain('Looks &lt;b&gt;words&lt;/b&gt; up.');
  expect(text).toContain('Sends &lt;i&gt;words&lt;/i&gt; away.');
  expect(text).toContain('Nobody &lt;there&gt;.');
  expect(text).toContain('is off until an admin accepts');
  expect(text).toMatch(/value="extra"\s+checked/);
  const member = await addPerson(world, admin.orgId, 'member', PASSWORD);
  const theirs = await cookieOf(world, member.email);
  expect((await world.call(path, { headers: { cookie: theirs } })).text).not.toContain('Accept what is offered');
  expect((await world.call('/connections', { headers: { cookie } })).text).toMatch(/badge bad">down</);

  const form = { offeredSha256: hiddenIn(text, 'offeredSha256'), enabled: 'extra' };
  expect((await postForm(world, theirs, `${path}/accept`, form)).status).toBe(403);
  expect((await post(`${path}/accept`, { ...form, offeredSha256: 'f'.repeat(64) })).status).toBe(409);
  const accepted = await post(`${path}/accept`, form);
  expect(accepted.text).toContain('Accepted.');
  expect(accepted.text).toContain('desk_extra');
  expect(accepted.text).not.toContain('desk_lookup');
  expect((await post(`${path}/accept`, form)).status).toBe(409);
});
