import { createHash } from 'node:crypto';
import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { readConfig } from '#core/config.ts';
import { newId } from '#core/ids.ts';
import { newKeyRingText, parseKeyRing } from '#core/keys.ts';
import { listAudit } from '#db/audit.ts';
import { listInstallations } from '#db/slack-installations.ts';
import { beginInstall, takeState } from '#db/slack-states.ts';
import { openToken } from '#db/slack-tokens.ts';
import { createTestDatabase, type TestDatabase } from '#test/setup/database.ts';
import { createOrg } from '#web/seed.ts';
import { BOT_SCOPES } from '#activities/chat/render/slack/manifest.ts';
import { createSlackApi } from './api.ts';
import { closeSlacks, grant, littleSlack, self, type Ask } from './slack.fixture.ts';

const REDIRECT = 'https://abw.example/slack/oauth_redirect';
let database: TestDatabase;
let admin: postgres.Sql;
let ours: { orgId: string; ownerId: string };
let theirs: { orgId: string; ownerId: string };
const keys = parseKeyRing(newKeyRingText());

beforeAll(async () => {
  database = await createTestDatabase();
  admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} });
  [ours, theirs] = [await anOrg(), await anOrg()];
});
afterEach(closeSlacks);
afterAll(async () => {
  await admin.end();
  await database.drop();
});

const anOrg = () => createOrg(database.db, 'Acme', `${newId()}@example.test`);
const apiAt = (api: string, env: Record<string, string> = { SLACK_CLIENT_ID: 'id', SLACK_CLIENT_SECRET: 'cs' }) =>
  createSlackApi({
    db: database.db,
    keys,
    config: readConfig({ SLACK_API_URL: api, SLACK_SIGNING_SECRET: 's', ...env }),
    log: pino({ level: 'silent' }),
  });
const granting =
  (tenant: string, token = `xoxb-${tenant}`, more: object = {}) =>
  (ask: Ask) =>
    ask.method === 'auth.test' ? self(tenant) : grant(tenant, token, more);

/** From the panel's button to the stored installation. */
async function installs(api: ReturnType<typeof apiAt>, { orgId, ownerId }: typeof ours) {
  const { state } = await database.db.withOrg(orgId, (org) => beginInstall(org, keys, { memberId: ownerId }));
  const { verifier } = await database.db.withOrg(orgId, (org) => takeState(org, keys, { state, memberId: ownerId }));
  const given = await api.exchange('the-code', verifier, REDIRECT);
  return database.db.withOrg(orgId, (org) => api.install(org, given, { memberId: ownerId }));
}
const listed = (orgId: string) => database.db.withOrg(orgId, listInstallations);

test('an admin is sent to Slack with every scope, the state and the challenge of a secret that stays here', async () => {
  const api = apiAt('https://slack.com/api/');
  const { state, challenge } = await database.db.withOrg(ours.orgId, (org) =>
    beginInstall(org, keys, { memberId: ours.ownerId }),
  );
  const url = new URL(api.installUrl({ state, challenge, redirectUri: REDIRECT }));
  expect(url.origin + url.pathname).toBe('https://slack.com/oauth/v2/authorize');
  const { scope, ...rest } = Object.fromEntries(url.searchParams);
  expect(scope?.split(',')).toEqual([...BOT_SCOPES, 'users:read.email']);
  expect(rest).toEqual({
    client_id: 'id',
    redirect_uri: REDIRECT,
    state,
    code_challenge: challenge,
    code_challenge_method: 'S256',
  });
  const { verifier } = await database.db.withOrg(ours.orgId, (org) =>
    takeState(org, keys, { state, memberId: ours.ownerId }),
  );
  expect(createHash('sha256').update(verifier).digest('base64url')).toBe(challenge);
  expect(() => apiAt('https://slack.com/api/', {}).installUrl({ state, challenge, redirectUri: REDIRECT })).toThrow(
    'SLACK_CLIENT_ID',
  );
});

test('an install is stored for its team, sealed, with who did it, and can be called at once', async () => {
  const slack = await littleSlack((ask) => (ask.method === 'api.test' ? { body: { ok: true } } : granting('TA')(ask)));
  const api = apiAt(slack.api);
  const made = await installs(api, ours);
  expect(made).toMatchObject({
    tenant: 'TA',
    teamName: 'Team TA',
    appId: 'A1',
    botUserId: 'UBOT',
    botId: 'BBOT',
    source: 'oauth',
    status: 'active',
    installedBy: ours.ownerId,
    scopes: ['chat:write', 'commands'],
  });
  expect(made).not.toHaveProperty('sealed');
  expect(slack.asks[0]).toMatchObject({
    method: 'oauth.v2.access',
    token: null,
    args: {
      code: 'the-code',
      client_id: 'id',
      client_secret: 'cs',
      redirect_uri: REDIRECT,
      code_verifier: expect.stringMatching(/^[\w-]{43}$/),
    },
  });
  await api.call({ orgId: ours.orgId, tenant: 'TA' }, 'api.test', {});
  expect(slack.asks.at(-1)?.token).toBe('xoxb-TA');
  const [entry] = await database.db.withOrg(ours.orgId, (org) => listAudit(org, { limit: 1 }));
  expect(entry).toMatchObject({ action: 'slack.installed', actor: `member:${ours.ownerId}` });
  expect(JSON.stringify(await admin`select * from audit_log`)).not.toContain('xoxb-');
  expect(JSON.stringify(await admin`select sealed from slack_installations`)).not.toContain(
    Buffer.from('xoxb-').toString('hex'),
  );
});

