import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { mentions, readable } from '#test/fakes/slack/index.ts';
import { startLive, type LiveGround } from '#test/setup/slack-live.ts';

let it: LiveGround;
beforeAll(async () => {
  it = await startLive();
});
afterAll(() => it.stop());
beforeEach(() => it.slack.clearFaults());

const countOf = (method: string): number => it.slack.calls(method).length;

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

test('a channel whose kind takes no streams takes none from the others', async () => {
  const show = it.liveOn();
  const [run, next] = [await it.begin(), await it.begin()];
  it.slack.fault('chat.startStream', 'error channel_type_not_supported');
  await run.step('erp_listInvoices');
  await show(run);
  expect(run.said()).toHaveLength(1);
  expect(run.streams()).toEqual([]);
  await next.step('erp_listInvoices');
  await show(next);
  expect(next.streams()).toHaveLength(1);
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
