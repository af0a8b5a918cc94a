import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDatabase } from '#db/client.ts';
import { unseenLive } from '#db/slack-live.ts';
import { until } from '#test/setup/until.ts';
import { LIVE_TIMES } from './live.ts';
import { startLive, type LiveGround } from '#test/setup/slack-live.ts';

let it: LiveGround;
beforeAll(async () => {
  it = await startLive();
});
afterAll(() => it.stop());
beforeEach(() => it.slack.clearFaults());

const countOf = (method: string): number => it.slack.calls(method).length;

test('the session is kept alive while a model thinks for minutes', async () => {
  const show = it.liveOn();
  const run = await it.begin();
  await show(run);
  const before = countOf('agents.sessions.setStatus');
  await run.age(LIVE_TIMES.keepAliveMs - 5_000);
  await show(run);
  expect(countOf('agents.sessions.setStatus')).toBe(before);
  await run.age(6_000);
  await show(run);
  expect(countOf('agents.sessions.setStatus')).toBe(before + 1);
  expect(run.session()).toBe('processing');
});

test('two processes together edit at most once in 1.2 s, and the end is shown', async () => {
  expect(LIVE_TIMES.pauseMs).toBe(1_200);
  const [pauseMs, other] = [300, createDatabase({ url: it.world.database.url, max: 2 })];
  const shows = [it.liveOn({ pauseMs }), it.liveOn({ pauseMs }, { db: other })];
  const run = await it.begin();
  const ends = await run.step('erp_step0');
  const edits = () => it.slack.calls('chat.appendStream').filter(({ args }) => args['ts'] === run.streams()[0]?.ts);
  let n = 0;
  await until('it was edited a few times', async () => {
    n += 1;
    await run.works(`Part ${n}`);
    for (const show of shows) void show(run);
    return edits().length >= 3;
  });
  await ends('done');
  await run.answers();
  await Promise.all(shows.map((show) => show(run)));
  await other.close();
  const { ts } = run.streams()[0] ?? {};
  const times = it.slack
    .calls()
    .filter(
      ({ method, args }) => method.endsWith('Stream') && (args['ts'] === ts || args['thread_ts'] === run.thread.thread),
    )
    .map(({ at }) => at);
  expect(times.length).toBeGreaterThan(1);
  const pauses = times.slice(1).map((at, n) => at - (times[n] ?? 0));
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(pauseMs - 5);
  expect(run.streams()).toMatchObject([{ state: 'completed', plan: 'Finished' }]);
});

test('a rate limit is waited out', async () => {
  const show = it.liveOn();
  const run = await it.begin();
  await run.step('erp_listInvoices');
  it.slack.limit('chat.startStream', { retryAfterS: 30 });
  await show(run);
  expect(run.streams()).toEqual([]);
  const calls = countOf('chat.startStream');
  await show(run);
  expect(countOf('chat.startStream')).toBe(calls);
  await run.age(31_000);
  await show(run);
  expect(run.streams()).toHaveLength(1);
});

test("a killed process' stream is closed by the sweeper", async () => {
  const run = await it.begin();
  const ends = await run.step('erp_listInvoices');
  await it.liveOn()(run);
  const unseen = async () => (await unseenLive(it.world.deps.db, 100)).some(({ runId }) => runId === run.runId);
  expect(await unseen()).toBe(false);
  // No sign of life: the sweeper keeps it up.
  await run.age(LIVE_TIMES.keepAliveMs + 8_000);
  expect(await unseen()).toBe(true);
  const sweep = it.liveOn();
  await sweep(run);
  expect(await unseen()).toBe(false);
  // It dies while it holds the lease, and the run ends elsewhere.
  await it.sql`update slack_live set next_show_at = now() + interval '30 seconds' where run_id = ${run.runId}`;
  await ends('done');
  await run.ends();
  expect(await unseen()).toBe(false);
  await run.age(31_000);
  expect(await unseen()).toBe(true);
  await sweep(run);
  expect(await unseen()).toBe(false);
  expect(run.streams()).toMatchObject([{ state: 'completed' }]);
  expect(run.session()).toBe('active');
});

test('a stream is not held over four minutes by a process that was killed', async () => {
  const run = await it.begin();
  await run.step('erp_export');
  await it.liveOn()(run);
  await run.age(130_000);
  await it.liveOn()(run);
  const [row] =
    await it.sql`select extract(epoch from due_at - stream_started_at) as age from slack_live where run_id = ${run.runId}`;
  expect(Number(row?.['age'])).toBeLessThan(LIVE_TIMES.burstMs / 1000 + 2);
});

test('a run that cannot be closed is given up after ten tries, with an alert', async () => {
  const show = it.liveOn();
  const run = await it.begin();
  await run.step('erp_listInvoices');
  await show(run);
  await run.ends('failed');
  it.slack.fault('*', 'status 500', 100);
  for (let n = 0; n < 10; n += 1) {
    await run.age(120_000);
    await show(run);
  }
  it.slack.clearFaults();
  expect(it.logged.filter(({ alert, msg }) => alert && msg.includes('live message'))).toHaveLength(1);
  expect(await run.row()).toMatchObject({ closed_at: expect.any(Date) });
});

test('who was held up longer than its lease changes nothing any more', async () => {
  const run = await it.begin();
  const held = it.slack.fault('chat.startStream', 'hang');
  await run.step('erp_listInvoices');
  const slow = it.liveOn({ leaseMs: 100 })(run);
  await until('it is held up', async () => it.slack.hanging() === 1);
  const other = it.liveOn({ waitMs: 2_000 });
  await other(run);
  const { ts } = (await run.row()) ?? {};
  expect(ts).toBe(run.streams()[0]?.ts);
  held.release();
  await slow;
  expect(await run.row()).toMatchObject({ ts, mode: 'stream' });
});
