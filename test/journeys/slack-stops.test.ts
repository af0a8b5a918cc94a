import { afterAll, beforeAll, expect, test } from 'vitest';
import { readable } from '#test/fakes/slack/index.ts';
import { holdWrites } from '#test/setup/company.ts';
import { startSlackDesk, type SlackDesk } from '#test/setup/slack-desk.ts';
import { slowness } from '#test/setup/slowness.ts';
import { until } from '#test/setup/until.ts';

let it: SlackDesk;
beforeAll(async () => {
  it = await startSlackDesk();
});
afterAll(() => it?.stop());

const STOPS: [string, (at: { ts: string; runId: string }) => Promise<unknown>][] = [
  ['"stop" in the thread', ({ ts }) => it.as('ana').say('general', 'stop', { threadTs: ts })],
  ['/abet stop', () => it.as('ana').command('/abet stop', { channel: 'general' })],
  ["the session's own Stop", async ({ ts }) => it.as('ana').stopSession('general', ts)],
];
test.each(STOPS)('R5 %s stops the run within 2 s, its card says so, and the thread too', async (name, stop) => {
  const { ts, card, runId } = await it.proposeIn(`INV-5${STOPS.findIndex(([way]) => way === name)}`);
  const began = performance.now();
  await stop({ ts, runId });
  const stopped = await it.hears('general', ts, /Stopped by ana/i);
  await until('the card says so', async () => /Cancelled/.test(readable(it.now(card))));
  const tookMs = performance.now() - began;
  expect(tookMs / slowness()).toBeLessThan(2_000);
  expect(readable(it.now(card))).not.toContain('[');
  // There is nothing to like or dislike about that.
  expect(readable(stopped)).not.toContain('[');
});

test('a run that waited for twenty minutes goes on and ends right; nothing streams meanwhile', async () => {
  const { ts, card, runId, approvalId } = await it.proposeIn('INV-60');
  const isSession = (status: string) =>
    until(`the session is ${status}`, async () => it.slack.session('general', ts)?.status === status);
  await isSession('suspended');
  const back = '20 minutes';
  await it.sql`update slack_live set session_at = session_at - ${back}::interval, stream_started_at = stream_started_at - ${back}::interval,
    due_at = due_at - ${back}::interval, next_show_at = next_show_at - ${back}::interval where run_id = ${runId}`;
  await it.sql`update runs set created_at = created_at - ${back}::interval where id = ${runId}`;
  await it.sql`update approvals set created_at = created_at - ${back}::interval, expires_at = expires_at - ${back}::interval where id = ${approvalId}`;
  expect(it.slack.streams().filter(({ threadTs }) => threadTs === ts)).toEqual([]);
  const held = holdWrites(it.erp);
  await it.as('bo').click(card, 'Approve');
  await held.arrived;
  held.release();
  await it.hears('general', ts, /Done: .*INV-60/);
  await isSession('active');
  expect(readable(it.now(card))).toContain('Approved by Bo');
  await until('no stream is open', async () =>
    it.slack
      .streams()
      .filter(({ threadTs }) => threadTs === ts)
      .every(({ state }) => state === 'completed'),
  );
});

test('R5 the Stop button of a live message stops the run at once; what was under way ends, and the answer says how', async () => {
  const startStream = it.slack.fault('chat.startStream', 'error unknown_method', 5);
  const { ts, card, runId } = await it.proposeIn('INV-59');
  const held = holdWrites(it.erp);
  await it.as('bo').click(card, 'Approve');
  await held.arrived;
  const live = await it.hears('general', ts, '[Stop]');
  startStream.release();
  await it.as('mia').click(live, 'Stop');
  await it.told('mia', 'no such run');
  expect((await it.as('ana').click(live, 'Stop')).status).toBe(200);
  const [run] = await it.sql`select stop_requested_at from runs where id = ${runId}`;
  expect(run?.['stop_requested_at']).not.toBeNull();
  held.release();
  expect(readable(await it.hears('general', ts, /Stopped by ana/i))).toMatch(/Done: .*INV-59/);
  await until('the live message is over', async () => !readable(it.now(live)).includes('[Stop]'));
});

test('Slack had nothing to complain about', () => {
  expect(it.slack.violations()).toEqual([]);
  if (process.env['TRANSCRIPT']) console.info(it.slack.transcript('general'));
});
