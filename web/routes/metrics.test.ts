import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import pino from 'pino';
import { newId } from '#core/ids.ts';
import { createFacts } from '#db/facts.ts';
import { createApp } from '#web/app.ts';
import { createMetrics } from '#web/metrics.ts';
import { idleClient } from '#test/web/client.ts';
import { addRows } from '#test/web/rows.ts';
import { addOrg, createWorld, type Person, type World } from '#test/web/world.ts';

const TOKEN = 'metrics-token-0123456789';
let world: World;
let sql: postgres.Sql;
let ana: Person;
const log = pino({ level: 'silent' });

beforeAll(async () => {
  world = await createWorld(idleClient(), { ABETWORKS_METRICS_TOKEN: TOKEN });
  sql = postgres(world.database.adminUrl, { max: 1, onnotice: () => {} });
  ana = await addOrg(world);
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});

/** Families as `name{labels}` → value. */
const parse = (text: string): Map<string, number> =>
  new Map(
    text
      .split('\n')
      .filter((line) => line && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
const read = async (app: World['app'], token = TOKEN) => {
  const answer = await app.request('/metrics', { headers: { authorization: `Bearer ${token}` } });
  return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() };
};

test('with ABETWORKS_METRICS_TOKEN set, metrics are for those who have it; neither a session nor an API key is asked for', async () => {
  expect(await read(world.app)).toMatchObject({ status: 200, type: expect.stringContaining('version=0.0.4') });
  expect(await read(world.app, 'wrong')).toMatchObject({ status: 401 });
  expect(await world.call('/metrics')).toMatchObject({ status: 401 });
  expect(await world.call('/metrics', { as: ana })).toMatchObject({ status: 401 });
});

test('every answer is counted under its route and never under its path', async () => {
  const metrics = createMetrics({ version: '1.2.3', role: 'web', log });
  const app = createApp({ ...world.deps, metrics });
  const key = { authorization: `Bearer ${ana.key}` };
  for (let n = 0; n < 3; n += 1) await app.request(`/api/v1/runs/${newId()}`, { headers: key });
  await app.request(`/invite/${newId()}canary`);
  await app.request(`/nothing/canary-${newId()}`, { headers: key });
  await app.request('/api/v1/runs', { method: 'BREW' });
  const text = await metrics.read();
  const counts = parse(text);
  expect(text).not.toContain('canary');
  expect(
    [...counts.keys()].filter((name) => name.includes('api/v1/runs/:id') && name.includes('requests')),
  ).toHaveLength(1);
  expect([...counts].find(([name]) => name.includes('route="/invite/:token"'))).toBeDefined();
  expect([...counts.keys()].some((name) => name.includes('route="none"'))).toBe(true);
  expect(text).not.toContain('BREW');
  expect(counts.get(`abetworks_build_info{version="1.2.3",node="${process.versions.node}",role="web"}`)).toBe(1);
  expect(counts.has('process_cpu_seconds_total')).toBe(true);
});

test('what waits, what happened since the last look, and what models cost', async () => {
  const { runId, approvalId } = await addRows(world, ana);
  const over = await addRows(world, ana);
  await sql`update runs set created_at = now() - interval '10 minutes', started_at = now() - interval '10 minutes'`;
  await sql`update runs set status = 'running', started_at = null where id = ${runId}`;
  await sql`update approvals set created_at = now() - interval '3 minutes' where id = ${approvalId}`;
  const facts = createFacts(world.deps.db, { settleMs: 0 });
  const metrics = createMetrics({ version: '1', role: 'web', log, facts });
  await sql`update runs set status = 'done', ended_at = now() where id = ${over.runId}`;
  await sql`update approvals set status = 'denied', decided_at = now() where id = ${over.approvalId}`;
  const call = {
    org_id: ana.orgId,
    run_id: runId,
    turn_number: 1,
    provider: 'anthropic',
    reserved_nanos: 9,
    input_tokens: 100,
    output_tokens: 10,
  };
  await sql`insert into model_calls ${sql({ ...call, ended_at: new Date(), id: newId(), model: 'm1', status: 'done', cost_nanos: 2_500_000_000 })}`;
  await sql`insert into model_calls ${sql({ ...call, ended_at: new Date(), id: newId(), model: 'm1', status: 'done', cost_nanos: 500_000_000 })}`;
  await sql`insert into model_calls ${sql({ ...call, ended_at: new Date(), id: newId(), model: 'm2', status: 'failed' })}`;
  const text = await metrics.read();
  const counts = parse(text);
  expect(
    Object.fromEntries(
      [...counts].filter(([name]) => /^abetworks_(?!http|build|inbox)/.test(name) && !name.includes('bucket')),
    ),
  ).toMatchObject({
    abetworks_facts_up: 1,
    'abetworks_runs_active{status="running"}': 1,
    'abetworks_runs_active{status="waiting"}': 0,
    abetworks_approvals_pending: 1,
    'abetworks_effects{state="ambiguous"}': 2,
    'abetworks_backlog{kind="not_started"}': 1,
    'abetworks_backlog{kind="not_signalled"}': 1,
    'abetworks_approvals_decided_total{status="denied"}': 1,
    'abetworks_run_duration_seconds_count{status="done"}': 1,
    'abetworks_model_calls_total{provider="anthropic",model="m1",outcome="done"}': 2,
    'abetworks_model_calls_total{provider="anthropic",model="m2",outcome="failed"}': 1,
    'abetworks_model_tokens_total{provider="anthropic",model="m1",kind="input"}': 200,
    'abetworks_model_cost_usd_total{provider="anthropic",model="m1"}': 3,
  });
  expect(counts.get('abetworks_approvals_pending_oldest_seconds')).toBeGreaterThan(170);
  expect(counts.get('abetworks_backlog_oldest_seconds{kind="not_started"}')).toBeGreaterThan(590);
  for (const id of [ana.orgId, ana.memberId, runId, approvalId, over.runId]) expect(text).not.toContain(id);
  // A second look finds nothing new: nothing is counted twice.
  const again = await facts.happened();
  expect(again.modelCalls).toEqual([]);
});

test('with the database away metrics still answer and say so; asked again at once, they do not ask it again', async () => {
  let asked = 0;
  const facts = {
    standing: async () => {
      asked += 1;
      throw new Error('away');
    },
    happened: async () => {
      throw new Error('away');
    },
  };
  const metrics = createMetrics({ version: '1', role: 'web', log, facts, others: async () => 'temporal_x 1\n' });
  const text = await metrics.read();
  expect(text).toContain('abetworks_facts_up 0');
  expect(text).toContain('temporal_x 1');
  await Promise.all([metrics.read(), metrics.read()]);
  expect(asked).toBe(1);
});

test('the number of models that are named is bounded', async () => {
  const modelCalls = Array.from({ length: 80 }, (_, n) => ({
    provider: 'p',
    model: `m${n}`,
    outcome: 'done',
    n: 1,
    input: 1,
    cached: 0,
    output: 1,
    costNanos: 0,
    unpriced: 1,
  }));
  const metrics = createMetrics({
    version: '1',
    role: 'web',
    log,
    facts: {
      standing: async () => ({
        activeRuns: [],
        pendingApprovals: { n: 0, oldestSeconds: 0 },
        effects: [],
        backlog: [],
        connections: [],
      }),
      happened: async () => ({ createdRuns: 0, endedRuns: [], startLags: [], decided: [], modelCalls }),
    },
  });
  const counts = parse(await metrics.read());
  expect([...counts.keys()].filter((name) => name.startsWith('abetworks_model_calls_total'))).toHaveLength(51);
  expect(counts.get('abetworks_model_calls_total{provider="other",model="other",outcome="done"}')).toBe(30);
});
