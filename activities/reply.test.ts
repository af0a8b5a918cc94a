import { afterAll, beforeAll, expect, test } from 'vitest';
import { addRows } from '#test/web/rows.ts';
import { until } from '#test/setup/until.ts';
import { failureOf, startSpeaking, type Speaking } from '#test/setup/slack-speaking.ts';
import { createProgress } from './progress.ts';
import { createReplyActivities } from './reply.ts';

let it: Speaking;
beforeAll(async () => {
  it = await startSpeaking();
});
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
