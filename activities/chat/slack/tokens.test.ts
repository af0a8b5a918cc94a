import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { readConfig } from '#core/config.ts';
import { newId } from '#core/ids.ts';
import { newKeyRingText, parseKeyRing } from '#core/keys.ts';
import { createDatabase } from '#db/client.ts';
import { listAudit } from '#db/audit.ts';
import { findInstallation, saveInstallation } from '#db/slack-installations.ts';
import { openToken } from '#db/slack-tokens.ts';
import { createTestDatabase, type TestDatabase } from '#test/setup/database.ts';
import { until } from '#test/setup/until.ts';
import { createOrg } from '#web/seed.ts';
import { createSlackApi } from './api.ts';
import { closeSlacks, installation, littleSlack, type Ask } from './slack.fixture.ts';

const HOUR_MS = 3_600_000;
let database: TestDatabase;
let admin: postgres.Sql;
let lines: string[];
let ours: string;
const keys = parseKeyRing(newKeyRingText());

beforeAll(async () => {
  database = await createTestDatabase();
  admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} });
});
beforeEach(async () => {
  lines = [];
  ours = await anOrg();
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
const fresh = (n = 1) => ({
  body: {
    ok: true,
    access_token: `xoxe.xoxb-new-${n}`,
    refresh_token: `xoxe-next-${n}`,
    expires_in: 43_200,
    token_type: 'bot',
  },
});
const isRefresh = (ask: Ask) => ask.args['grant_type'] === 'refresh_token';

test('a token with less than two hours left is refreshed before the call, and what refreshes it next is stored', async () => {
  const slack = await littleSlack((ask) => (isRefresh(ask) ? fresh() : ok()));
  const tenant = newTenant();
  await install(ours, tenant, { refreshToken: 'xoxe-first' }, new Date(Date.now() + 1.9 * HOUR_MS));
  await apiAt(slack.api).call({ orgId: ours, tenant }, 'api.test', {});
  expect(slack.asks).toMatchObject([
    {
      method: 'oauth.v2.access',
      token: null,
      args: { refresh_token: 'xoxe-first', client_id: 'id', client_secret: 'cs' },
    },
    { method: 'api.test', token: 'xoxe.xoxb-new-1' },
  ]);
  expect(await stored(ours, tenant)).toMatchObject({
    secret: { token: 'xoxe.xoxb-new-1', refreshToken: 'xoxe-next-1' },
  });
  expect((await stored(ours, tenant))?.expiresAt?.getTime()).toBeGreaterThan(Date.now() + 11 * HOUR_MS);
  expect(await audited(ours)).toContain('slack.token_refreshed');
});

test('a token with more than two hours left, or without an end, is left alone', async () => {
  const slack = await littleSlack(ok);
  const [one, two] = [newTenant(), newTenant()];
  await install(ours, one, { refreshToken: 'xoxe-first' }, new Date(Date.now() + 2.1 * HOUR_MS));
  await install(ours, two, { refreshToken: 'xoxe-first' });
  const api = apiAt(slack.api);
  for (const tenant of [one, two]) await api.call({ orgId: ours, tenant }, 'api.test', {});
  expect(slack.asks.map(({ method }) => method)).toEqual(['api.test', 'api.test']);
});

test('five processes that need a token at once make one refresh, and all use what it gave', async () => {
  let refreshes = 0;
  const slack = await littleSlack(async (ask) => {
    if (!isRefresh(ask)) return ok();
    refreshes += 1;
    const n = refreshes;
    // Answered once all five wait for the row.
    await until('the others wait', async () => (await waiting()) >= 4);
    return fresh(n);
  });
  const tenant = newTenant();
  await install(ours, tenant, { refreshToken: 'xoxe-first' }, new Date(Date.now() + HOUR_MS));
  const pools = [0, 1, 2, 3, 4].map(() => createDatabase({ url: database.url, max: 2 }));
  try {
    const apis = pools.map((db) => apiAt(slack.api, { db }));
    // Two calls each: those of one process share one look.
    await Promise.all([...apis, ...apis].map((api) => api.call({ orgId: ours, tenant }, 'api.test', {})));
  } finally {
    await Promise.all(pools.map((db) => db.close()));
  }
  expect(refreshes).toBe(1);
  const used = new Set(slack.asks.filter((ask) => !isRefresh(ask)).map(({ token }) => token));
  expect([...used]).toEqual(['xoxe.xoxb-new-1']);
});

test('the new refresh token is stored before the new token is used by anyone', async () => {
  const tenant = newTenant();
  const seen: unknown[] = [];
  const slack = await littleSlack(async (ask) => {
    if (isRefresh(ask)) return fresh();
    seen.push((await stored(ours, tenant))?.secret);
    return ok();
  });
  await install(ours, tenant, { refreshToken: 'xoxe-first' }, new Date(Date.now() + HOUR_MS));
  await apiAt(slack.api).call({ orgId: ours, tenant }, 'api.test', {});
  expect(seen).toEqual([{ token: 'xoxe.xoxb-new-1', refreshToken: 'xoxe-next-1' }]);
});

test('a refresh that fails leaves the old token, which goes on while it lives', async () => {
  for (const says of [
    { status: 500 },
    gone('invalid_refresh_token'),
    { cut: 'reset' as const },
    gone('bad_client_secret'),
  ]) {
    const slack = await littleSlack((ask) => (isRefresh(ask) ? says : ok()));
    const tenant = newTenant();
    await install(ours, tenant, { refreshToken: 'xoxe-first' }, new Date(Date.now() + HOUR_MS));
    await apiAt(slack.api).call({ orgId: ours, tenant }, 'api.test', {});
    expect(slack.asks.at(-1)).toMatchObject({ method: 'api.test', token: `xoxb-of-${tenant}` });
    expect(await stored(ours, tenant)).toMatchObject({
      secret: { token: `xoxb-of-${tenant}`, refreshToken: 'xoxe-first' },
    });
  }
});

test('a token that is over waits for Slack, and is given up only when Slack will never refresh it', async () => {
  const over = () => new Date(Date.now() - 1_000);
  const [one, two] = [newTenant(), newTenant()];
  await install(ours, one, { refreshToken: 'xoxe-first' }, over());
  await install(ours, two, { refreshToken: 'xoxe-first' }, over());
  const busy = await littleSlack(() => ({ status: 500 }));
  await expect(apiAt(busy.api).call({ orgId: ours, tenant: one }, 'api.test', {})).rejects.toMatchObject({
    kind: 'unclear',
  });
  const wrong = await littleSlack(() => gone('bad_client_secret'));
  await expect(apiAt(wrong.api).call({ orgId: ours, tenant: one }, 'api.test', {})).rejects.toMatchObject({
    code: 'bad_client_secret',
  });
  expect(await row(ours, one)).toMatchObject({ status: 'active' });
  const never = await littleSlack(() => gone('invalid_refresh_token'));
  await expect(apiAt(never.api).call({ orgId: ours, tenant: two }, 'api.test', {})).rejects.toMatchObject({
    code: 'token_expired',
  });
  expect(await row(ours, two)).toMatchObject({
    status: 'revoked',
    problem: expect.stringContaining('Install the app again'),
  });
  // Nobody there is answered any more: a person has to look.
  const alerts = lines.map((line) => JSON.parse(line)).filter(({ alert }) => alert);
  expect(alerts).toMatchObject([{ tenant: two, msg: expect.stringContaining('no longer accepts') }]);
});

test('a token that Slack calls expired early is refreshed at once; a line that breaks then revokes nothing', async () => {
  const slack = await littleSlack((ask) =>
    isRefresh(ask) ? fresh() : ask.token === 'xoxe.xoxb-new-1' ? ok() : gone('token_expired'),
  );
  const [one, two] = [newTenant(), newTenant()];
  for (const tenant of [one, two])
    await install(ours, tenant, { refreshToken: 'xoxe-first' }, new Date(Date.now() + 5 * HOUR_MS));
  expect(await apiAt(slack.api).call({ orgId: ours, tenant: one }, 'api.test', {})).toMatchObject({ ok: true });
  const broken = await littleSlack((ask) => (isRefresh(ask) ? { cut: 'reset' } : gone('token_expired')));
  await expect(apiAt(broken.api).call({ orgId: ours, tenant: two }, 'api.test', {})).rejects.toMatchObject({
    kind: 'unclear',
  });
  expect(await row(ours, two)).toMatchObject({ status: 'active' });
});

test('D5 no token of all this was logged', async () => {
  const slack = await littleSlack((ask) =>
    isRefresh(ask) ? { status: 500, body: 'xoxb-echo-1' } : gone('token_revoked'),
  );
  const tenant = newTenant();
  await install(ours, tenant, { refreshToken: 'xoxe-first' }, new Date(Date.now() + HOUR_MS));
  await apiAt(slack.api)
    .call({ orgId: ours, tenant }, 'api.test', {})
    .catch(() => undefined);
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.join('')).not.toMatch(/xoxb-|xoxe-/);
});
