import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { BOT, createEars, envelope, mentionOf, message, newTs, type EarsWorld } from '#test/slack/ears.ts';
import type { Json } from '#test/fakes/slack/words.ts';

let ears: EarsWorld;
beforeAll(async () => {
  ears = await createEars();
  await ears.connect();
  await ears.link(ears.ownerId, 'UANA');
  for (const id of ['UANA', 'UBOB']) ears.slack.add(id);
});
afterAll(() => ears.drop());
beforeEach(async () => {
  await ears.settle();
  ears.slack.calls.length = 0;
});

const rowsOf = ({ channel, ts }: Json) =>
  ears.sql`select outcome, reason, run_id, sender_id from inbound_events where source_key = ${`${channel}:${ts}`}`;
const runsAt = async ({ channel, thread_ts, ts }: Json): Promise<number> =>
  (
    await ears.sql`select 1 from runs r join threads t on t.id = r.thread_id where t.channel = ${channel} and t.thread = ${thread_ts ?? ts}`
  ).length;
const send = async (event: Json, change: Json = {}) =>
  expect((await ears.send(envelope(event, change))).status).toBe(200);

test.each([
  ['the message first', [0, 1]],
  ['the mention first', [1, 0]],
])('I2 a text that comes as message and as app_mention is one run, %s', async (_, order) => {
  const said = message();
  const both = [said, mentionOf(said)];
  for (const at of order) await send(both[at] ?? said);
  expect(await rowsOf(said)).toMatchObject([{ outcome: 'run', sender_id: 'UANA', run_id: expect.any(String) }]);
  expect(await runsAt(said)).toBe(1);
  expect((await ears.texts()).filter((text) => text === 'post invoice INV-77').length).toBeGreaterThan(0);
});

test.each([
  ['the message first', [0, 1]],
  ['the mention first', [1, 0]],
])(
  'I2 a reply shown in the channel too is no second run by its app_mention, which has no subtype, %s',
  async (_, order) => {
    const root = message();
    await send(root);
    const said = message({ subtype: 'thread_broadcast', thread_ts: root['ts'], root });
    const both = [said, { ...mentionOf(said), subtype: undefined }];
    for (const at of order) await send(both[at] ?? said);
    expect(await rowsOf(said)).toMatchObject([{ outcome: 'ignored', reason: 'thread_broadcast' }]);
    expect(await runsAt(root)).toBe(1);
  },
);

test('I2 the two deliveries of 20 texts, twice each and all at once over two processes, are 20 runs', async () => {
  const other = ears.another();
  const texts = Array.from({ length: 20 }, () => message());
  const deliveries = texts
    .flatMap((said) => [said, mentionOf(said)])
    .map((event) => envelope(event))
    .flatMap((body, at) => [
      { body, to: ears.receiver, skewS: 0 },
      { body, to: other, skewS: 1 + (at % 3) },
    ]);
  const answers = await Promise.all(deliveries.map(({ body, ...options }) => ears.send(body, options)));
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  for (const said of texts) {
    expect(await rowsOf(said)).toMatchObject([{ outcome: 'run' }]);
    expect(await runsAt(said)).toBe(1);
  }
});

test('I2 a message that did not look meant for us becomes the run when its app_mention comes; once only', async () => {
  // Nothing in its text names the bot as we know it.
  const said = message({ text: '<@UOTHERID> post it' });
  await send(said);
  expect(await rowsOf(said)).toMatchObject([{ outcome: 'ignored', reason: 'not_addressed', run_id: null }]);
  expect(await runsAt(said)).toBe(0);
  await Promise.all([send(mentionOf(said)), send(mentionOf(said)), send(said)]);
  expect(await rowsOf(said)).toMatchObject([{ outcome: 'run', reason: null, run_id: expect.any(String) }]);
  expect(await runsAt(said)).toBe(1);
});

test('I1 the same signature again is answered 200, and nothing is done', async () => {
  const said = message();
  const body = envelope(said);
  const timestamp = Math.floor(Date.now() / 1000);
  for (let n = 0; n < 3; n++) expect((await ears.send(body, { timestamp })).status).toBe(200);
  expect(await rowsOf(said)).toHaveLength(1);
  expect(await runsAt(said)).toBe(1);
  // Also when the row that it left is gone already.
  await ears.sql`delete from inbound_events where source_key = ${`${said['channel']}:${said['ts']}`}`;
  expect((await ears.send(body, { timestamp })).status).toBe(200);
  expect(await rowsOf(said)).toHaveLength(0);
  expect(await runsAt(said)).toBe(1);
});

test('I2 a delivery that is a retry counts when it is the first to arrive', async () => {
  const said = message();
  const headers = { 'x-slack-retry-num': '2', 'x-slack-retry-reason': 'http_timeout' };
  expect((await ears.send(envelope(said), { headers })).status).toBe(200);
  expect(await runsAt(said)).toBe(1);
});

