import { expect, test } from 'vitest';
import { filesOf, judge, ownKeyOf, quotesOf, zMessage } from './said.ts';

const bot = { userId: 'UBOT', botId: 'BBOT' };
const said = (change: object) =>
  zMessage.parse({
    type: 'message',
    user: 'U1',
    ts: '1.1',
    channel: 'C1',
    channel_type: 'channel',
    text: 'hi',
    ...change,
  });

test.each([
  ['a message in a channel', {}, 'overheard'],
  ['one that begins a thread', { thread_ts: '1.1' }, 'overheard'],
  ['one in a thread', { thread_ts: '1.0' }, 'follow_up'],
  ['one in a thread that calls somebody else', { thread_ts: '1.0', text: '<@U2> you?' }, 'overheard'],
  ['one in a thread that calls a group', { thread_ts: '1.0', text: '<!subteam^S1> you?' }, 'overheard'],
  ['one in a thread that names somebody in the middle', { thread_ts: '1.0', text: 'tell <@U2>' }, 'follow_up'],
  ['one that mentions the bot', { text: 'ask <@UBOT>' }, 'addressed'],
  ['one in a group conversation', { channel: 'G1', channel_type: 'mpim' }, 'overheard'],
  [
    'one in a group conversation that mentions the bot',
    { channel: 'G1', channel_type: 'mpim', text: '<@UBOT>' },
    'addressed',
  ],
  ['a direct one', { channel: 'D1', channel_type: 'im' }, 'addressed'],
  ['a direct one that does not say so', { channel: 'D1', channel_type: undefined }, 'addressed'],
  ['a direct one under the app’s home', { channel: 'D1', channel_type: 'app_home' }, 'addressed'],
  ['a mention', { type: 'app_mention', channel_type: undefined }, 'addressed'],
  ['a broadcast reply that does not say so', { text: '<@UBOT>', thread_ts: '1.0', root: { ts: '1.0' } }, 'ignored'],
  ['a reply’s news of its root that does not say so', { text: '<@UBOT>', message: { thread_ts: '1.1' } }, 'ignored'],
  ['a change that does not say so', { text: '<@UBOT>', previous_message: { ts: '1.0' } }, 'ignored'],
  ['a deletion that does not say so', { text: '<@UBOT>', deleted_ts: '1.0' }, 'ignored'],
  ['what Slack announces', { user: 'USLACK', channel: 'D1', channel_type: 'im' }, 'ignored'],
  ['what Slack’s own bot says', { user: 'USLACKBOT', channel: 'D1', channel_type: 'im' }, 'ignored'],
  ['one without a place', { channel: undefined }, 'ignored'],
  ['one with a broken time', { ts: 'yesterday' }, 'ignored'],
])('%s: %o is %s', (_, change, kind) => {
  expect(judge(said(change), bot).kind).toBe(kind);
});

test('I2 a message’s key is its place; what happened to it afterwards has another', () => {
  expect(ownKeyOf(said({}))).toBe('C1:1.1');
  expect(ownKeyOf(said({ type: 'app_mention' }))).toBe('C1:1.1');
  expect(ownKeyOf(said({ subtype: 'file_share' }))).toBe('C1:1.1');
  for (const change of [
    { subtype: 'message_changed' },
    { subtype: 'message_deleted' },
    { hidden: true },
    { edited: {} },
    { message: { ts: '1.1' } },
    { previous_message: { ts: '1.1' } },
    { deleted_ts: '1.1' },
  ])
    expect(ownKeyOf(said(change))).toBeUndefined();
});

test('files that were deleted are left out; broken ones hurt nobody', () => {
  const files = [
    { id: 'F1', name: 'a.pdf', mimetype: 'application/pdf', size: 3, url_private: 'u', url_private_download: 'd' },
    { id: 'F2', mode: 'tombstone' },
    { id: 'F3', title: 'Untitled' },
    { name: 'no id' },
    null,
    'x',
  ];
  expect(filesOf(said({ files }))).toEqual([
    { id: 'F1', name: 'a.pdf', mimeType: 'application/pdf', size: 3, url: 'd' },
    { id: 'F3', name: 'Untitled', mimeType: '', size: 0, url: '' },
  ]);
});

test('only forwarded messages are quotes, not the previews of links', () => {
  const attachments = [
    { is_msg_unfurl: true, channel_id: 'C1', ts: '1.1', author_id: 'U9', text: 'hello' },
    { is_share: true, text: ' ' },
    { title: 'A page', text: 'a preview' },
    7,
  ];
  expect(quotesOf(said({ attachments }))).toEqual([{ id: 'C1:1.1', from: 'U9', text: 'hello' }]);
});