test('an Enterprise install is stored under the enterprise, with the end and the refresh of its token', async () => {
  const more = {
    is_enterprise_install: true,
    team: null,
    enterprise: { id: 'E9', name: 'Big' },
    expires_in: 43_200,
    refresh_token: 'xoxe-1',
  };
  const slack = await littleSlack(granting('T9', 'xoxe.xoxb-9', more));
  expect(await installs(apiAt(slack.api), ours)).toMatchObject({ tenant: 'E9', isEnterprise: true, teamName: 'Big' });
  const stored = await database.db.withOrg(ours.orgId, (org) => openToken(org, keys, 'E9'));
  expect(stored?.secret).toEqual({ token: 'xoxe.xoxb-9', refreshToken: 'xoxe-1' });
  expect(stored?.expiresAt?.getTime()).toBeGreaterThan(Date.now() + 11 * 3_600_000);
});

test('installing again in the same org renews it; in another org it is refused with the next step, also at the same moment', async () => {
  const slack = await littleSlack(granting('TB'));
  const api = apiAt(slack.api);
  const before = await installs(api, ours);
  const again = await installs(api, ours);
  expect(again.id).toBe(before.id);
  await expect(installs(api, theirs)).rejects.toMatchObject({
    status: 409,
    message: expect.stringContaining('Disconnect it there first'),
  });
  expect(await listed(theirs.orgId)).toEqual([]);
  const both = await littleSlack(granting('TC'));
  const ends = await Promise.allSettled([installs(apiAt(both.api), ours), installs(apiAt(both.api), theirs)]);
  expect(ends.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(ends.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { status: 409 } });
});

test('with SLACK_PKCE=0 neither challenge nor verifier is sent', async () => {
  const slack = await littleSlack(granting('TN'));
  const api = apiAt(slack.api, { SLACK_CLIENT_ID: 'id', SLACK_CLIENT_SECRET: 'cs', SLACK_PKCE: '0' });
  const asked = new URL(api.installUrl({ state: 's', challenge: 'c', redirectUri: REDIRECT })).searchParams;
  expect([...asked.keys()].toSorted()).toEqual(['client_id', 'redirect_uri', 'scope', 'state']);
  await installs(api, ours);
  expect(slack.asks[0]?.args).not.toHaveProperty('code_verifier');
});

test('an app that became a public client by PKCE is exchanged without its secret', async () => {
  const slack = await littleSlack((ask) =>
    'client_secret' in ask.args ? { body: { ok: false, error: 'internal_error' } } : granting('TP')(ask),
  );
  expect(await installs(apiAt(slack.api), ours)).toMatchObject({ tenant: 'TP' });
});

test('an app that was never set up for PKCE is installed all the same, without it; if Slack insists, the page says what to set', async () => {
  const no = { body: { ok: false, error: 'pkce_not_allowed' } };
  const slack = await littleSlack((ask) => ('code_verifier' in ask.args ? no : granting('TQ')(ask)));
  expect(await installs(apiAt(slack.api), ours)).toMatchObject({ tenant: 'TQ' });
  const [, second] = slack.asks;
  expect(second?.args).toMatchObject({
    code: 'the-code',
    client_id: 'id',
    client_secret: 'cs',
    redirect_uri: REDIRECT,
  });
  const bound = await littleSlack(() => no);
  await expect(installs(apiAt(bound.api), ours)).rejects.toMatchObject({
    status: 409,
    message: expect.stringContaining('SLACK_PKCE=0'),
  });
  expect(bound.asks).toHaveLength(2);
});

test('what Slack refuses is said with the next step, and nothing is stored', async () => {
  const refused = async (answer: object) => {
    const slack = await littleSlack(() => ({ body: answer }));
    return installs(apiAt(slack.api), theirs).catch((error: unknown) => error);
  };
  expect(await refused({ ok: false, error: 'invalid_code' })).toMatchObject({
    status: 409,
    message: expect.stringContaining('Start it again'),
  });
  expect(await refused({ ok: false, error: 'bad_client_secret' })).toMatchObject({
    status: 409,
    message: expect.stringContaining('SLACK_CLIENT_SECRET'),
  });
  expect(await refused({ ok: false, error: 'cannot_install_an_org_installed_app' })).toMatchObject({
    message: expect.stringContaining('for the Enterprise'),
  });
  expect(await refused({ ok: true, authed_user: { access_token: 'xoxp-user' } })).toMatchObject({
    message: expect.stringContaining('no bot token'),
  });
  expect(await refused({ ...grant('TX', 'xoxb-x', { team: null }).body })).toMatchObject({
    message: expect.stringContaining('which workspace'),
  });
  const before = await listed(theirs.orgId);
  expect(before.filter(({ tenant }) => tenant === 'TX')).toEqual([]);
});
