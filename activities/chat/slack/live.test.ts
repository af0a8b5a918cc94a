import { afterAll, beforeAll, expect, test } from 'vitest';
import { readable, type Json } from '#test/fakes/slack/index.ts';
import { LIVE_TIMES } from './live.ts';
import { startLive, type LiveGround } from '#test/setup/slack-live.ts';

let it: LiveGround;
beforeAll(async () => {
  it = await startLive();
});
afterAll(() => it.stop());

const tasks = (stream: { tasks: Json[] } | undefined) =>
  stream?.tasks.map((task) => `${task['title']}: ${task['status']}`);

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

test('what works under a long name shows beside the app’s name all the same, as much as Slack takes', async () => {
  const run = await it.begin({ statusText: `Running ${'accounts_receivable_'.repeat(3)}create` });
  await it.liveOn()(run);
  expect(run.status()).toBe('Running accounts_receivable_accounts_receivable_a…');
  expect(run.status()).toHaveLength(50);
  expect(it.slack.violations()).toEqual([]);
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

test('E6 a step that turns out unclear waits in its message, and in the end the message says how it was left', async () => {
  const show = it.liveOn();
  const run = await it.begin({ statusText: 'Running erp_createInvoice' });
  const post = await run.step('erp_createInvoice', 'running');
  await show(run);
  await post('ambiguous');
  await run.waits('Waits for an answer: was it sent?');
  await show(run);
  expect(tasks(run.streams()[0])).toEqual(['erp_createInvoice: pending']);
  await run.ends('stopped');
  await show(run);
  expect(run.said().map(readable)).toEqual([expect.stringMatching(/^Stopped\n✗ erp_createInvoice \(unclear\)/)]);
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
