import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newId } from '#core/ids.ts';
import { until } from '#test/setup/until.ts';
import { idleClient } from '#test/web/client.ts';
import { addRows, type Rows } from '#test/web/rows.ts';
import { addOrg, createWorld, type Person, type World } from '#test/web/world.ts';
import { fakeEngine, type FakeEngine } from './engine.fixture.ts';
import { idleSweep } from './sweep.fixture.ts';
import { startSweeping, sweepOnce, type SweepDeps } from './sweep.ts';

let world: World;
let sql: postgres.Sql;
let ana: Person;
let engine: FakeEngine;
let logged: { alert?: boolean; msg: string }[];
let given: { runId: string; problem: string }[];
let edited: string[];
let questions: string[];
let shown: string[];
let deps: SweepDeps;

beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 2, onnotice: () => {} });
  ana = await addOrg(world);
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});
beforeEach(async () => {
  // What earlier tests left is settled.
  await sql`update runs set status = 'done', ended_at = now()`;
  await sql`update approvals set signalled_at = now()`;
  await sql`delete from approval_cards`;
  await sql`update effects set question_shows = null`;
  await sql`delete from slack_live`;
  [engine, logged, given, edited, questions, shown] = [fakeEngine(), [], [], [], [], []];
  deps = {
    ...idleSweep(world.deps),
    engine: engine.port,
    log: pino({ level: 'debug' }, { write: (line: string) => void logged.push(JSON.parse(line)) }),
    editCards: async ({ approvalId }) => {
      if (engine.broken.has(approvalId)) throw new Error('the channel is gone');
      edited.push(approvalId);
    },
    giveUp: async (run) => {
      given.push(run);
      await sql`update runs set status = 'failed', ended_at = now() where id = ${run.runId}`;
    },
    editQuestion: async ({ effectId }) => void questions.push(effectId),
    showProgress: async ({ runId }) => void shown.push(runId),
  };
});

const alerts = () => logged.filter(({ alert }) => alert).map(({ msg }) => msg);
/** Stored by receive() a while ago; its start was not heard. */
async function addStored(): Promise<Rows> {
  const rows = await addRows(world, ana);
  await sql`update runs set status = 'running', started_at = null, next_start_at = now() - interval '1 second' where id = ${rows.runId}`;
  return rows;
}
/** Started a while ago. */
async function addActive(): Promise<Rows> {
  const rows = await addRows(world, ana);
  await sql`update runs set started_at = now() - interval '1 minute' where id = ${rows.runId}`;
  return rows;
}
const decided = (approvalId: string, status = 'approved') =>
  sql`update approvals set status = ${status}, decided_at = now() - interval '3 seconds', signalled_at = null where id = ${approvalId}`;
const dueAgain = (runId: string) =>
  sql`update runs set next_start_at = now() - interval '1 second', checked_at = null where id = ${runId}`;

test('S1 I4 what was stored and not started is started, once', async () => {
  const { runId } = await addStored();
  await sweepOnce(deps);
  expect(engine.started).toEqual([{ runId, again: false }]);
  expect(await sql`select start_attempts from runs where id = ${runId} and started_at is not null`).toMatchObject([
    { start_attempts: 1 },
  ]);
  await sweepOnce(deps);
  expect(engine.started).toHaveLength(1);
});

test('S1 what was stored a moment ago is left to the start that is under way', async () => {
  const { runId } = await addStored();
  await sql`update runs set next_start_at = now() + interval '4 seconds' where id = ${runId}`;
  await sweepOnce(deps);
  expect(engine.started).toHaveLength(0);
});

test('S1 two sweepers at once start each run once', async () => {
  const stored = [];
  for (let n = 0; n < 8; n += 1) stored.push((await addStored()).runId);
  await Promise.all([sweepOnce(deps), sweepOnce(deps), sweepOnce(deps)]);
  expect(engine.started.map(({ runId }) => runId).toSorted()).toEqual(stored.toSorted());
});

test('S1 a run that cannot be started is tried later and later, and after 10 times ended with words and an alert', async () => {
  const { runId } = await addStored();
  engine.broken.add(runId);
  const waits: number[] = [];
  for (let attempt = 1; attempt <= 10; attempt += 1) {
    await dueAgain(runId);
    await sweepOnce(deps);
    const [row] =
      await sql`select start_attempts, extract(epoch from next_start_at - now())::float8 as wait from runs where id = ${runId}`;
    expect(row?.['start_attempts']).toBe(attempt);
    waits.push(row?.['wait']);
  }
  expect(waits.every((wait, at) => at === 0 || wait >= (waits[at - 1] ?? 0) - 1)).toBe(true);
  expect(given).toHaveLength(0);
  await dueAgain(runId);
  await sweepOnce(deps);
  expect(given).toMatchObject([{ runId, problem: expect.stringContaining('10 attempts') }]);
  expect(alerts()).toEqual(['dead letter: the run could not be started']);
});

