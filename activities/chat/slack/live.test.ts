import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDatabase } from '#db/client.ts';
import { unseenLive } from '#db/slack-live.ts';
import { mentions, readable, type Json } from '#test/fakes/slack/index.ts';
import { until } from '#test/setup/until.ts';
import { LIVE_TIMES } from './live.ts';
import { startLive, type LiveGround } from './live.fixture.ts';

let it: LiveGround;
beforeAll(async () => {
  it = await startLive();
});
afterAll(() => it.stop());
beforeEach(() => it.slack.clearFaults());

const tasks = (stream: { tasks: Json[] } | undefined) =>
  stream?.tasks.map((task) => `${task['title']}: ${task['status']}`);
const countOf = (method: string): number => it.slack.calls(method).length;

test('a session shows that it works, that it waits and that it has ended', async () => {
  const show = it.liveOn();
  const run = await it.begin();
  await show(run);
  expect(run.session()).toBe('processing');
  expect(run.status()).toBe('Thinking');
  await run.waits();
  await show(run);
  expect(run.session()).toBe('suspended');
  expect(run.status()).toBeUndefined();
  await run.works('Thinking');
  await show(run);
  await run.answers();
  await show(run);
  expect(run.session()).toBe('active');
  expect(run.said()).toEqual([]);
  expect(await run.row()).toMatchObject({ closed_at: expect.any(Date), shown: null });
  expect(it.slack.session(run.thread.channel, run.thread.thread)?.title).toBe('hello');
});

test('work without steps shows no message, unless it takes long', async () => {
  const run = await it.begin();
  await it.liveOn()(run);
  expect(run.said()).toEqual([]);
  await it.liveOn({ quietMs: 0 })(run);
  expect(tasks(run.streams()[0])).toEqual(['Thinking: in_progress']);
  await run.answers();
  await it.liveOn()(run);
  expect(run.streams()).toMatchObject([{ state: 'completed', plan: 'Finished' }]);
  expect(tasks(run.streams()[0])).toEqual(['Thinking: complete']);
});

test('steps are streamed as tasks, and the message is closed with the run', async () => {
  const show = it.liveOn();
  const run = await it.begin({ statusText: 'Running erp_listInvoices' });
  const [list, post] = [await run.step('erp_listInvoices'), await run.step('erp_createInvoice', 'proposed')];
  await show(run);
  expect(run.streams()).toMatchObject([{ state: 'streaming', display: 'plan', plan: 'Running erp_listInvoices' }]);
  expect(tasks(run.streams()[0])).toEqual(['erp_listInvoices: in_progress']);
  await list('done');
  await post('running');
  await run.works('Running erp_createInvoice');
  await show(run);
  await show(run);
  expect(tasks(run.streams()[0])).toEqual(['erp_listInvoices: complete', 'erp_createInvoice: in_progress']);
  await post('failed');
  await run.ends();
  await show(run);
  expect(run.streams()).toMatchObject([{ state: 'completed', plan: 'Finished' }]);
  expect(tasks(run.streams()[0])).toEqual(['erp_listInvoices: complete', 'erp_createInvoice: error']);
  expect(run.session()).toBe('active');
  await show(run);
  expect(run.said()).toHaveLength(1);
  expect(it.slack.violations()).toEqual([]);
});

test('nothing is told twice', async () => {
  const show = it.liveOn();
  const run = await it.begin();
  await run.step('erp_listInvoices');
  await show(run);
  await show(run);
  const calls = it.slack.calls().length;
  await show(run);
  await show(run);
  expect(it.slack.calls()).toHaveLength(calls);
});

test('a waiting run holds no stream', async () => {
  const show = it.liveOn();
  const run = await it.begin();
  const [read, write] = [await run.step('erp_listInvoices'), await run.step('erp_createInvoice', 'proposed')];
  await show(run);
  await read('done');
  await run.waits();
  await show(run);
  expect(run.streams()).toMatchObject([{ state: 'completed', plan: 'Waits for approval of erp_createInvoice' }]);
  // Whatever happens meanwhile: it begins no other.
  await show(run);
  expect(run.streams()).toHaveLength(1);
  expect(await run.row()).toMatchObject({ due_at: null });
  // Approved: it goes on in a message below the card, with what is new only.
  await write('running');
  await run.works('Running erp_createInvoice');
  await show(run);
  expect(run.streams().map((one) => tasks(one))).toEqual([
    ['erp_listInvoices: complete'],
    ['erp_createInvoice: in_progress'],
  ]);
  expect(run.session()).toBe('processing');
});