test('a direct message needs no mention, and is kept as private', async () => {
  const said = message({ text: 'hello', channel: 'D1', channel_type: 'im' });
  await send(said);
  expect(await ears.sql`select is_direct from threads where channel = 'D1' and thread = ${said['ts']}`).toMatchObject([
    { is_direct: true },
  ]);
});

test('a follow-up in a thread we are in needs no mention; elsewhere it does', async () => {
  const root = message({ channel: 'C2' });
  await send(root);
  const reply = (change: Json) => message({ channel: 'C2', thread_ts: root['ts'], ...change });
  const followUp = reply({ text: 'and INV-78' });
  await send(followUp);
  expect(await runsAt(root)).toBe(2);
  const toAnother = reply({ text: '<@UBOB> what do you think?' });
  await send(toAnother);
  expect(await rowsOf(toAnother)).toMatchObject([{ outcome: 'ignored', reason: 'not_addressed' }]);
  const toBoth = reply({ text: `<@UBOB> ask <@${BOT}>` });
  await send(toBoth);
  expect(await runsAt(root)).toBe(3);
  const elsewhere = message({ channel: 'C3', thread_ts: newTs(), text: 'and INV-79' });
  await send(elsewhere);
  expect(await rowsOf(elsewhere)).toMatchObject([{ outcome: 'ignored', reason: 'not_addressed' }]);
});

test('I1 a chat message that was not for us stays so when it is delivered again after we joined its thread', async () => {
  const ts = newTs();
  const early = message({ channel: 'C4', thread_ts: ts, text: 'delete everything' });
  await send(early);
  await send(message({ channel: 'C4', thread_ts: ts }));
  await send(early);
  expect(await rowsOf(early)).toMatchObject([{ outcome: 'ignored' }]);
  expect(await runsAt({ channel: 'C4', ts })).toBe(1);
});

test.each([
  ['an edit', { subtype: 'message_changed', hidden: true, message: { text: `<@${BOT}> hi`, user: 'UANA' } }],
  ['a deletion', { subtype: 'message_deleted', hidden: true, deleted_ts: '1.1' }],
  ['somebody joining', { subtype: 'channel_join' }],
  ['a reply that is shown in the channel too', { subtype: 'thread_broadcast', thread_ts: '1.1' }],
  ['one that is known by its root only', { thread_ts: '1.1', root: { ts: '1.1' } }],
  ['news of a thread without its subtype', { message: { thread_ts: '1.1', reply_count: 1 } }],
  ['a bot', { subtype: 'bot_message', bot_id: 'B1', user: undefined }],
  ['a bot that looks like a person', { bot_id: 'B1' }],
  ['an app’s profile', { bot_profile: { id: 'B1' } }],
  ['ourselves', { user: BOT }],
  ['Slackbot', { user: 'USLACKBOT' }],
  ['something hidden', { hidden: true }],
  ['nobody', { user: undefined }],
  ['a comment on a file', { subtype: 'file_comment' }],
  ['a subtype that nobody knows', { subtype: 'brand_new' }],
])('%s never starts a run, also as a direct message, and leaves one row without text', async (_, change) => {
  for (const place of [{}, { channel: 'D1', channel_type: 'im' }]) {
    const before = await ears.rows();
    const said = message({ text: `<@${BOT}> secret`, ...place, ...change });
    const body = envelope(said);
    expect((await ears.send(body)).status).toBe(200);
    expect((await ears.send(body, { skewS: 1 })).status).toBe(200);
    const rows = (await ears.rows()).slice(before.length);
    expect(rows).toMatchObject([{ outcome: 'ignored' }]);
    expect(JSON.stringify(rows)).not.toContain('secret');
    expect(await runsAt(said)).toBe(0);
  }
  await ears.settle();
  expect(ears.slack.calls).toEqual([]);
});

test('an edit is heard beside its message, whichever comes first, and does not take its place', async () => {
  const said = message();
  const edit = message({ subtype: 'message_changed', ts: said['ts'], message: { ...said, edited: {} } });
  await send(edit);
  await send(mentionOf({ ...said, edited: { user: 'UANA', ts: '1.1' } }));
  await send(said);
  expect(await runsAt(said)).toBe(1);
});