test('S1 one run that cannot be started does not hold up the others', async () => {
  const [bad, good] = [await addStored(), await addStored()];
  engine.broken.add(bad.runId);
  await sweepOnce(deps);
  expect(engine.started).toEqual([{ runId: good.runId, again: false }]);
});

test('S1 with Temporal away a round does not wait once for every run', async () => {
  for (let n = 0; n < 3; n += 1) await addStored();
  engine.isAway = true;
  await sweepOnce(deps);
  const [tried] = await sql`select count(*)::int as n from runs where start_attempts > 0 and status = 'running'`;
  expect(tried?.['n']).toBe(1);
  engine.isAway = false;
  await sql`update runs set next_start_at = now() - interval '1 second' where status = 'running'`;
  await sweepOnce(deps);
  expect(engine.started).toHaveLength(3);
});

test('S1 A6 a decision that was not signalled wakes every run that waits for it', async () => {
  const rows = await addActive();
  await sql`update tool_calls set approval_id = ${rows.approvalId} where run_id = ${rows.runId}`;
  await decided(rows.approvalId);
  await sweepOnce(deps);
  expect(engine.woken).toEqual([rows.runId]);
  await sweepOnce(deps);
  expect(engine.woken).toHaveLength(1);
});

test('S1 a decision that cannot be signalled is tried on, alerted about once, and does not hold up the others', async () => {
  const [bad, good] = [await addActive(), await addActive()];
  for (const { runId, approvalId } of [bad, good])
    await sql`update tool_calls set approval_id = ${approvalId} where run_id = ${runId}`;
  engine.broken.add(bad.runId);
  await decided(bad.approvalId);
  for (let n = 0; n < 12; n += 1) await sweepOnce(deps);
  expect(alerts()).toEqual(['dead letter: a decision cannot be signalled']);
  await decided(good.approvalId);
  await sweepOnce(deps);
  engine.broken.clear();
  await sweepOnce(deps);
  expect(engine.woken).toEqual([good.runId, bad.runId]);
});

test('S1 A7 cards older than their decision are edited, and one that cannot be does not hold up the others', async () => {
  const [bad, good, fresh] = [await addActive(), await addActive(), await addActive()];
  for (const { approvalId, payloadSha256 } of [bad, good, fresh])
    await sql`insert into approval_cards (id, org_id, approval_id, platform, tenant, channel, thread, message, payload_sha256, shows)
      values (${newId()}, ${ana.orgId}, ${approvalId}, 'slack', 'T1', 'C1', '1', ${approvalId}, ${payloadSha256}, 'pending')`;
  await decided(bad.approvalId);
  await decided(good.approvalId, 'denied');
  engine.broken.add(bad.approvalId);
  await sweepOnce(deps);
  expect(edited).toEqual([good.approvalId]);
});

test('S1 cards of a platform that does not answer do not wait for each other, and hold up no start', async () => {
  const cards = Array.from({ length: 8 }, addActive);
  for (const { approvalId, payloadSha256 } of await Promise.all(cards)) {
    await sql`insert into approval_cards (id, org_id, approval_id, platform, tenant, channel, thread, message, payload_sha256, shows)
      values (${newId()}, ${ana.orgId}, ${approvalId}, 'slack', 'T1', 'C1', '1', ${approvalId}, ${payloadSha256}, 'pending')`;
    await decided(approvalId);
  }
  const answered = Promise.withResolvers<void>();
  const editing: string[] = [];
  const stop = startSweeping({
    ...deps,
    editCards: ({ approvalId }) => {
      editing.push(approvalId);
      return answered.promise;
    },
  });
  await until('all are being edited', async () => editing.length === 8);
  const { runId } = await addStored();
  await until('the next round starts what came', async () => engine.started.length > 0, 10_000);
  expect(engine.started).toEqual([{ runId, again: false }]);
  answered.resolve();
  await stop();
});

test('S1 a card that failed lately is left until its time, and one that failed ten times for good', async () => {
  const [later, due, dead] = [await addActive(), await addActive(), await addActive()];
  for (const [{ approvalId, payloadSha256 }, attempts, next] of [
    [later, 1, '1 minute'],
    [due, 9, '-1 second'],
    [dead, 10, '-1 second'],
  ] as const) {
    await sql`insert into approval_cards (id, org_id, approval_id, platform, tenant, channel, thread, message, payload_sha256, shows, edit_attempts, next_edit_at)
      values (${newId()}, ${ana.orgId}, ${approvalId}, 'slack', 'T1', 'C1', '1', ${approvalId}, ${payloadSha256}, 'pending', ${attempts}, now() + ${next}::interval)`;
    await decided(approvalId);
  }
  await sweepOnce(deps);
  expect(edited).toEqual([due.approvalId]);
});

