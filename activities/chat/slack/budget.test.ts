import { afterAll, beforeAll, expect, test } from 'vitest';
import { asyncLocalStorage, type Context } from '@temporalio/activity';
import { failureOf, note, startSpeaking, type Speaking } from '#test/setup/slack-speaking.ts';
import { later } from './budget.ts';

let it: Speaking;
beforeAll(async () => {
  // As strict as Slack says it is.
  it = await startSpeaking({ strictRate: { perSecond: 1, burst: 3 } });
});
afterAll(() => it.stop());

test('a channel takes three messages at once, then one a second, whoever posts; Slack never has to refuse one', async () => {
  const other = it.elsewhere();
  const to = await it.addThread(it.slack.channels.busy);
  // The first calls of a process take longer: they fetch the token.
  for (const { post } of [it.chat, other.chat])
    await post(it.ana.orgId, { ...to, channel: it.slack.users.ana.id, thread: '' }, note('reply:warm'));
  const began = performance.now();
  const posting = Array.from({ length: 7 }, (_, at) =>
    (at % 2 ? other.chat : it.chat).post(it.ana.orgId, to, note(`reply:busy-${at}`)).then(
      () => 'said',
      (error: { nextRetryDelay?: number }) => error.nextRetryDelay ?? error,
    ),
  );
  const ended = await Promise.all(posting);
  expect(performance.now() - began).toBeGreaterThan(1_500);
  const waits = ended.filter((one) => one !== 'said').map(Number);
  expect(ended.length - waits.length).toBe(5);
  // Further away than it waits for itself: left to Temporal.
  expect(waits.every((ms) => ms > 500 && ms < 5_000)).toBe(true);
  expect(it.slack.throttled()).toEqual([]);
  await other.close();
});

/** As if it were so manieth a try of a step. */
const atTry = <T>(attempt: number, fn: () => T): T =>
  asyncLocalStorage.run({ info: { attempt } } as unknown as Context, fn);

test('the tries of a step last for minutes, however short the waits that are asked for', () => {
  const waits = Array.from({ length: 30 }, (_, at) => Number(atTry(at + 1, () => later('busy', 1_000)).nextRetryDelay));
  expect(waits.slice(0, 5)).toEqual([1_000, 1_000, 1_000, 1_000, 1_000]);
  expect(waits.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(300_000);
  expect(Math.max(...waits)).toBeLessThanOrEqual(60_000);
  // What Slack asks for is never shortened.
  expect(atTry(9, () => later('limited', 300_000)).nextRetryDelay).toBe(300_000);
});

test('a message that is not in Slack after many tries is an alert, once in ten tries', async () => {
  const to = await it.addThread(it.slack.channels.quiet);
  const alerts = () => it.logged.filter(({ alert }) => alert);
  it.slack.limit('chat.postMessage', { times: 2, retryAfterS: 1 });
  await failureOf(atTry(9, () => it.post(to, note('reply:lost'))));
  expect(alerts()).toEqual([]);
  await it.sql`delete from channel_turns`;
  await failureOf(atTry(10, () => it.post(to, note('reply:lost'))));
  expect(alerts()).toMatchObject([{ msg: 'a message is still not in Slack', tries: 10, key: 'reply:lost' }]);
});
