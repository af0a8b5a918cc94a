import { afterAll, beforeEach, expect, test } from 'vitest';
import { UserError } from '#core/errors.ts';
import { idleClient } from '#test/web/client.ts';
import { startSlackPage } from '#test/web/slack-page.ts';
import { postForm } from '#test/web/story.ts';
import { addOrg, addPerson, cookieOf, createWorld, PASSWORD } from '#test/web/world.ts';

const it = await startSlackPage();
const { world, admin, asked, setup, somebody, open, post, install } = it;
beforeEach(() => it.clear());
afterAll(() => it.stop());

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
