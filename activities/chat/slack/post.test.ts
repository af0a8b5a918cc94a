import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { PlatformApi } from '#core/chat.ts';
import { PlatformFailure } from '#core/errors.ts';
import { newId } from '#core/ids.ts';
import { until } from '#test/setup/until.ts';
import { failureOf, note, startSpeaking, type Speaking } from '#test/setup/slack-speaking.ts';

let it: Speaking;
beforeAll(async () => {
  it = await startSpeaking();
});
afterEach(() => {
  it.slack.clearFaults();
  it.logged.length = 0;
});
afterAll(() => it.stop());

const aKey = () => `reply:${newId()}`;
const inThread = () => it.addThread(it.slack.channels.general);
const sentOf = (key: string) =>
  it.slack.calls('chat.postMessage').filter(({ args }) => args['metadata']?.event_payload?.key === key);
const ageSend = (key: string, seconds: number) =>
  it.sql`update slack_posts set sent_at = now() - make_interval(secs => ${seconds}) where key = ${key}`;
/** Lets the channel rest: these tests are not about its budget. */
const rest = () => it.sql`delete from channel_turns`;

test('a post is written down, with the time, before it is sent, and names its key in metadata that nobody sees', async () => {
  const [to, key] = [await inThread(), aKey()];
  const hold = it.slack.fault('chat.postMessage', 'hang');
  const posting = it.post(to, note(key));
  await until('it is being sent', async () => it.slack.hanging() > 0);
  expect(await it.posts(key)).toMatchObject([{ state: 'intended', attempts: 1, ts: null, thread: to.thread }]);
  hold.release();
  const at = await posting;
  expect(await it.posts(key)).toMatchObject([
    { state: 'posted', ts: at.message, channel: to.channel, lease_until: null },
  ]);
  const [sent] = sentOf(key);
  expect(sent?.args).toMatchObject({
    thread_ts: to.thread,
    metadata: { event_type: 'abetworks_post', event_payload: { key, part: 0 } },
    unfurl_links: false,
    unfurl_media: false,
  });
  expect(sent?.args).not.toHaveProperty('link_names');
  expect(sent?.args).not.toHaveProperty('parse');
});

test('the same key again gives the place of the first, and posts nothing', async () => {
  const [to, key] = [await inThread(), aKey()];
  const first = await it.post(to, note(key));
  expect(await it.post(to, note(key, 'Other words.'))).toEqual(first);
  expect(it.said(to)).toHaveLength(1);
});

test.each(['a thread', 'a direct message'])(
  'E5 in %s: a post whose answer was lost is found by its key, not repeated',
  async (where) => {
    await rest();
    const thread = await inThread();
    const to = where === 'a thread' ? thread : { ...thread, channel: it.slack.users.bob.id, thread: '' };
    const key = aKey();
    it.slack.fault('chat.postMessage', 'reset after');
    expect(await failureOf(it.post(to, note(key)))).toMatchObject({ nextRetryDelay: 3_000 });
    expect(await it.posts(key)).toMatchObject([{ state: 'intended', attempts: 1, lease_until: null }]);
    const at = await it.post(to, note(key));
    expect(sentOf(key)).toHaveLength(1);
    expect(it.slack.message(at.channel, at.message)?.['metadata']?.event_payload).toEqual({ key, part: 0 });
  },
);

test('E4 a process that died while it posted: the next waits its lease out, then finds what it said', async () => {
  const [to, key] = [await inThread(), aKey()];
  const hold = it.slack.fault('chat.postMessage', 'hang after');
  const dying = it.post(to, note(key)).catch(() => undefined);
  await until('it was posted', async () => it.said(to).length === 1);
  expect(await failureOf(it.post(to, note(key)))).toMatchObject({
    message: expect.stringContaining('being posted'),
    nextRetryDelay: 1_000,
  });
  await it.sql`update slack_posts set lease_until = now() - interval '1 second' where key = ${key}`;
  const at = await it.post(to, note(key));
  hold.release();
  await dying;
  expect(it.said(to).map(({ ts }) => ts)).toEqual([at.message]);
});