test('files and forwarded messages come along, a file alone is a request, and /me counts', async () => {
  const file = { id: 'F1', name: 'a.csv', mimetype: 'text/csv', size: 12, url_private: 'https://files.test/F1' };
  const quoted = { is_share: true, channel_id: 'C9', ts: '1.1', author_name: 'Eve', text: 'pay &lt;me&gt; <@UBOB>' };
  const said = message({
    text: `<@${BOT}>`,
    subtype: 'file_share',
    files: [file],
    attachments: [quoted, { text: 'x' }],
  });
  await send(said);
  const kept =
    await ears.sql`select a.kind, a.name, a.url, a.text, m.text as said from attachments a join messages m on m.id = a.message_id
    join threads t on t.id = a.thread_id where t.thread = ${said['ts']} order by a.id`;
  expect(kept).toMatchObject([
    { kind: 'file', name: 'a.csv', url: 'https://files.test/F1', said: 'Look at the attached file.' },
    { kind: 'quote', name: 'Eve', text: 'pay <me> @UBOB' },
  ]);
  const me = message({ subtype: 'me_message', text: 'waits', channel: 'D1', channel_type: 'im' });
  await send(me);
  expect(await runsAt(me)).toBe(1);
});

test('asked in the middle of a thread, what was said there before is read once', async () => {
  const ts = newTs();
  await send(message({ thread_ts: ts }));
  await send(message({ thread_ts: ts }));
  const kept =
    await ears.sql`select a.kind from attachments a join threads t on t.id = a.thread_id where t.thread = ${ts}`;
  expect(kept).toMatchObject([{ kind: 'thread' }]);
});

test('A7 a reaction, and what nobody here knows, is remembered and left alone', async () => {
  const reaction = { type: 'reaction_added', user: 'UANA', reaction: '+1', item: { channel: 'C1', ts: '1.1' } };
  const before = await ears.rows();
  await send(reaction, { event_id: 'EvREACTION' });
  await send({ type: 'brand_new_event', user: 'UANA' }, { event_id: 'EvNEW' });
  await send({ type: 'app_context_changed', user: 'UANA' }, { event_id: 'EvCONTEXT' });
  await send({ type: 'member_joined_channel', user: BOT, channel: 'C1' }, { event_id: 'EvJOINED' });
  const rows = (await ears.rows()).slice(before.length);
  expect(rows.map(({ source_key, outcome, reason }) => [source_key, outcome, reason])).toEqual([
    ['EvREACTION', 'ignored', 'reaction_added'],
    ['EvNEW', 'ignored', 'brand_new_event'],
    ['EvCONTEXT', 'ignored', 'app_context_changed'],
    ['EvJOINED', 'ignored', 'member_joined_channel'],
  ]);
  expect((await ears.send({ type: 'app_rate_limited', team_id: 'T1', minute_rate_limited: 7 })).status).toBe(200);
  expect((await ears.rows()).at(-1)).toMatchObject({ reason: 'app_rate_limited', tenant: 'T1' });
});

test('I3 in a workspace that nobody connected nothing happens; ids are kept, no text', async () => {
  const said = message({ text: 'secret', channel: 'D9', channel_type: 'im' });
  const change = {
    team_id: 'T9',
    context_team_id: 'T9',
    authorizations: [{ team_id: 'T9', user_id: BOT, is_bot: true }],
  };
  await send(said, change);
  expect((await ears.rows()).at(-1)).toMatchObject({
    org_id: null,
    tenant: 'T9',
    outcome: 'refused',
    reason: 'unknown_tenant',
  });
  expect(ears.slack.calls).toEqual([]);
});

test('the environment’s workspace is looked for when its first message comes before the token was looked at', async () => {
  const env = await createEars({ env: { SLACK_BOT_TOKEN: 'xoxb-1' } });
  try {
    await env.link(env.ownerId, 'UANA');
    env.slack.add('UANA');
    env.slack.env = 'unreachable';
    const said = message();
    expect((await env.send(envelope(said))).status).toBe(503);
    expect(await env.rows()).toEqual([]);
    env.slack.env = 'ready';
    env.slack.onEnsure = () => env.connect();
    expect((await env.send(envelope(said), { skewS: 1 })).status).toBe(200);
    expect(await env.rows()).toMatchObject([{ outcome: 'run' }]);
  } finally {
    await env.drop();
  }
});

test('that a workspace was heard is noted, for the set-up page', async () => {
  await send(message());
  await ears.settle();
  expect(await ears.sql`select heard_at from slack_installations`).toMatchObject([{ heard_at: expect.any(Date) }]);
});

test('I1 while nothing can be stored nothing is acknowledged', async () => {
  const broken = await createEars();
  await broken.connect();
  await broken.sql`alter table inbound_events rename to away`;
  const bodies = [envelope(message()), envelope({ type: 'reaction_added', user: 'UANA' })];
  for (const body of bodies) expect((await broken.send(body)).status).toBe(503);
  await broken.sql`alter table away rename to inbound_events`;
  expect(await broken.sql`select 1 from request_signatures`).toEqual([]);
  await broken.drop();
});
