import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { addRows } from '#test/web/rows.ts';
import { until } from '#test/setup/until.ts';
import { failureOf, startSpeaking, type Speaking } from '#test/setup/slack-speaking.ts';
import { createProgress } from './progress.ts';
import { createReplyActivities } from './reply.ts';

let it: Speaking;
beforeAll(async () => {
  it = await startSpeaking();
});
afterEach(() => it.slack.clearFaults());
afterAll(() => it.stop());

const activities = () => {
  const deps = { db: it.world.deps.db, chat: { slack: it.chat }, homes: it.chat.homes, log: it.log };
  return createReplyActivities({ ...deps, progress: createProgress(deps) });
};
/** A run in a Slack thread that the workflow left. */
async function left(): Promise<{ orgId: string; runId: string; problem: string }> {
  const { runId, threadId } = await addRows(it.world, it.ana);
  const root = await it.slack.as('ana').say(it.slack.channels.general, 'hello');
  await it.sql`update threads set platform = 'slack', tenant = ${it.slack.teamId}, channel = ${it.slack.channels.general}, thread = ${root} where id = ${threadId}`;
  return { orgId: it.ana.orgId, runId, problem: 'it ended 10 times' };
}
const statusOf = async (runId: string) => (await it.sql`select status from runs where id = ${runId}`)[0]?.['status'];

test('S1 R7 a run that is given up ends although its thread cannot be told, with an alert', async () => {
  const run = await left();
  it.slack.fault('chat.postMessage', 'error some_new_refusal');
  await activities().giveUp(run);
  expect(await statusOf(run.runId)).toBe('failed');
  expect(it.logged.find(({ alert }) => alert)?.msg).toBe('a run was given up, and its thread cannot be told');
});

test('S1 while Slack only asks to wait, a run that is given up stays open, and its thread is told in the end', async () => {
  const run = await left();
  const before = await statusOf(run.runId);
  it.slack.limit('chat.postMessage', { retryAfterS: 1 });
  await failureOf(activities().giveUp(run));
  expect(await statusOf(run.runId)).toBe(before);
  await it.sql`delete from channel_turns`;
  await activities().giveUp(run);
  expect(await statusOf(run.runId)).toBe('failed');
});

const endOf = async (runId: string) => (await it.sql`select status, status_text from runs where id = ${runId}`)[0];
const alertsOf = (runId: string) => it.logged.filter((line) => line.alert && line['runId'] === runId);

test.each(['missing_scope', 'restricted_action', 'is_archived', 'not_in_channel', 'some_new_refusal'])(
  'E8 an answer that Slack lastingly does not take (%s): the run says so, and one line alerts',
  async (code) => {
    const { problem: _, ...run } = { ...(await left()), outcome: 'done' as const };
    const fault = it.slack.fault('chat.postMessage', `error ${code}`, 99);
    await activities().postReply(run);
    // Temporal repeats what it did not hear the end of.
    await activities().postReply(run);
    await activities().finishRun(run);
    fault.release();
    expect(await endOf(run.runId)).toEqual({
      status: 'done',
      status_text: expect.stringMatching(new RegExp(`^The answer was not posted: .*${code}`)),
    });
    expect(alertsOf(run.runId)).toMatchObject([{ orgId: run.orgId, msg: 'an answer was not posted' }]);
    // The answer itself is kept, and shown in the panel.
    expect(await it.sql`select 1 from messages where run_id = ${run.runId} and role = 'assistant'`).toHaveLength(1);
  },
);

test('R7 a run that failed keeps its reason beside the word that its thread could not be told', async () => {
  const run = { ...(await left()), outcome: 'failed' as const };
  const fault = it.slack.fault('chat.postMessage', 'error missing_scope', 99);
  await activities().postReply(run);
  await activities().finishRun(run);
  fault.release();
  expect(await endOf(run.runId)).toEqual({
    status: 'failed',
    status_text: expect.stringMatching(/^it ended 10 times The answer was not posted.*missing_scope/),
  });
});

test('an answer that Slack takes leaves no such word', async () => {
  const { problem: _, ...run } = { ...(await left()), outcome: 'done' as const };
  await it.sql`delete from channel_turns`;
  await activities().postReply(run);
  await activities().finishRun(run);
  expect([await endOf(run.runId), alertsOf(run.runId)]).toEqual([{ status: 'done', status_text: null }, []]);
});

test('once Slack takes the answer after all, the run says no more that it was not posted', async () => {
  const { problem: _, ...run } = { ...(await left()), outcome: 'done' as const };
  it.slack.fault('chat.postMessage', 'error missing_scope');
  await activities().postReply(run);
  await it.sql`delete from channel_turns`;
  await activities().postReply(run);
  await activities().finishRun(run);
  expect(await endOf(run.runId)).toEqual({ status: 'done', status_text: null });
});

test('what Slack only puts off is tried again by Temporal, and noted nowhere', async () => {
  const { problem: _, ...run } = { ...(await left()), outcome: 'done' as const };
  it.slack.fault('chat.postMessage', 'error request_timeout');
  await failureOf(activities().postReply(run));
  expect(alertsOf(run.runId)).toEqual([]);
  expect(await endOf(run.runId)).not.toMatchObject({ status_text: expect.stringContaining('not posted') });
});

test('the answer to a command does not repeat the question that its thread begins with; a later one by a button does', async () => {
  const run = { ...(await left()), outcome: 'done' as const };
  await it.sql`update threads set thread = ${`new:${run.runId}`} where id = (select thread_id from runs where id = ${run.runId})`;
  await it.sql`update runs set seq = 1 where id = ${run.runId}`;
  const answerOf = async () => {
    await it.sql`delete from channel_turns`;
    await activities().postReply(run);
    return JSON.stringify(it.slack.messages(it.slack.channels.general).at(-1)?.['blocks']);
  };
  expect(await answerOf()).not.toContain(' asked: ');
  await it.sql`update runs set seq = 2 where id = ${run.runId}`;
  await it.sql`delete from slack_posts where key = ${`reply:${run.runId}`}`;
  expect(await answerOf()).toContain(' asked: ');
});

test('R5 the App Home of whoever asked shows that what was stopped has ended', async () => {
  const run = { ...(await left()), outcome: 'stopped' as const };
  await it.sql`update runs set stop_requested_at = now() where id = ${run.runId}`;
  const ana = { orgId: run.orgId, tenant: it.slack.teamId, externalId: it.slack.users.ana.id };
  const home = () => JSON.stringify(it.slack.home('ana'));
  await it.chat.homes.publish({ ...ana, isOpened: true });
  expect(home()).toContain('Stopping: ');
  await activities().finishRun(run);
  await until('the home says so', async () => home().includes('Stopped: '));
});