test('E5 while it cannot be looked up, nothing is repeated: it waits, as long as Slack says', async () => {
  const [to, key] = [await inThread(), aKey()];
  it.slack.fault('chat.postMessage', 'reset before');
  await failureOf(it.post(to, note(key)));
  await ageSend(key, 60);
  it.slack.fault('conversations.replies', 'status 500');
  expect(await failureOf(it.post(to, note(key)))).toMatchObject({ nextRetryDelay: 5_000 });
  it.slack.limit('conversations.replies', { retryAfterS: 9 });
  expect(await failureOf(it.post(to, note(key)))).toMatchObject({ nextRetryDelay: 9_000 });
  it.slack.fault('conversations.replies', 'error missing_scope');
  expect(await failureOf(it.post(to, note(key)))).toMatchObject({ nextRetryDelay: 5_000 });
  expect(sentOf(key)).toHaveLength(1);
  expect(it.said(to)).toHaveLength(0);
});

test('E5 "not found" counts only once the first send can no longer arrive; then it is repeated once', async () => {
  const [to, key] = [await inThread(), aKey()];
  it.slack.fault('chat.postMessage', 'reset before');
  await failureOf(it.post(to, note(key)));
  expect(await failureOf(it.post(to, note(key)))).toMatchObject({ nextRetryDelay: 3_000 });
  expect(sentOf(key)).toHaveLength(1);
  await ageSend(key, 21);
  await it.post(to, note(key));
  await it.post(to, note(key));
  expect(sentOf(key)).toHaveLength(2);
  expect(it.said(to)).toHaveLength(1);
  expect(await it.posts(key)).toMatchObject([{ state: 'posted', attempts: 2 }]);
});

test('the look-up reads on, page by page, and does not take half a thread for all of it', async () => {
  const [to, key] = [await inThread(), aKey()];
  let pages = 0;
  const slack: PlatformApi = {
    call: async (at, method, args) => {
      if (method !== 'conversations.replies') return it.api.call(at, method, args);
      pages += 1;
      const last = await it.api.call(at, method, {
        channel: args['channel'],
        ts: args['ts'],
        include_all_metadata: true,
      });
      return pages < 3 ? { messages: [], response_metadata: { next_cursor: `${pages}` } } : last;
    },
  };
  const chat = it.chatOn(it.world.deps.db, slack);
  it.slack.fault('chat.postMessage', 'reset after');
  await failureOf(chat.post(it.ana.orgId, to, note(key)));
  await chat.post(it.ana.orgId, to, note(key));
  expect([pages, sentOf(key).length]).toEqual([3, 1]);
});

test('what certainly did not go out is sent again at once, without a look', async () => {
  await rest();
  const [to, key] = [await inThread(), aKey()];
  let isAway = true;
  const slack: PlatformApi = {
    call: async (at, method, args) => {
      if (isAway && method === 'chat.postMessage') throw new PlatformFailure('not_sent', 'unreachable');
      return it.api.call(at, method, args);
    },
  };
  const chat = it.chatOn(it.world.deps.db, slack);
  expect(await failureOf(chat.post(it.ana.orgId, to, note(key)))).toMatchObject({
    name: 'PlatformFailure',
    kind: 'not_sent',
  });
  isAway = false;
  const looks = it.slack.calls('conversations.replies').length;
  await chat.post(it.ana.orgId, to, note(key));
  expect(it.slack.calls('conversations.replies')).toHaveLength(looks);
  expect(it.said(to)).toHaveLength(1);
});

test('two processes that post the same at once post it once', async () => {
  await rest();
  const others = [it.elsewhere(), it.elsewhere()];
  for (let round = 0; round < 3; round += 1) {
    await rest();
    const [to, key] = [await inThread(), aKey()];
    const trying = async (chat: Speaking['chat']) =>
      until('it is posted', () => chat.post(it.ana.orgId, to, note(key)));
    const at = await Promise.all([it.chat, ...others.map(({ chat }) => chat)].map(trying));
    expect(new Set(at.map(({ message }) => message)).size).toBe(1);
    expect(it.said(to)).toHaveLength(1);
  }
  for (const { close } of others) await close();
});

