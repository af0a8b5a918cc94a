import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { UserError } from '#core/errors.ts';
import { parseKeyRing, newKeyRingText } from '#core/keys.ts';
import { removeInstallation, saveInstallation } from '#db/slack-installations.ts';
import { idleClient } from '#test/web/client.ts';
import { postForm } from '#test/web/story.ts';
import { addOrg, addPerson, cookieOf, createWorld, inOrg, PASSWORD, type Person, type World } from '#test/web/world.ts';
import type { SlackCheck, SlackSetup } from '#web/slack.ts';

type SignedIn = Person & { cookie: string };
const TOKEN = 'xoxb-page-canary-91ab';
const REFRESH = 'xoxe-1-page-canary-77de';
const keys = parseKeyRing(newKeyRingText());

let world: World;
let sql: postgres.Sql;
let owner: Person;
let admin: SignedIn;
/** What the page asked of Slack's side. */
let asked: unknown[][];
const fresh = (): SlackSetup => ({
  hears: [],
  hasToken: false,
  canInstall: false,
  problems: async () => ({ botToken: null, appToken: null }),
  manifest: (mode) => JSON.stringify({ mode, url: 'https://abw.example.com/slack/events' }, null, 2),
  begin: async (actor) => {
    asked.push(['begin', actor.memberId]);
    return 'https://slack.com/oauth/v2/authorize?state=s';
  },
  finish: async (actor, returned) => {
    asked.push(['finish', actor.memberId, returned]);
    return { tenant: 'T1' };
  },
  check: async (at) => {
    asked.push(['check', at]);
    return { isOk: true, text: 'Slack answers: the bot is abetworks in Acme', missing: [] };
  },
  remove: async (actor, tenant) => {
    asked.push(['remove', actor.memberId, tenant]);
  },
});
const setup: { -readonly [K in keyof SlackSetup]: SlackSetup[K] } = fresh();

beforeAll(async () => {
  world = await createWorld(idleClient(), {}, { slack: setup });
  sql = postgres(world.database.adminUrl, { max: 1, onnotice: () => {} });
  owner = await addOrg(world);
  admin = await somebody('admin');
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});
beforeEach(async () => {
  asked = [];
  Object.assign(setup, fresh());
  await sql`truncate slack_installations`;
  await sql`delete from tenants where platform = 'slack'`;
});

async function somebody(role: Parameters<typeof addPerson>[2], orgId = owner.orgId): Promise<SignedIn> {
  const person = await addPerson(world, orgId, role, PASSWORD);
  return { ...person, cookie: await cookieOf(world, person.email) };
}
const flat = (text: string): string => text.replaceAll(/\s+/g, ' ');
const open = async (path = '/slack', { cookie }: SignedIn = admin) => {
  const { status, text, headers } = await world.call(path, { headers: { cookie } });
  return { status, text: flat(text), headers };
};
const post = async (path: string, fields: Record<string, string> = {}, { cookie }: SignedIn = admin) => {
  const { status, text, headers } = await postForm(world, cookie, path, fields);
  return { status, text: flat(text), headers };
};
const install = (tenant: string, more: { source?: 'oauth' | 'env'; teamName?: string } = {}, orgId = owner.orgId) =>
  inOrg(world, orgId, (org) =>
    saveInstallation(
      org,
      keys,
      {
        tenant,
        isEnterprise: tenant.startsWith('E'),
        teamName: more.teamName ?? `Team ${tenant}`,
        appId: 'A1',
        botUserId: 'UBOT',
        botId: 'BBOT',
        scopes: ['chat:write'],
        source: more.source ?? 'oauth',
        expiresAt: null,
        secret: more.source === 'env' ? null : { token: TOKEN, refreshToken: REFRESH },
        memberId: null,
      },
      'system',
    ),
  );

test('D2 only those who manage connections see the page or do anything on it', async () => {
  const posts = ['/slack/install', '/slack/test', '/slack/remove'];
  const gets = ['/slack', '/slack/manifest.json', '/slack/oauth_redirect?code=c&state=s'];
  for (const role of ['member', 'viewer'] as const) {
    const person = await somebody(role);
    for (const path of gets) expect([path, (await open(path, person)).status]).toEqual([path, 403]);
    for (const path of posts) expect([path, (await post(path, { tenant: 'T1' }, person)).status]).toEqual([path, 403]);
    expect((await open('/', person)).text).not.toContain('href="/slack"');
  }
  for (const path of gets) expect([path, (await world.call(path)).status]).toEqual([path, 303]);
  expect(asked).toEqual([]);
  expect((await open()).status).toBe(200);
  expect((await open('/', admin)).text).toContain('href="/slack"');
});

test('another site cannot install, test or disconnect for an admin', async () => {
  for (const path of ['/slack/install', '/slack/test', '/slack/remove'])
    expect(
      (await postForm(world, admin.cookie, path, { tenant: 'T1' }, { origin: 'https://evil.example' })).status,
    ).toBe(403);
  expect(asked).toEqual([]);
});

