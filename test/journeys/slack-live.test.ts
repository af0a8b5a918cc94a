import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSlackCompany, type SlackCompany } from '#test/setup/slack-company.ts';
import { holdWrites } from '#test/setup/company.ts';
import { until } from '#test/setup/until.ts';

let it: SlackCompany;
beforeAll(async () => {
  it = await startSlackCompany();
});
afterAll(() => it.stop());

const statusIs = (ts: string, status: string) =>
  until(`the session is ${status}`, async () => {
    const now = it.slack.session('general', ts)?.status;
    if (now !== status) throw new Error(`it is ${now}`);
    return now;
  });
const streamsIn = (ts: string) => it.slack.streams().filter(({ threadTs }) => threadTs === ts);
const isClosed = (runId: string) =>
  until(
    'the live message is closed',
    async () => (await it.sql`select closed_at from slack_live where run_id = ${runId}`)[0]?.['closed_at'],
  );

test('a run shows that it works, that it waits and what it does, and is closed with its answer', async () => {
  const { ts, card, runId } = await it.proposeIn('INV-81');
  await statusIs(ts, 'suspended');
  expect(streamsIn(ts)).toEqual([]);
  const held = holdWrites(it.erp);
  await it.slack.as('bo').click(card, 'Approve');
  await held.arrived;
  await statusIs(ts, 'processing');
  const stream = await until('its step is shown', async () => streamsIn(ts)[0]);
  expect(stream).toMatchObject({ state: 'streaming', display: 'plan' });
  expect(stream.tasks).toMatchObject([{ title: expect.stringContaining('INV-81'), status: 'in_progress' }]);
  held.release();
  await it.hears('general', ts, /Done: .*INV-81/);
  await statusIs(ts, 'active');
  await isClosed(runId);
  expect(streamsIn(ts)).toMatchObject([{ state: 'completed', plan: 'Finished', tasks: [{ status: 'complete' }] }]);
  expect(it.slack.status('general', ts)).toBeNull();
  expect(it.slack.violations()).toEqual([]);
});

test('a plain question shows a status line only, and is answered', async () => {
  const ts = await it.slack.as('ana').say('general', '@bot hi');
  await it.hears('general', ts, /./);
  await statusIs(ts, 'active');
  expect(it.slack.thread('general', ts).filter(({ user }) => user === it.slack.botUserId)).toHaveLength(1);
  expect(it.slack.sessionHistory('general', ts).map(({ status }) => status)).toEqual(['processing', 'active']);
});

test('R5 Stop beside the session ends the run and the session', async () => {
  const { ts, runId } = await it.proposeIn('INV-82');
  await statusIs(ts, 'suspended');
  it.slack.as('ana').stopSession('general', ts);
  await it.hears('general', ts, /Stopped by ana/i);
  await statusIs(ts, 'active');
  await isClosed(runId);
  expect(streamsIn(ts)).toEqual([]);
});