test('a 429 is left to Temporal, for as long as Slack says, and nobody else posts in the channel meanwhile', async () => {
  await rest();
  const [to, other] = [await it.addThread(it.slack.channels.busy), await it.addThread(it.slack.channels.busy)];
  it.slack.limit('chat.postMessage', { retryAfterS: 7 });
  const key = aKey();
  expect(await failureOf(it.post(to, note(key)))).toMatchObject({ name: 'ApplicationFailure', nextRetryDelay: 7_000 });
  const calls = it.slack.calls('chat.postMessage').length;
  const { nextRetryDelay = 0 } = await failureOf(it.post(other, note(aKey())));
  expect(nextRetryDelay).toBeGreaterThan(5_000);
  expect(it.slack.calls('chat.postMessage')).toHaveLength(calls);
  await rest();
  await it.post(to, note(key));
  expect(it.said(to)).toHaveLength(1);
});

test('what Slack refuses for good is said clearly and not tried for ever', async () => {
  await rest();
  const to = await inThread();
  it.slack.fault('chat.postMessage', 'error some_new_refusal');
  expect(await failureOf(it.post(to, note(aKey())))).toMatchObject({
    name: 'UserError',
    message: expect.stringContaining('some_new_refusal'),
  });
});

test('blocks that Slack does not take go out as plain text with a link, and somebody is alerted', async () => {
  await rest();
  const [to, key, runId] = [await inThread(), aKey(), newId()];
  it.slack.fault('chat.postMessage', 'error invalid_blocks');
  const text = 'Look at <!channel> & <https://evil.test|bank>';
  const at = await it.post(to, { ...note(key, text), subject: { kind: 'run', id: runId } });
  const shown = it.slack.message(at.channel, at.message);
  expect(shown?.['blocks']).toBeUndefined();
  expect(shown?.['text']).toContain(`http://panel.test/runs/${runId}`);
  expect(shown?.['text']).not.toMatch(/<!channel>|<https/);
  expect(it.logged.filter(({ alert }) => alert).map(({ msg }) => msg)).toEqual([
    'Slack refused our blocks; plain text went out',
  ]);
});

test('a long answer is several posts in order, and a repeat goes on where it stopped', async () => {
  await rest();
  const [to, key] = [await inThread(), aKey()];
  const long = note(
    key,
    Array.from({ length: 320 }, (_, line) => `Line ${line} of a long answer, with words.`).join('\n\n'),
  );
  it.slack.fault('chat.postMessage', 'hang').release();
  let sends = 0;
  const slack: PlatformApi = {
    call: async (at, method, args) => {
      if (method === 'chat.postMessage' && (sends += 1) === 2) throw new PlatformFailure('not_sent', 'unreachable');
      return it.api.call(at, method, args);
    },
  };
  const chat = it.chatOn(it.world.deps.db, slack);
  await failureOf(chat.post(it.ana.orgId, to, long));
  const at = await until('all is said', () => chat.post(it.ana.orgId, to, long));
  const posts = await it.posts(key);
  expect(posts.length).toBeGreaterThan(1);
  expect(it.said(to).map(({ ts }) => ts)).toEqual(posts.map(({ ts }) => ts));
  expect(at.message).toBe(posts[0]?.['ts']);
});

test('E5 a post is found although the clock of the database is minutes ahead of Slack’s', async () => {
  await rest();
  const [to, key] = [await inThread(), aKey()];
  it.slack.fault('chat.postMessage', 'reset after');
  await failureOf(it.post(to, note(key)));
  await it.sql`update slack_posts set intended_at = now() + interval '4 minutes', sent_at = now() - interval '1 minute' where key = ${key}`;
  await it.post(to, note(key));
  expect(it.said(to)).toHaveLength(1);
});