test('S1 A4 an edit that was not shown is shown, for an hour', async () => {
  const [fresh, waiting, old, first] = [await addActive(), await addActive(), await addActive(), await addActive()];
  for (const [{ approvalId }, ago] of [
    [fresh, '0 seconds'],
    [waiting, '10 seconds'],
    [old, '2 hours'],
  ] as const) {
    const { approvalId: before } = await addActive();
    await sql`update approvals set supersedes = ${before}, created_at = now() - ${ago}::interval where id = ${approvalId}`;
  }
  await sql`update approvals set created_at = now() - interval '10 seconds' where id = ${first.approvalId}`;
  await sweepOnce(deps);
  expect(edited).toEqual([waiting.approvalId]);
});

test('S1 E6 the question of a run that was stopped, or that was answered after its end, is shown anew', async () => {
  const ask = async (shows: string, { ended = true, state = 'ambiguous', attempts = 0 } = {}): Promise<string> => {
    const { runId, effectId } = await addActive();
    await sql`update effects set question_shows = ${shows}, state = ${state}, question_attempts = ${attempts},
      resolution = ${state === 'resolved' ? 'sent' : null} where id = ${effectId}`;
    if (ended) await sql`update runs set status = 'stopped', ended_at = now() where id = ${runId}`;
    return effectId;
  };
  const wanted = [
    await ask('open'),
    await ask('open', { state: 'resolved' }),
    await ask('over', { state: 'resolved' }),
  ];
  // Shown as they are, left to their workflow, or tried often enough.
  await ask('over');
  await ask('answered', { state: 'resolved' });
  await ask('open', { ended: false });
  await ask('open', { attempts: 10 });
  await sweepOnce(deps);
  expect(questions.toSorted()).toEqual(wanted.toSorted());
});

test('S1 live messages of ended runs are closed, and those without a sign of life are kept up', async () => {
  const live = async ({
    ended = false,
    due = '1 minute',
    next = '-1 second',
    closed = false,
  } = {}): Promise<string> => {
    const { runId } = await addActive();
    await sql`insert into slack_live (id, org_id, run_id, tenant, channel, thread, next_show_at, due_at, closed_at, updated_at)
      values (${newId()}, ${ana.orgId}, ${runId}, 'T1', 'C1', '1.1', now() + ${next}::interval, now() + ${due}::interval, ${closed ? new Date() : null}, now())`;
    if (ended) await sql`update runs set status = 'done', ended_at = now() where id = ${runId}`;
    return runId;
  };
  const wanted = [await live({ ended: true }), await live({ due: '-8 seconds' })];
  // Kept up by its process, closed, or held by somebody.
  await live();
  await live({ ended: true, closed: true });
  await live({ ended: true, next: '20 seconds' });
  await sweepOnce(deps);
  expect(shown.toSorted()).toEqual(wanted.toSorted());
});

test('S1 a run that is active here and gone there is restarted; after 10 times it is given up with an alert', async () => {
  const { runId } = await addActive();
  engine.looks.set(runId, { state: 'gone' });
  await sweepOnce(deps);
  expect(engine.started).toEqual([{ runId, again: true }]);
  // Looked at a moment ago: not again in this round.
  await sweepOnce(deps);
  expect(engine.started).toHaveLength(1);
  await sql`update runs set start_attempts = 10, checked_at = null where id = ${runId}`;
  await sweepOnce(deps);
  expect(engine.started).toHaveLength(1);
  expect(given).toMatchObject([{ runId }]);
  expect(alerts()).toEqual(['dead letter: the run ends each time it is restarted']);
});

test('S1 an open run is left alone, and one whose workflow fails says so', async () => {
  const [open, failing] = [await addActive(), await addActive()];
  engine.looks.set(failing.runId, { state: 'failing', why: 'cannot replay' });
  await sweepOnce(deps);
  expect(engine.started).toHaveLength(0);
  expect(await sql`select status_text from runs where id = ${failing.runId}`).toMatchObject([
    { status_text: 'Failing: cannot replay' },
  ]);
  expect(await sql`select status_text from runs where id = ${open.runId}`).toMatchObject([{ status_text: null }]);
  expect(alerts()).toHaveLength(1);
});

test('S1 a run that ended between the look and now is not restarted', async () => {
  const { runId } = await addActive();
  const { look } = engine.port;
  engine.port.look = async (run) => {
    await sql`update runs set status = 'done', ended_at = now() where id = ${runId}`;
    return (await look(run)) && { state: 'gone' };
  };
  await sweepOnce(deps);
  expect(engine.started).toHaveLength(0);
});

test('S1 R5 a stop that Temporal did not hear is repeated until the run has ended', async () => {
  const { runId } = await addActive();
  await sql`update runs set stop_requested_at = now() - interval '4 seconds' where id = ${runId}`;
  await sweepOnce(deps);
  await sweepOnce(deps);
  expect(engine.cancelled).toEqual([runId, runId]);
  await sql`update runs set status = 'stopped', ended_at = now() where id = ${runId}`;
  await sweepOnce(deps);
  expect(engine.cancelled).toHaveLength(2);
});