test('before anything is set every step is to do, and each says what to set', async () => {
  const { text } = await open();
  expect(text.match(/to do<\/span>/g)).toHaveLength(4);
  expect(text).not.toContain('>done</span>');
  for (const name of ['SLACK_SIGNING_SECRET', 'SLACK_APP_TOKEN', 'SLACK_BOT_TOKEN', 'SLACK_CLIENT_ID'])
    expect(text).toContain(name);
  for (const words of ['No workspace yet', 'https://api.slack.com/apps', 'https://abw.example.com/slack/events'])
    expect(text).toContain(words);
  expect(text).not.toContain('action="/slack/install"');
});

test('what is set is done, and the button is there as soon as installing is possible', async () => {
  Object.assign(setup, { hears: ['http', 'socket'], hasToken: true, canInstall: true });
  const { text } = await open();
  expect(text.match(/>done<\/span>/g)).toHaveLength(4);
  expect(text).toMatch(/action="\/slack\/install".*Activate Public Distribution/);
  expect(text).toContain('Slack sends to https addresses only');
  Object.assign(setup, { hears: ['socket'], hasToken: false });
  const other = (await open()).text;
  expect(other).not.toContain('Slack sends to https addresses only');
  expect([other.match(/>done<\/span>/g), other.match(/>not used<\/span>/g)].map((found) => found?.length)).toEqual([
    2, 2,
  ]);
});

test('a token of the settings that Slack refuses is not done: the page says what Slack said and what to do', async () => {
  Object.assign(setup, { hears: ['http', 'socket'], hasToken: true, canInstall: true });
  setup.problems = async () => ({
    botToken: 'Slack does not accept SLACK_BOT_TOKEN (invalid_auth). Put a current <token> in and restart.',
    appToken: 'Slack refuses SLACK_APP_TOKEN (not_allowed_token_type).',
  });
  const { text } = await open();
  expect(text).toContain('SLACK_BOT_TOKEN (invalid_auth). Put a current &lt;token&gt; in and restart.');
  expect(text).toContain('Slack refuses SLACK_APP_TOKEN (not_allowed_token_type).');
  expect([text.match(/>done<\/span>/g), text.match(/>to do<\/span>/g)].map((found) => found?.length)).toEqual([2, 2]);
});

test('the manifest of each kind can be saved as a file', async () => {
  for (const mode of ['http', 'socket']) {
    const { headers, text } = await open(`/slack/manifest.json?mode=${mode}`);
    expect(headers.get('content-disposition')).toBe(`attachment; filename="abetworks-${mode}.json"`);
    expect(headers.get('content-type')).toContain('application/json');
    expect(JSON.parse(text)).toMatchObject({ mode });
  }
  expect(JSON.parse((await open('/slack/manifest.json?mode=other')).text)).toMatchObject({ mode: 'http' });
});

test('installing leads to Slack, and what cannot be begun is said on the page', async () => {
  const { status, headers } = await post('/slack/install');
  expect([status, headers.get('location')]).toEqual([303, 'https://slack.com/oauth/v2/authorize?state=s']);
  expect(asked).toEqual([['begin', admin.memberId]]);
  setup.begin = () => Promise.reject(new UserError('Set SLACK_CLIENT_ID first.', { status: 409 }));
  expect(await post('/slack/install')).toMatchObject({
    status: 409,
    text: expect.stringContaining('Set SLACK_CLIENT_ID first.'),
  });
});

test('coming back from Slack ends on an address without the code, which says what is connected now', async () => {
  await install('T1', { teamName: 'Acme & Söhne <b>' });
  const back = await open('/slack/oauth_redirect?code=c-1&state=s-1');
  expect([back.status, back.headers.get('location')]).toEqual([303, '/slack?connected=T1']);
  expect(asked).toEqual([['finish', admin.memberId, { code: 'c-1', state: 's-1' }]]);
  expect((await open('/slack?connected=T1')).text).toContain('Acme &amp; Söhne &lt;b&gt; is connected.');
  expect((await open('/slack?connected=T2')).text).not.toContain('is connected.');
});

test('after an Enterprise install the page says that the app still has to be added to workspaces, and where', async () => {
  await install('T1');
  expect((await open()).text).not.toContain('/workspaces/add');
  await install('E1', { teamName: 'Big' });
  expect((await open('/slack?connected=E1')).text).toMatch(
    /Big is connected\. Now add .*href="https:\/\/app\.slack\.com\/manage\/E1\/integrations\/profile\/A1\/workspaces\/add"/,
  );
});

test.each([
  ['error=access_denied&state=s', 'was cancelled in Slack. Nothing was changed'],
  ['error=%3Cscript%3E&state=s', '“&lt;script&gt;”'],
  ['state=s', 'Press Add to Slack again'],
  ['code=c', 'Press Add to Slack again'],
  ['code=c%00&state=s', 'Press Add to Slack again'],
  ['', 'Press Add to Slack again'],
])('what Slack sends back without a code does nothing and says what to do: %s', async (query, words) => {
  expect(await open(`/slack/oauth_redirect?${query}`)).toMatchObject({
    status: 400,
    text: expect.stringContaining(words),
  });
  expect(asked).toEqual([]);
});

