import { afterAll, beforeAll, expect, test } from 'vitest';
import { note, startSpeaking, type Speaking } from '#test/setup/slack-speaking.ts';

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
