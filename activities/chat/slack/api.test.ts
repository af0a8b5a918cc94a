import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { readConfig } from '#core/config.ts';
import { newId } from '#core/ids.ts';
import { newKeyRingText, parseKeyRing } from '#core/keys.ts';
import { listAudit } from '#db/audit.ts';
import { findInstallation, removeInstallation, saveInstallation } from '#db/slack-installations.ts';
import { openToken } from '#db/slack-tokens.ts';
import { createTestDatabase, type TestDatabase } from '#test/setup/database.ts';
import { until } from '#test/setup/until.ts';
import { createOrg } from '#web/seed.ts';
import { BOT_SCOPES } from '#activities/chat/render/slack/manifest.ts';
import { createSlackApi } from './api.ts';
import { closeSlacks, installation, littleSlack, self } from './slack.fixture.ts';

let database: TestDatabase;
let admin: postgres.Sql;
let lines: string[];
let ours: string;
let theirs: string;
const keys = parseKeyRing(newKeyRingText());

beforeAll(async () => {
  database = await createTestDatabase();
  admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} });
});
beforeEach(async () => {
  lines = [];
  [ours, theirs] = await Promise.all([anOrg(), anOrg()]);
});
afterEach(closeSlacks);
afterAll(async () => {
  await admin.end();
  await database.drop();
});

const anOrg = async () => (await createOrg(database.db, 'Acme', `${newId()}@example.test`)).orgId;
let tenants = 0;
const newTenant = () => `T${(tenants += 1)}`;

const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
const apiAt = (api: string, more: { now?: () => number; db?: TestDatabase['db'] } = {}) =>
  createSlackApi({
    db: database.db,
    keys,
    config: readConfig({
      SLACK_API_URL: api,
      SLACK_CLIENT_ID: 'id',
      SLACK_CLIENT_SECRET: 'cs',
      SLACK_SIGNING_SECRET: 's',
    }),
    log,
    ...more,
  });
const install = (orgId: string, ...given: Parameters<typeof installation>) =>
  database.db.withOrg(orgId, (org) => saveInstallation(org, keys, installation(...given), 'system'));
