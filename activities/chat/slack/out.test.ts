import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Outgoing, PlatformApi } from '#core/chat.ts';
import { PlatformFailure } from '#core/errors.ts';
import { newId } from '#core/ids.ts';
import { addRows } from '#test/web/rows.ts';
import { mentions } from '#test/fakes/slack/index.ts';
import { until } from '#test/setup/until.ts';
import { failureOf, note, PANEL, startSpeaking, type Speaking } from '#test/setup/slack-speaking.ts';

let it: Speaking;
beforeAll(async () => {
  it = await startSpeaking();
});
beforeEach(() => it.sql`delete from channel_turns`);
afterEach(() => {
  it.slack.clearFaults();
  it.logged.length = 0;
});
afterAll(() => it.stop());

const aKey = () => `reply:${newId()}`;
const edit = (at: Awaited<ReturnType<Speaking['post']>>, message: Outgoing) => it.chat.edit(it.ana.orgId, at, message);
const updates = (ts: string) => it.slack.calls('chat.update').filter(({ args }) => args['ts'] === ts);

test('an edit does not wait for the channel: it goes before what is posted', async () => {
  const to = await it.addThread(it.slack.channels.quiet);
  const at = await it.post(to, note(aKey()));
  await it.sql`update channel_turns set next_at = now() + interval '1 hour'`;
  expect((await failureOf(it.post(to, note(aKey())))).nextRetryDelay).toBeGreaterThan(60_000);
  await edit(at, note('x', 'It says this now.'));
  expect(it.slack.message(at.channel, at.message)?.['text']).toContain('It says this now.');
});

test('an edit that changes nothing is not sent, and keeps the metadata when it is', async () => {
  const [to, key] = [await it.addThread(it.slack.channels.general), aKey()];
  const at = await it.post(to, note(key));
  await edit(at, note(key));
  expect(updates(at.message)).toHaveLength(0);
  await edit(at, note(key, 'New.'));
  await edit(at, note(key, 'New.'));
  expect(updates(at.message)).toMatchObject([{ args: { metadata: { event_payload: { key, part: 0 } } } }]);
});

test.each(['message_not_found', 'cant_update_message', 'is_archived', 'not_installed'])(
  'an edit of what is not there any more (%s) is done, with a warning',
  async (code) => {
    const at = await it.post(await it.addThread(it.slack.channels.general), note(aKey()));
    it.slack.fault('chat.update', `error ${code}`);
    await edit(at, note('x', 'New.'));
    expect(it.logged.filter(({ level }) => level === 40)).toMatchObject([{ code }]);
  },
);

test('an edit whose blocks Slack does not take shows plain words, however many of them have to be escaped', async () => {
  const at = await it.post(await it.addThread(it.slack.channels.general), note(aKey()));
  it.slack.fault('chat.update', 'error invalid_blocks');
  await edit(at, { ...note('x', 'New.'), fallback: '<&>'.repeat(1_000) });
  const { text, blocks } = it.slack.message(at.channel, at.message) ?? {};
  expect(text).toMatch(/^(&lt;&amp;&gt;)+/);
  expect(text.length).toBeLessThanOrEqual(4_000);
  expect(blocks).toEqual([]);
  expect(it.slack.violations()).toEqual([]);
});

test('an edit waits a short limit out, and leaves a long one to later', async () => {
  const at = await it.post(await it.addThread(it.slack.channels.general), note(aKey()));
  it.slack.limit('chat.update', { retryAfterS: 1 });
  await edit(at, note('x', 'New.'));
  expect(it.slack.message(at.channel, at.message)?.['text']).toContain('New.');
  it.slack.limit('chat.update', { retryAfterS: 30 });
  expect(await failureOf(edit(at, note('x', 'Newer.')))).toMatchObject({ nextRetryDelay: 30_000 });
});

test('where it may not speak any more, it answers whoever asked in a direct message, once', async () => {
  const to = await it.addThread(it.slack.channels.away, { thread: '1700000000.000100' });
  const rows = await addRows(it.world, it.ana);
  const message: Outgoing = { ...note(aKey(), 'Here it is.'), subject: { kind: 'run', id: rows.runId } };
  const at = await it.post(to, message);
  expect(await it.post(to, message)).toEqual(at);
  const direct = it.slack.messages(at.channel);
  expect(direct).toHaveLength(1);
  expect(JSON.stringify(direct[0]?.['blocks'])).toMatch(/cannot write in the thread.*Here it is/);
  expect(direct[0]?.['user']).toBe(it.slack.botUserId);
});

test('with nobody to tell there either, it says what to do, and is not tried again', async () => {
  const bo = await it.join('member');
  const to = await it.addThread(it.slack.channels.away, { thread: '1700000000.000200' });
  await it.sql`update threads set created_by = ${bo.memberId} where id = ${to.id}`;
  expect(await failureOf(it.post(to, note(aKey())))).toMatchObject({
    name: 'UserError',
    message: expect.stringContaining('Invite it to the channel'),
  });
});