test('a stream ends before four minutes and a new one goes on', async () => {
  expect(LIVE_TIMES.burstMs).toBeLessThan(4 * 60_000);
  const show = it.liveOn();
  const run = await it.begin();
  const [first, second] = [await run.step('erp_listInvoices'), await run.step('erp_export')];
  await show(run);
  await first('done');
  await run.age(LIVE_TIMES.burstMs);
  await show(run);
  expect(run.streams()).toMatchObject([{ state: 'completed' }]);
  expect(tasks(run.streams()[0])).toEqual(['erp_listInvoices: complete', 'erp_export: pending']);
  // Nothing new: no other message.
  await show(run);
  expect(run.streams()).toHaveLength(1);
  expect(run.session()).toBe('processing');
  await second('done');
  await show(run);
  expect(run.streams().map((one) => tasks(one))[1]).toEqual(['erp_export: complete']);
  await run.answers();
  await show(run);
  expect(run.streams().map(({ state }) => state)).toEqual(['completed', 'completed']);
});

test('a message that a long step was left pending in says in the end how that went', async () => {
  const show = it.liveOn();
  const run = await it.begin();
  const ends = await run.step('erp_export');
  await show(run);
  await run.age(LIVE_TIMES.burstMs);
  await show(run);
  await ends('done');
  await run.answers();
  await show(run);
  expect(run.said().map(readable)).toEqual([expect.stringMatching(/Finished[^]*✓ erp_export/)]);
});

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

test('when Slack or a person ended the stream the message is edited instead', async () => {
  const show = it.liveOn();
  const run = await it.begin();
  const [read, write] = [await run.step('erp_listInvoices'), await run.step('erp_createInvoice')];
  await show(run);
  it.slack.as('ana').stopSession(run.thread.channel, run.thread.thread);
  await read('done');
  await show(run);
  expect(run.said().map(readable).join('\n')).toMatch(/✓ erp_listInvoices/);
  await write('done');
  await run.answers();
  await show(run);
  const [message, ...others] = run.said();
  expect(others).toEqual([]);
  expect(readable(message ?? {})).toMatch(/Finished[^]*✓ erp_listInvoices[^]*✓ erp_createInvoice/);
  expect(JSON.stringify(message)).not.toContain('stop:');
});

test('where streams are not allowed one message is posted and edited, with a Stop button until the run has ended', async () => {
  const show = it.liveOn();
  const [run, next] = [await it.begin(), await it.begin()];
  it.slack.fault('chat.startStream', 'error unknown_method');
  const read = await run.step('erp_listInvoices');
  await show(run);
  expect(run.said().map(readable)).toEqual([expect.stringMatching(/Thinking[^]*● erp_listInvoices/)]);
  expect(JSON.stringify(run.said())).toContain(`stop:${run.runId}`);
  await run.waits();
  await show(run);
  expect(JSON.stringify(run.said())).toContain(`stop:${run.runId}`);
  await read('done');
  await run.answers();
  await show(run);
  expect(run.said().map(readable)).toEqual([expect.stringMatching(/Finished[^]*✓ erp_listInvoices/)]);
  expect(JSON.stringify(run.said())).not.toContain('stop:');
  // It is remembered: Slack is not asked again for the next.
  const starts = countOf('chat.startStream');
  await next.step('erp_listInvoices');
  await show(next);
  expect(countOf('chat.startStream')).toBe(starts);
  expect(next.said()).toHaveLength(1);
});

test('sessions that a workspace does not know are not asked for again', async () => {
  const show = it.liveOn();
  it.slack.fault('agents.sessions.setStatus', 'error unknown_method');
  const [run, next] = [await it.begin(), await it.begin()];
  await show(run);
  await show(next);
  const sessionCalls = () => countOf('agents.sessions.setStatus');
  const before = sessionCalls();
  await run.works('Reading');
  await show(run);
  expect(sessionCalls()).toBe(before);
  expect(run.status()).toBe('Reading');
  await run.answers();
  await show(run);
  expect(await run.row()).toMatchObject({ closed_at: expect.any(Date) });
});