/** How many wait for a lock. */
const waiting = async (): Promise<number> => {
  const [found] = await admin<{ n: number }[]>`
    select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  return found?.n ?? 0;
};
const stored = (orgId: string, tenant: string) => database.db.withOrg(orgId, (org) => openToken(org, keys, tenant));
const row = (orgId: string, tenant: string) => database.db.withOrg(orgId, (org) => findInstallation(org, tenant));
const audited = async (orgId: string) =>
  (await database.db.withOrg(orgId, (org) => listAudit(org, { limit: 50 }))).map(({ action }) => action);
const ok = () => ({ body: { ok: true } });
const gone = (error = 'invalid_auth') => ({ body: { ok: false, error } });

test('D7 every call is made with the token of its own org and workspace', async () => {
  const slack = await littleSlack(ok);
  const [one, two] = [newTenant(), newTenant()];
  await install(ours, one);
  await install(theirs, two);
  const api = apiAt(slack.api);
  await Promise.all([
    api.call({ orgId: ours, tenant: one }, 'chat.postMessage', { text: 'a' }),
    api.call({ orgId: theirs, tenant: two }, 'chat.postMessage', { text: 'b' }),
  ]);
  const sent = slack.asks.map(({ token, args }) => `${token} ${args['text']}`).toSorted();
  expect(sent).toEqual([`xoxb-of-${one} a`, `xoxb-of-${two} b`]);
});

test('D7 another org’s workspace, an unknown and a removed one are refused, and nothing is sent', async () => {
  const slack = await littleSlack(ok);
  const [one, two] = [newTenant(), newTenant()];
  await install(ours, one);
  await install(theirs, two);
  const api = apiAt(slack.api);
  const refused = { kind: 'refused', code: 'not_installed' };
  await api.call({ orgId: theirs, tenant: two }, 'auth.test', {});
  slack.asks.length = 0;
  await expect(api.call({ orgId: ours, tenant: two }, 'auth.test', {})).rejects.toMatchObject(refused);
  await expect(api.tokenOf({ orgId: ours, tenant: 'TNONE' })).rejects.toMatchObject(refused);
  await expect(api.download({ orgId: ours, tenant: two }, `${slack.url}/f`, { maxBytes: 9 })).rejects.toMatchObject(
    refused,
  );
  await database.db.withOrg(ours, (org) =>
    removeInstallation(org, one, 'uninstalled', { actor: 'system', problem: 'gone' }),
  );
  await expect(api.call({ orgId: ours, tenant: one }, 'auth.test', {})).rejects.toMatchObject(refused);
  expect(slack.asks).toEqual([]);
});

test('D5 a token moved to another workspace’s row does not open, and is not sent', async () => {
  const slack = await littleSlack(ok);
  const [one, two] = [newTenant(), newTenant()];
  await install(ours, one);
  await install(theirs, two);
  await admin`update slack_installations set sealed = (select sealed from slack_installations where tenant = ${one}) where tenant = ${two}`;
  await expect(apiAt(slack.api).call({ orgId: theirs, tenant: two }, 'auth.test', {})).rejects.toThrow(/authenticate/);
  expect(slack.asks).toEqual([]);
});

test('the token is looked up once a minute; a removed one is not used after that, and at once after forget', async () => {
  const slack = await littleSlack(ok);
  const tenant = newTenant();
  await install(ours, tenant);
  let now = Date.now();
  const api = apiAt(slack.api, { now: () => now });
  const at = { orgId: ours, tenant };
  await api.call(at, 'api.test', {});
  await install(ours, tenant, { token: 'xoxb-second' });
  now += 59_000;
  await api.call(at, 'api.test', {});
  now += 2_000;
  await api.call(at, 'api.test', {});
  await install(ours, tenant, { token: 'xoxb-third' });
  api.forget(at);
  await api.call(at, 'api.test', {});
  expect(slack.asks.map(({ token }) => token)).toEqual([
    `xoxb-of-${tenant}`,
    `xoxb-of-${tenant}`,
    'xoxb-second',
    'xoxb-third',
  ]);
});

test('a token that Slack no longer takes marks the installation with a sentence, wipes it and is not sent again', async () => {
  for (const code of ['invalid_auth', 'token_revoked', 'account_inactive', 'token_expired', 'app_uninstalled']) {
    const slack = await littleSlack(() => gone(code));
    const tenant = newTenant();
    await install(ours, tenant);
    const api = apiAt(slack.api);
    await expect(api.call({ orgId: ours, tenant }, 'api.test', {})).rejects.toMatchObject({ kind: 'refused', code });
    expect(await row(ours, tenant)).toMatchObject({ status: 'revoked', problem: expect.stringContaining(code) });
    expect(await stored(ours, tenant)).toBeUndefined();
    await expect(api.call({ orgId: ours, tenant }, 'api.test', {})).rejects.toMatchObject({ code: 'not_installed' });
    expect(slack.asks).toHaveLength(1);
  }
  expect(await audited(ours)).toContain('slack.revoked');
  const [left] =
    await admin`select count(*)::int as n from slack_installations where status = 'revoked' and sealed is not null`;
  expect(left).toEqual({ n: 0 });
});

test('a token that was replaced elsewhere is read again, and the call goes on with the new one', async () => {
  const slack = await littleSlack(({ token }) => (token === 'xoxb-second' ? ok() : gone()));
  const tenant = newTenant();
  await install(ours, tenant);
  const api = apiAt(slack.api);
  await api.tokenOf({ orgId: ours, tenant });
  await install(ours, tenant, { token: 'xoxb-second' });
  expect(await api.call({ orgId: ours, tenant }, 'api.test', {})).toMatchObject({ ok: true });
  expect(await row(ours, tenant)).toMatchObject({ status: 'active' });
});

test('an installation that is renewed while its old token is being given up stays', async () => {
  const tenant = newTenant();
  let renewing: Promise<unknown> | undefined;
  const slack = await littleSlack(async ({ token }) => {
    if (token === 'xoxb-second') return ok();
    await new Promise<void>((isHeld) => {
      renewing ??= database.db.withOrg(ours, async (org) => {
        await saveInstallation(org, keys, installation(tenant, { token: 'xoxb-second' }), 'system');
        isHeld();
        await until('the old token is being given up', async () => (await waiting()) >= 1);
      });
    });
    return gone();
  });
  await install(ours, tenant);
  const api = apiAt(slack.api);
  await expect(api.call({ orgId: ours, tenant }, 'api.test', {})).rejects.toMatchObject({ code: 'invalid_auth' });
  await renewing;
  expect(await row(ours, tenant)).toMatchObject({ status: 'active' });
  expect(await api.call({ orgId: ours, tenant }, 'api.test', {})).toMatchObject({ ok: true });
});

test('the test of an installation says who it is and which scopes are missing, or why it does not work', async () => {
  let scopes = 'chat:write,commands';
  let isGone = false;
  const tenant = newTenant();
  const slack = await littleSlack(() => (isGone ? gone() : self(tenant, {}, scopes)));
  await install(ours, tenant);
  const api = apiAt(slack.api);
  const check = () => api.checkInstallation({ orgId: ours, tenant });
  const lacking = await check();
  expect(lacking).toMatchObject({
    ok: true,
    team: `Team ${tenant}`,
    botUser: 'abetworks',
    scopes: ['chat:write', 'commands'],
  });
  expect(lacking.missing).toContain('app_mentions:read');
  expect(lacking.missing).not.toContain('users:read.email');
  scopes = BOT_SCOPES.join(',');
  expect(await check()).toMatchObject({ ok: true, missing: [] });
  expect((await row(ours, tenant))?.scopes).toEqual([...BOT_SCOPES]);
  isGone = true;
  expect(await check()).toMatchObject({ ok: false, problem: expect.stringContaining('Install the app again') });
  expect(await api.checkInstallation({ orgId: theirs, tenant })).toMatchObject({
    ok: false,
    problem: expect.stringContaining('not installed'),
  });
});