test('what was refused at the end of an install is said with its next step', async () => {
  setup.finish = () => Promise.reject(new UserError('This workspace works for another organisation.', { status: 409 }));
  expect(await open('/slack/oauth_redirect?code=c&state=s')).toMatchObject({
    status: 409,
    text: expect.stringContaining('This workspace works for another organisation.'),
  });
});

test('a workspace is shown with its problem, and whether Slack was heard', async () => {
  await install('T1');
  await install('E1', { teamName: 'Big' });
  await sql`update slack_installations set heard_at = '2026-11-21T10:00:00Z' where tenant = 'E1'`;
  await sql`update slack_installations set status = 'revoked', problem = ${'Slack does not <accept> the token.'} where tenant = 'T1'`;
  const { text } = await open();
  for (const words of [
    'Slack does not &lt;accept&gt; the token.',
    'not heard yet',
    '2026-11-21 10:00',
    'Enterprise <span',
  ])
    expect(text).toContain(words);
  expect(text).toMatch(/Team T1 <span class="badge bad">down<\/span>/);
  expect(text).toMatch(/Big <span class="badge good">active<\/span>/);
});

test('a test says who the bot is, which scopes are missing and whether an event came, at its workspace', async () => {
  await install('T1');
  await install('T2');
  const check = (answer: SlackCheck) => {
    setup.check = async () => answer;
    return post('/slack/test', { tenant: 'T1' });
  };
  const fine = await post('/slack/test', { tenant: 'T1' });
  expect(asked).toEqual([['check', { orgId: owner.orgId, tenant: 'T1' }]]);
  const at = fine.text.indexOf('Slack answers: the bot is abetworks in Acme');
  expect(at).toBeGreaterThan(fine.text.indexOf('id="w-T1"'));
  expect(at).toBeLessThan(fine.text.indexOf('id="w-T2"'));
  expect(fine.text).toMatch(/<div role="status"> ?<ul class="todo"> ?<li>/);
  for (const words of ['All scopes are there', 'No event yet']) expect(fine.text).toContain(words);
  const poor = await check({ isOk: true, text: 'Slack answers', missing: ['files:read', 'im:write'] });
  expect(poor.text).toContain('<code>files:read, im:write</code>');
  const bad = await check({ isOk: false, text: 'Slack refused the test (invalid_auth).', missing: ['files:read'] });
  expect(bad.text).toContain('Slack refused the test (invalid_auth).');
  expect(bad.text).not.toContain('files:read');
  await sql`update slack_installations set heard_at = now() where tenant = 'T1'`;
  expect((await check({ isOk: true, text: 'Slack answers', missing: [] })).text).toContain('An event was received');
});

test('disconnecting takes a second step, is offered for what was installed here only, and its refusal is shown', async () => {
  await install('T1');
  await install('T2', { source: 'env' });
  const { text } = await open();
  expect(text.match(/action="\/slack\/remove"/g)).toHaveLength(1);
  expect(text).toContain('aria-label="Disconnect: Team T1"');
  const removed = await post('/slack/remove', { tenant: 'T1' });
  expect(asked).toEqual([['remove', admin.memberId, 'T1']]);
  expect(removed.text).toContain('Disconnected: the token is gone');
  await inOrg(world, owner.orgId, (org) =>
    removeInstallation(org, 'T1', 'uninstalled', { actor: 'system', problem: 'Disconnected in the panel.' }),
  );
  const after = await open();
  expect(after.text).toContain('Disconnected in the panel.');
  expect(after.text).not.toContain('action="/slack/remove"');
  setup.remove = () => Promise.reject(new UserError('There is no such workspace.', { status: 404 }));
  expect(await post('/slack/remove', { tenant: 'T9' })).toMatchObject({
    status: 404,
    text: expect.stringContaining('There is no such workspace.'),
  });
});

test('D2 the workspaces of another org are not there', async () => {
  const other = await addOrg(world, 'Other');
  await install('T1');
  const stranger = await somebody('admin', other.orgId);
  const { text } = await open('/slack', stranger);
  expect(text).not.toContain('T1');
  expect(text).toContain('No workspace yet');
  expect((await open('/slack?connected=T1', stranger)).text).not.toContain('is connected.');
});

test('no page shows anything of a token', async () => {
  Object.assign(setup, { hears: ['http'], hasToken: true, canInstall: true });
  await install('T1');
  const pages = [
    await open(),
    await post('/slack/test', { tenant: 'T1' }),
    await post('/slack/remove', { tenant: 'T1' }),
  ];
  for (const { text } of pages) expect(text).not.toMatch(/xox|canary/);
});

test('a server without Slack says so', async () => {
  const bare = await createWorld(idleClient());
  try {
    const { orgId } = await addOrg(bare);
    const person = await addPerson(bare, orgId, 'admin', PASSWORD);
    const cookie = await cookieOf(bare, person.email);
    expect((await bare.call('/slack', { headers: { cookie } })).text).toContain('Slack is off');
    expect((await bare.call('/slack/manifest.json', { headers: { cookie } })).status).toBe(409);
    expect((await postForm(bare, cookie, '/slack/install', {})).status).toBe(409);
  } finally {
    await bare.drop();
  }
});