test('two processes together edit at most once in 1.2 s, and the end is shown', async () => {
  expect(LIVE_TIMES.pauseMs).toBe(1_200);
  const [pauseMs, other] = [300, createDatabase({ url: it.world.database.url, max: 2 })];
  const shows = [it.liveOn({ pauseMs }), it.liveOn({ pauseMs }, { db: other })];
  const run = await it.begin();
  const ends = await run.step('erp_step0');
  for (let n = 1; n <= 12; n += 1) {
    await run.works(`Part ${n}`);
    for (const show of shows) void show(run);
    await until('a moment', async () => Date.now() % 40 < 20, 1_000);
  }
  await ends('done');
  await run.answers();
  await Promise.all(shows.map((show) => show(run)));
  await other.close();
  const { ts } = run.streams()[0] ?? {};
  const times = it.slack
    .calls()
    .filter(
      ({ method, args }) => /Stream$/.test(method) && (args['ts'] === ts || args['thread_ts'] === run.thread.thread),
    )
    .map(({ at }) => at);
  expect(times.length).toBeGreaterThan(1);
  for (const [n, at] of times.entries())
    if (n > 0) expect(at - (times[n - 1] ?? 0)).toBeGreaterThanOrEqual(pauseMs - 5);
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
  await run.age(80_000);
  await it.liveOn()(run);
  const [row] =
    await it.sql`select extract(epoch from due_at - stream_started_at) as age from slack_live where run_id = ${run.runId}`;
  expect(Number(row?.['age'])).toBeLessThanOrEqual(LIVE_TIMES.burstMs / 1000);
});

test('a post whose answer was lost is found again, and not repeated', async () => {
  const show = it.liveOn();
  const run = await it.begin();
  await run.step('erp_listInvoices');
  it.slack.fault('chat.startStream', 'error unknown_method');
  it.slack.fault('chat.postMessage', 'reset after');
  await show(run);
  expect(run.said()).toHaveLength(1);
  await run.age(60_000);
  await show(run);
  expect(run.said()).toHaveLength(1);
  expect(await run.row()).toMatchObject({ mode: 'edits', ts: run.said()[0]?.['ts'] });
  await run.answers();
  await show(run);
  expect(run.said().map(readable)).toEqual([expect.stringContaining('Finished')]);
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

test('a session belongs to the thread: the last run to end sets it free', async () => {
  const show = it.liveOn();
  const waiting = await it.begin();
  await waiting.waits();
  await show(waiting);
  const other = await it.begin({ at: waiting.thread });
  await show(other);
  expect(other.session()).toBe('processing');
  await other.ends();
  await show(other);
  expect(other.session()).toBe('suspended');
  await waiting.ends();
  await show(waiting);
  expect(other.session()).toBe('active');
});

test.for(['stream', 'edits'])("T4 a text with <!channel> in a tool's title mentions nobody (%s)", async (mode) => {
  const show = it.liveOn();
  if (mode === 'edits') it.slack.fault('chat.startStream', 'error unknown_method');
  const run = await it.begin();
  const text =
    'Pay <!channel> <@U123> &lt;!here&gt; @channel https://evil.test/x [safe](https://evil.test) <https://evil.test|bank>';
  await run.works(text);
  await run.step(text);
  await show(run);
  await show(run);
  const all = JSON.stringify([run.said(), run.streams().map(({ tasks: list, plan }) => [list, plan]), run.status()]);
  expect(mentions(run.said()[0] ?? {})).toEqual([]);
  expect(all).toContain('Pay');
  expect(all).not.toMatch(/<[!@#]|&lt;|@channel|:\/\/|\]\(/);
  expect(it.slack.violations()).toEqual([]);
});

test('a thread that is not there yet is shown once it is', async () => {
  const show = it.liveOn();
  const run = await it.begin();
  await it.sql`update threads set thread = 'new:1' where id = ${run.thread.id}`;
  const calls = it.slack.calls().length;
  await show(run);
  expect(it.slack.calls()).toHaveLength(calls);
  await it.sql`update threads set thread = ${run.thread.thread} where id = ${run.thread.id}`;
  await show(run);
  expect(run.session()).toBe('processing');
});
