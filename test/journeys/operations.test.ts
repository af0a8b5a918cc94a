import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { readConfig } from '#core/config.ts';
import { parseKeyRing } from '#core/keys.ts';
import { addConnection } from '#db/connections.ts';
import { ensurePostgres } from '#db/embedded/index.ts';
import { lookUpProcess } from '#db/embedded/process.ts';
import { createLog } from '#scripts/start/log.ts';
import { startProduct } from '#scripts/start/product.ts';
import { erpConnection, startErp, type Erp } from '#test/fakes/erp.ts';
import { createApi } from '#test/setup/api.ts';
import { runScript, type Child } from '#test/setup/child.ts';
import { postsOf } from '#test/setup/company.ts';
import { OWNER_KEY, prepareGround, talk, type TestGround } from '#test/setup/product.ts';
import { until } from '#test/setup/until.ts';

const METRICS_TOKEN = 'canary-metrics-token-5b1d';
let erp: Erp;
let folder: string;
const children: Child[] = [];
const grounds: TestGround[] = [];

beforeAll(async () => {
  erp = await startErp({ honoursKey: true });
  folder = await mkdtemp(path.join(tmpdir(), 'abetworks-operations-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (lookUpProcess(child.pid)) child.signal('SIGTERM');
    await child.ended;
  }
  for (const ground of grounds.splice(0)) await ground.end();
});
afterAll(async () => {
  await erp?.stop();
  await rm(folder, { recursive: true, force: true });
});

function run(script: string, env: Record<string, string>, ...args: string[]): Child {
  const child = runScript(script, args, env);
  children.push(child);
  return child;
}
async function prepare(env: Record<string, string> = {}): Promise<TestGround> {
  const ground = await prepareGround({ ABETWORKS_EGRESS_ALLOW: erp.hostPort, ...env });
  grounds.push(ground);
  return ground;
}
/** The whole product in this process, with the log it has in production. */
async function begin(ground: TestGround, env: Record<string, string> = {}) {
  const log = createLog('debug', { format: 'json', target: { write: (line) => void ground.logs.push(line) } });
  const product = await startProduct(readConfig({ ...ground.env, ...env }), ['web', 'bots', 'worker'], log, () => {});
  product.ended.catch(() => undefined);
  return { ...talk(product.url ?? ''), product, url: product.url ?? '', stop: product.stop };
}
type Talk = ReturnType<typeof talk>;
/** Somebody asked for an invoice, and it waits for Bo. */
async function propose({ ana, ask, approvalOf, join }: Talk, number: string) {
  const connected = await ana.post('/api/v1/connections', erpConnection(erp));
  expect(connected.status).toBe(201);
  const joined = await join('Bo', 'admin');
  // Known here, unlike the key that came with the invitation: it works on another address, too.
  const { body: made } = await joined.post('/api/v1/api-keys', { name: 'test' });
  const bo = { key: String(made.key), password: joined.password };
  const asked = await ask(ana, `post invoice ${number} over 4200 EUR to the ERP`);
  const approval = await approvalOf(ana, asked.runId);
  return { ...asked, approval, bo };
}
const approve = (bo: ReturnType<typeof createApi>, { id, payloadSha256 }: { id: string; payloadSha256: string }) =>
  bo.post(`/api/v1/approvals/${id}/decision`, { decision: 'approve', payloadSha256 });

test('S1 R1 a copy of the data folder without Temporal is a backup: a request that waited goes on, and its effect happens once', async () => {
  const [live, copy] = [path.join(folder, 'live'), path.join(folder, 'copy')];
  const env = { ABETWORKS_DATA_DIR: live, ABETWORKS_BOOTSTRAP_KEY: OWNER_KEY, ABETWORKS_EGRESS_ALLOW: erp.hostPort };
  const before = run('scripts/start.ts', env);
  const url = await before.ready();
  const { runId, approval, bo } = await propose(talk(url), 'BACKUP-1');
  before.signal('SIGTERM');
  expect(await before.ended).toBe(0);

  execFileSync('cp', ['-a', live, copy]);
  await rm(live, { recursive: true });
  execFileSync('cp', ['-a', copy, live]);
  await rm(path.join(live, 'temporal'), { recursive: true });

  const after = run('scripts/start.ts', env);
  const address = await after.ready();
  const restored = talk(address);
  // The sweeper looks after a run 15 s after its start; a real backup is older.
  const { adminUrl } = await ensurePostgres({ dir: path.join(live, 'pg') });
  const sql = postgres(Object.assign(new URL(adminUrl), { pathname: '/abetworks' }).href, { max: 1 });
  await sql`update runs set started_at = now() - interval '1 hour', checked_at = null`;
  await sql.end();
  expect((await approve(createApi(address, bo.key), approval)).status).toBe(200);
  await restored.runIs(restored.ana, runId, 'done');
  expect(after.output()).toContain('restarted: active here, but Temporal does not have it');
  expect(postsOf(erp, 'BACKUP-1')).toHaveLength(1);
  const verified = run('scripts/audit-verify.ts', env);
  expect(await verified.ended).toBe(0);
});

test('D5 keys are rotated beside a running product, also after a kill in the middle, and an old one leaves when nothing needs it', async () => {
  const [a, b] = [0, 1].map(() => randomBytes(32).toString('base64'));
  const [old, both, fresh] = [`k1:${a}`, `k2:${b},k1:${a}`, `k2:${b}`];
  const ground = await prepare({ ABETWORKS_KEYS: old });
  const first = await begin(ground);
  const { runId, approval, bo } = await propose(first, 'ROTATE-1');
  const { orgId, ownerId } = await ownerOf(ground);
  await ground.database.db.withOrg(orgId, async (org) => {
    for (let n = 0; n < 400; n += 1)
      await addConnection(
        org,
        parseKeyRing(old),
        { connector: 'calculator', name: `C${n}`, slug: `c${n}`, settings: {}, ownerMemberId: ownerId },
        { n },
      );
  });
  await first.stop();

  const second = await begin(ground, { ABETWORKS_KEYS: both });
  const env = { ...ground.env, ABETWORKS_KEYS: both };
  const killed = run('scripts/keys-rotate.ts', env);
  await killed.wrote('100 credentials sealed');
  killed.signal('SIGKILL');
  expect(await killed.ended).toBe('SIGKILL');
  const rotated = run('scripts/keys-rotate.ts', env);
  expect([await rotated.ended, rotated.output()]).toEqual([
    0,
    expect.stringMatching(/k1 is still needed by: 1 running workflows, until they end\.\n$/),
  ]);
  await second.stop();

  await expect(begin(ground, { ABETWORKS_KEYS: fresh })).rejects.toThrow(
    /lacks the key "k1", which is still needed by 1 running workflows\. Add it back/,
  );
  const third = await begin(ground, { ABETWORKS_KEYS: both });
  expect((await approve(createApi(third.url, bo.key), approval)).status).toBe(200);
  await third.runIs(third.ana, runId, 'done');
  expect(postsOf(erp, 'ROTATE-1')).toHaveLength(1);
  const free = await until('the old key may leave', async () => {
    const told = run('scripts/keys-rotate.ts', env);
    await told.ended;
    return told.output().includes('k1 is not needed any more') && told.output();
  });
  expect(free).toContain('Nothing was left to seal');
  await third.stop();

  const fourth = await begin(ground, { ABETWORKS_KEYS: fresh });
  const { body } = await fourth.ana.get('/api/v1/connections?limit=1');
  expect(body.items).toHaveLength(1);
  await fourth.stop();
  const verified = run('scripts/audit-verify.ts', { ...ground.env, ABETWORKS_KEYS: fresh });
  expect([await verified.ended, verified.output()]).toEqual([0, expect.stringContaining('all whole')]);
});

async function ownerOf(ground: TestGround): Promise<{ orgId: string; ownerId: string }> {
  const sql = postgres(ground.database.adminUrl, { max: 1, onnotice: () => {} });
  const [owner] = await sql`select org_id, id from members where role = 'owner'`;
  await sql.end();
  return { orgId: owner?.['org_id'], ownerId: owner?.['id'] };
}

test('at debug, the log tells the story of a run by its id, and holds no secret, no token, no path and nothing anyone wrote', async () => {
  const ground = await prepare({
    ABETWORKS_METRICS_LISTEN: '127.0.0.1:0',
    ABETWORKS_METRICS_TOKEN: METRICS_TOKEN,
    ABETWORKS_OWNER_PASSWORD: 'canary-owner-password-1',
  });
  const it = await begin(ground);
  try {
    const { runId, approval, bo } = await propose(it, 'CANARY-77');
    expect((await approve(createApi(it.url, bo.key), approval)).status).toBe(200);
    await it.runIs(it.ana, runId, 'done');
    await it.ana.get('/api/v1/runs?canary-query=canary-query-value');
    const { body: invited } = await it.ana.post('/api/v1/members', {
      email: 'canary@example.com',
      name: 'Canary Name',
      role: 'member',
    });
    await fetch(`${it.url}/invite/${invited.invitation}`);
    await fetch(`${it.url}/reset/canary-reset-token`);
    await fetch(`${it.url}/sign-in`, {
      method: 'POST',
      headers: { origin: it.url, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ email: 'ana@example.com', password: 'canary-wrong-password' }),
    });
    await fetch(`${it.url}/api/v1/runs`, { headers: { authorization: 'Bearer abw_canary_unknown_key_000' } });
    await it.ana.post('/api/v1/connections', {
      connector: 'rest',
      name: 'Bad',
      settings: {},
      credential: { type: 'bearer', token: 'canary-credential' },
    });

    const text = ground.logs.join('');
    const secrets = [
      OWNER_KEY,
      bo.key,
      bo.password,
      invited.invitation,
      METRICS_TOKEN,
      ground.env['ABETWORKS_KEYS'] ?? '',
      new URL(ground.database.url).password,
    ];
    for (const secret of [...secrets, 'canary', 'Canary', 'CANARY-77', '4200', erp.url, 'erp-secret'])
      expect([secret, secret !== '' && text.includes(secret)]).toEqual([secret, false]);

    const lines = ground.logs.map((line): Record<string, unknown> => JSON.parse(line));
    const activities = lines.filter(({ msg }) => msg === 'activity ended');
    expect(new Set(activities.filter((line) => line['runId'] === runId).map(({ activity }) => activity))).toEqual(
      new Set(['takeTurn', 'requestApproval', 'readApproval', 'updateCards', 'runTool', 'postReply', 'finishRun']),
    );
    for (const line of activities.filter(({ workflowId }) => String(workflowId).startsWith('run:')))
      expect(line).toMatchObject({
        orgId: expect.any(String),
        runId: expect.any(String),
        attempt: 1,
        ms: expect.any(Number),
      });
    expect(lines.find(({ msg }) => msg === 'run ended')).toMatchObject({
      runId,
      activity: 'finishRun',
      outcome: 'done',
    });
    const answered = lines.filter(({ msg }) => msg === 'answered');
    for (const line of answered)
      expect(line).toMatchObject({
        requestId: expect.any(String),
        route: expect.any(String),
        status: expect.any(Number),
      });
    expect(answered.map(({ route }) => route)).toEqual(
      expect.arrayContaining(['/api/v1/approvals/:id/decision', '/invite/:token', '/sign-in', '/api/v1/connections']),
    );
    expect(answered.find(({ route }) => route === '/api/v1/requests')).toMatchObject({ memberId: expect.any(String) });

    // The same process answers for its health and metrics beside the web port, for those with the token.
    const at = it.product.sideDoor ?? '';
    expect((await fetch(`${at}/health/ready`)).status).toBe(200);
    expect((await fetch(`${at}/metrics`)).status).toBe(401);
    expect((await fetch(`${at}/api/v1/runs`)).status).toBe(404);
    const metrics = await (
      await fetch(`${at}/metrics`, { headers: { authorization: `Bearer ${METRICS_TOKEN}` } })
    ).text();
    for (const family of [
      'abetworks_backlog{',
      'temporal_worker_task_slots_available{',
      'process_cpu_seconds_total',
      'abetworks_http_requests_total{',
    ])
      expect([family, metrics.includes(family)]).toEqual([family, true]);
    for (const id of [runId, approval.id, ...secrets]) expect(metrics).not.toContain(id);
  } finally {
    await it.stop();
  }
});
