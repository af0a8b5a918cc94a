import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { readConfig } from '#core/config.ts';
import { newId } from '#core/ids.ts';
import { newKeyRingText, parseKeyRing } from '#core/keys.ts';
import { listAudit } from '#db/audit.ts';
import { listInstallations, saveInstallation } from '#db/slack-installations.ts';
import { createTestDatabase, type TestDatabase } from '#test/setup/database.ts';
import { createOrg } from '#web/seed.ts';
import { createSlackApi } from './api.ts';
import { closeSlacks, installation, littleSlack, self, type Ask } from './slack.fixture.ts';

let database: TestDatabase;
let admin: postgres.Sql;
let first: string;
let other: string;
const keys = parseKeyRing(newKeyRingText());

beforeAll(async () => {
  database = await createTestDatabase();
  admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} });
  [first, other] = [await anOrg(), await anOrg()];
  await admin`update orgs set is_first = true where id = ${first}`;
});
afterEach(async () => {
  await closeSlacks();
  await admin`truncate slack_installations`;
  await admin`delete from tenants where platform = 'slack'`;
});
afterAll(async () => {
  await admin.end();
  await database.drop();
});

const anOrg = async () => (await createOrg(database.db, 'Acme', `${newId()}@example.test`)).orgId;
const lines: string[] = [];
const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
let aheadMs = 0;
const start = (api: string, token: string | undefined = 'xoxb-env') => {
  const config = readConfig({
    SLACK_API_URL: api,
    ...(token ? { SLACK_BOT_TOKEN: token, SLACK_SIGNING_SECRET: 's' } : {}),
  });
  return createSlackApi({ db: database.db, keys, config, log, now: () => Date.now() + aheadMs });
};
const withoutToken = (api: string) => start(api, '');
const listed = (orgId: string) => database.db.withOrg(orgId, listInstallations);
const audited = async () =>
  (await database.db.withOrg(first, (org) => listAudit(org, { limit: 100 }))).filter(({ action }) =>
    action.startsWith('slack.'),
  );
const installed = (orgId: string, tenant: string, token: string) =>
  database.db.withOrg(orgId, (org) => saveInstallation(org, keys, installation(tenant, { token }), 'system'));
const asSelf = (tenant: string) => (ask: Ask) => (ask.method === 'auth.test' ? self(tenant) : { body: { ok: true } });

test('D7 the environment’s token becomes the first org’s workspace, with its scopes, and is not stored itself', async () => {
  const slack = await littleSlack(asSelf('TENV'));
  const api = start(slack.api);
  expect(await api.ensureEnv()).toBe('ready');
  expect(await listed(first)).toMatchObject([
    {
      tenant: 'TENV',
      source: 'env',
      status: 'active',
      teamName: 'Team TENV',
      botUserId: 'UBOT',
      botId: 'BBOT',
      scopes: ['chat:write', 'commands'],
    },
  ]);
  expect(await listed(other)).toEqual([]);
  expect(await admin`select 1 from slack_installations where sealed is not null`).toHaveLength(0);
  expect(await admin`select org_id from tenants where platform = 'slack' and tenant = 'TENV'`).toEqual([
    { org_id: first },
  ]);
  await api.call({ orgId: first, tenant: 'TENV' }, 'chat.postMessage', { text: 'hello' });
  expect(slack.asks.at(-1)).toMatchObject({ method: 'chat.postMessage', token: 'xoxb-env' });
  await expect(api.call({ orgId: other, tenant: 'TENV' }, 'auth.test', {})).rejects.toMatchObject({
    code: 'not_installed',
  });
});

test('calls at once share one attempt, later ones ask nothing, and a second start changes and audits nothing', async () => {
  const slack = await littleSlack(asSelf('TENV'));
  const api = start(slack.api);
  expect(await Promise.all([api.ensureEnv(), api.ensureEnv(), api.ensureEnv()])).toEqual(['ready', 'ready', 'ready']);
  await api.ensureEnv();
  expect(slack.asks).toHaveLength(1);
  const before = (await audited()).length;
  expect(await start(slack.api).ensureEnv()).toBe('ready');
  expect(await audited()).toHaveLength(before);
});

test('while Slack is away it is unreachable, and the next call tries again', async () => {
  let isAway = true;
  const slack = await littleSlack((ask) => (isAway ? { status: 503 } : asSelf('TENV')(ask)));
  const api = start(slack.api);
  expect(await api.ensureEnv()).toBe('unreachable');
  expect(await listed(first)).toEqual([]);
  isAway = false;
  expect(await api.ensureEnv()).toBe('ready');
});

test('a product without any Slack setting is off: it calls nothing and writes nothing', async () => {
  const slack = await littleSlack(asSelf('TENV'));
  await installed(other, 'TOTHER', 'xoxb-oauth');
  const before = await admin`select * from slack_installations`;
  const api = withoutToken(slack.api);
  expect([await api.ensureEnv(), await api.ensureEnv()]).toEqual(['off', 'off']);
  expect(await admin`select * from slack_installations`).toEqual(before);
  expect(slack.asks).toEqual([]);
});