test('a place that does not exist yet begins with who asked for what; then the thread is there', async () => {
  const to = await it.addThread(it.slack.channels.general, {
    thread: `new:${newId()}`,
    text: 'post <!channel> & INV-77',
  });
  const at = await it.post(to, note(aKey()));
  const [row] = await it.sql`select channel, thread, is_direct from threads where id = ${to.id}`;
  expect(row).toEqual({ channel: to.channel, thread: at.thread, is_direct: false });
  const shown = it.slack.thread(to.channel, at.thread);
  expect(shown.map(({ ts }) => ts)).toEqual([at.thread, at.message]);
  expect(JSON.stringify(shown[0]?.['blocks'])).toContain('INV-77');
  expect(mentions(shown[0] ?? {})).toEqual([]);
  // Somebody who read the place before it moved still finds it.
  const late = await it.post(to, note(aKey(), 'Later.'));
  expect(late.thread).toBe(at.thread);
  expect(it.slack.thread(to.channel, at.thread)).toHaveLength(3);
});

test('two that speak first at once begin one thread', async () => {
  const to = await it.addThread(it.slack.channels.quiet, { thread: `new:${newId()}` });
  const both = await Promise.all([aKey(), aKey()].map((key) => until('it is said', () => it.post(to, note(key)))));
  expect(new Set(both.map(({ thread }) => thread)).size).toBe(1);
  expect(it.slack.thread(to.channel, both[0]?.thread ?? '')).toHaveLength(3);
});

test.each(['a channel without the bot', 'a person'])(
  'a thread that begins in %s begins in a direct message',
  async (where) => {
    const channel = where === 'a person' ? it.slack.users.ana.id : it.slack.channels.away;
    const to = await it.addThread(channel, { thread: `new:${newId()}` });
    const at = await it.post(to, note(aKey()));
    expect(at.channel).toMatch(/^D/);
    const [row] = await it.sql`select channel, thread, is_direct from threads where id = ${to.id}`;
    expect(row).toEqual({ channel: at.channel, thread: at.thread, is_direct: true });
  },
);

test('a place that somebody else was heard in first is spoken in all the same', async () => {
  const to = await it.addThread(it.slack.channels.general, { thread: `new:${newId()}` });
  // Under the new root somebody writes, and is heard, before the row is moved.
  const slack: PlatformApi = {
    call: async (at, method, args) => {
      const answer = await it.api.call(at, method, args);
      if (method === 'chat.postMessage' && !args['thread_ts'])
        await it.addThread(to.channel, { thread: String(answer['ts']) });
      return answer;
    },
  };
  const chat = it.chatOn(it.world.deps.db, slack);
  const at = await chat.post(it.ana.orgId, to, note(aKey()));
  const again = await chat.post(it.ana.orgId, to, note(aKey()));
  expect(again.thread).toBe(at.thread);
  expect(it.slack.thread(to.channel, at.thread)).toHaveLength(3);
});

const huge = (key: string): Outgoing => note(key, 'word '.repeat(30_000));

test('what is too long for messages comes as a file, once, also when the answer to its share was lost', async () => {
  const [to, key] = [await it.addThread(it.slack.channels.general), aKey()];
  it.slack.fault('files.completeUploadExternal', 'reset after');
  const say = () => it.post(to, huge(key));
  let lost = 0;
  await until('all is said', async () => {
    await it.sql`delete from channel_turns`;
    return say().catch((error: unknown) => {
      lost += 1;
      throw error;
    });
  });
  expect(lost).toBeGreaterThan(0);
  await say();
  const files = it.said(to).flatMap(({ files }) => files ?? []);
  expect(files.map(({ name }) => name)).toEqual([expect.stringMatching(/^answer-[0-9a-f]{8}\.md$/)]);
  expect(it.slack.calls('files.completeUploadExternal')).toHaveLength(1);
  const rows = await it.posts(key);
  expect(rows.every(({ state }) => state === 'posted')).toBe(true);
});

test('a file that Slack does not take is a line that says where to read it, once, and somebody is alerted', async () => {
  const [to, key, runId] = [await it.addThread(it.slack.channels.general), aKey(), newId()];
  it.slack.fault('files.getUploadURLExternal', 'error missing_scope', 3);
  const message: Outgoing = { ...huge(key), subject: { kind: 'run', id: runId } };
  const failing = it.slack.fault('chat.postMessage', 'reset after', 1, ({ blocks }) => blocks === undefined);
  await until('all is said', async () => {
    await it.sql`delete from channel_turns`;
    return it.post(to, message);
  });
  expect(failing.left()).toBe(0);
  const last = it.said(to).filter(({ text }) => String(text).startsWith('The whole answer'));
  expect(last).toMatchObject([{ text: `The whole answer\n${PANEL}/runs/${runId}` }]);
  expect(it.logged.find(({ alert }) => alert)?.msg).toBe('Slack refused our file; plain text went out');
});

test('nobody is asked to take a message who cannot: somebody deactivated is a clear refusal', async () => {
  it.slack.change('cleo', { deleted: true });
  const to = { platform: 'slack' as const, tenant: it.slack.teamId, channel: it.slack.users.cleo.id, thread: '' };
  expect(await failureOf(it.post(to, note(aKey())))).toMatchObject({ name: 'UserError' });
});

test('while the connection to Slack is away, a direct message is not opened, and it is tried again', async () => {
  const slack: PlatformApi = {
    call: async () => {
      throw new PlatformFailure('limited', 'ratelimited', { retryAfterMs: 4_000 });
    },
  };
  const to = { platform: 'slack' as const, tenant: it.slack.teamId, channel: it.slack.users.bob.id, thread: '' };
  const chat = it.chatOn(it.world.deps.db, slack);
  expect(await failureOf(chat.post(it.ana.orgId, to, note(aKey())))).toMatchObject({ nextRetryDelay: 4_000 });
});