test('a setting that is gone at the next start ends its installation with a sentence, and once it is back all works again', async () => {
  const slack = await littleSlack(asSelf('TENV'));
  await start(slack.api).ensureEnv();
  const without = withoutToken(slack.api);
  expect(await without.ensureEnv()).toBe('off');
  expect(await listed(first)).toMatchObject([
    { status: 'revoked', problem: expect.stringContaining('SLACK_BOT_TOKEN is not set') },
  ]);
  await expect(without.tokenOf({ orgId: first, tenant: 'TENV' })).rejects.toMatchObject({ code: 'not_installed' });
  expect(await start(slack.api).ensureEnv()).toBe('ready');
  expect(await listed(first)).toMatchObject([{ status: 'active', problem: null }]);
  expect((await audited()).slice(0, 2).map(({ action }) => action)).toEqual(['slack.installed', 'slack.revoked']);
});

test('a token of another workspace moves on: the one before it is not spoken to with it', async () => {
  const slack = await littleSlack((ask) => asSelf(ask.token === 'xoxb-env' ? 'TENV' : 'TNEXT')(ask));
  await start(slack.api).ensureEnv();
  const api = start(slack.api, 'xoxb-next');
  // Before anybody looked: the row of before is still there.
  await expect(api.call({ orgId: first, tenant: 'TENV' }, 'chat.postMessage', {})).rejects.toMatchObject({
    code: 'not_installed',
  });
  expect((await listed(first)).map(({ tenant, status }) => `${tenant} ${status}`).toSorted()).toEqual([
    'TENV revoked',
    'TNEXT active',
  ]);
  expect(slack.asks.map(({ method }) => method)).not.toContain('chat.postMessage');
});

test('a token that Slack refuses leaves no working installation, and works once Slack takes it again', async () => {
  let isRefused = false;
  const slack = await littleSlack((ask) =>
    isRefused ? { body: { ok: false, error: 'invalid_auth' } } : asSelf('TENV')(ask),
  );
  const api = start(slack.api);
  await api.ensureEnv();
  isRefused = true;
  await expect(api.call({ orgId: first, tenant: 'TENV' }, 'api.test', {})).rejects.toMatchObject({
    code: 'invalid_auth',
  });
  expect(await listed(first)).toMatchObject([
    { status: 'revoked', problem: expect.stringContaining('SLACK_BOT_TOKEN') },
  ]);
  const before = lines.length;
  for (const _ of [1, 2]) expect(await api.ensureEnv()).toBe('refused');
  // Which setting, and what to do: once, not with every try.
  const alerts = lines
    .slice(before)
    .map((line) => JSON.parse(line))
    .filter(({ alert }) => alert);
  expect(alerts).toMatchObject([{ error: 'invalid_auth', msg: expect.stringMatching(/SLACK_BOT_TOKEN.*restart/) }]);
  isRefused = false;
  expect(await api.ensureEnv()).toBe('ready');
  expect(await api.call({ orgId: first, tenant: 'TENV' }, 'api.test', {})).toMatchObject({ ok: true });
});

test('the page learns what is wrong with the token; what failed is asked again after a minute only', async () => {
  let says: Parameters<typeof littleSlack>[0] = () => ({ body: { ok: false, error: 'invalid_auth' } });
  const slack = await littleSlack((ask) => says(ask));
  const api = start(slack.api);
  const problems = async () => [await api.envProblem(), await api.envProblem(), await api.envProblem()];
  expect(new Set(await problems())).toEqual(
    new Set([expect.stringMatching(/SLACK_BOT_TOKEN \(invalid_auth\).*restart/)]),
  );
  expect(slack.asks).toHaveLength(1);
  aheadMs += 61_000;
  says = () => ({ status: 503 });
  expect(await problems()).toContainEqual(expect.stringContaining('could not be asked'));
  expect(slack.asks).toHaveLength(2);
  aheadMs += 61_000;
  says = () => ({ body: { ok: false, error: 'not_allowed_token_type' } });
  expect(await problems()).toContainEqual(expect.stringMatching(/not_allowed_token_type.*xoxb-/));
  aheadMs += 61_000;
  says = asSelf('TENV');
  expect(await problems()).toEqual([null, null, null]);
  expect(slack.asks).toHaveLength(4);
  expect(await withoutToken(slack.api).envProblem()).toBeNull();
});

test('what an admin installed stays theirs, and a workspace of another org is not taken by the setting', async () => {
  const slack = await littleSlack(asSelf('TENV'));
  await installed(first, 'TENV', 'xoxb-oauth');
  const api = start(slack.api);
  expect(await api.ensureEnv()).toBe('ready');
  expect(await api.tokenOf({ orgId: first, tenant: 'TENV' })).toBe('xoxb-oauth');
  await admin`truncate slack_installations`;
  await admin`delete from tenants where platform = 'slack'`;
  await installed(other, 'TENV', 'xoxb-theirs');
  expect(await start(slack.api).ensureEnv()).toBe('unreachable');
  expect(await listed(first)).toEqual([]);
});

test('a token for a whole Enterprise is stored under the enterprise’s id', async () => {
  const slack = await littleSlack(() => self('T1', { enterprise_id: 'E1', is_enterprise_install: true }));
  await start(slack.api).ensureEnv();
  expect(await listed(first)).toMatchObject([{ tenant: 'E1', isEnterprise: true }]);
});

test('D5 the environment’s token is in no log line', () => {
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.join('')).not.toContain('xoxb-');
});
