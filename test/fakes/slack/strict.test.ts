import { afterAll, expect, test } from 'vitest';
import { clientOf, outcome } from './client.ts';
import { judgeBlocks, judgeView, startSlack, type Json } from './index.ts';

const slack = await startSlack({
  channels: { general: {}, away: { bot: false }, secret: { private: true, bot: false } },
});
afterAll(() => slack.stop());
const web = clientOf(slack);
const { general } = slack.channels;
const post = (more: Json) => outcome(web.chat.postMessage({ channel: general, text: 'x', ...more }));
const section = (text: string, more: Json = {}) => ({ type: 'section', text: { type: 'mrkdwn', text }, ...more });
const button = (more: Json = {}) => ({
  type: 'actions',
  elements: [{ type: 'button', action_id: 'go', text: { type: 'plain_text', text: 'Go' }, ...more }],
});

test('only known, living tokens are let in', async () => {
  expect(await outcome(clientOf(slack, 'xoxb-wrong').auth.test())).toBe('invalid_auth');
  slack.breakToken('token_revoked');
  expect(await outcome(web.auth.test())).toBe('token_revoked');
  slack.breakToken('ok');
  const answer = await web.auth.test();
  expect(answer).toMatchObject({ team_id: slack.teamId, user_id: slack.botUserId });
  expect(answer.response_metadata?.scopes).toContain('chat:write');
});

test('a scope that was not granted is named', async () => {
  const all = slack.scopes();
  slack.setScopes(all.filter((scope) => scope !== 'users:read.email'));
  const refused = web.users.lookupByEmail({ email: 'ana@example.com' });
  await expect(refused).rejects.toMatchObject({ data: { error: 'missing_scope', needed: 'users:read.email' } });
  slack.setScopes(all);
  expect((await web.users.lookupByEmail({ email: 'ana@example.com' })).user?.id).toBe(slack.users.ana.id);
});

test('a bot writes only where it is, and unknown methods do not exist', async () => {
  expect(await post({ channel: slack.channels.away })).toBe('not_in_channel');
  expect(await post({ channel: slack.channels.secret })).toBe('channel_not_found');
  expect(await outcome(web.apiCall('chat.shout'))).toBe('unknown_method');
});

test('an edit may have a tenth of the text that a post may have', async () => {
  const { ts = '' } = await web.chat.postMessage({ channel: general, text: 'x'.repeat(4_001) });
  const edit = (length: number) => outcome(web.chat.update({ channel: general, ts, text: 'x'.repeat(length) }));
  expect([await edit(4_001), await edit(4_000)]).toEqual(['msg_too_long', 'ok']);
});

test.each<[string, Json[], string]>([
  ['51 blocks', Array.from({ length: 51 }, () => ({ type: 'divider' })), 'invalid_blocks'],
  ['a section of 3001 characters', [section('x'.repeat(3001))], 'invalid_blocks'],
  ['an unknown type', [{ type: 'nonsense' }], 'invalid_blocks'],
  ['an unknown property', [section('x', { colour: 'red' })], 'invalid_blocks'],
  ['a header of 151', [{ type: 'header', text: { type: 'plain_text', text: 'x'.repeat(151) } }], 'invalid_blocks'],
  ['a long button', [button({ text: { type: 'plain_text', text: 'x'.repeat(76) } })], 'invalid_blocks'],
  ['a long value', [button({ value: 'x'.repeat(2001) })], 'invalid_blocks'],
  ['a long url', [button({ url: `https://a.test/${'x'.repeat(3000)}` })], 'invalid_blocks'],
  ['a long action id', [button({ action_id: 'x'.repeat(256) })], 'invalid_blocks'],
  ['the same block id twice', [section('x', { block_id: 'a' }), section('y', { block_id: 'a' })], 'invalid_blocks'],
  ['markdown over 12,000 in all', [1, 2].map(() => ({ type: 'markdown', text: 'x'.repeat(6001) })), 'invalid_blocks'],
  ['more than 13,200 characters', Array.from({ length: 5 }, () => section('x'.repeat(2900))), 'msg_blocks_too_long'],
  [
    '11 fields',
    [{ type: 'section', fields: Array.from({ length: 11 }, () => ({ type: 'mrkdwn', text: 'x' })) }],
    'invalid_blocks',
  ],
  ['a button in a context', [{ type: 'context', elements: button().elements }], 'invalid_blocks'],
  ['a button in context_actions', [{ type: 'context_actions', elements: button().elements }], 'invalid_blocks'],
  [
    'an input inside actions',
    [{ type: 'actions', elements: [{ type: 'plain_text_input', action_id: 'x' }] }],
    'invalid_blocks',
  ],
  ['a rich text of nothing', [rich([])], 'invalid_blocks'],
  ['an empty text in rich text', [rich([{ type: 'text', text: '' }])], 'invalid_blocks'],
  ['a style that does not exist', [rich([{ type: 'text', text: 'x', style: { loud: true } }])], 'invalid_blocks'],
  [
    'a date inside code',
    [rich([{ type: 'date', timestamp: 1, format: '{date}' }], 'rich_text_preformatted')],
    'invalid_blocks',
  ],
  [
    'a list inside a list',
    [rich([{ type: 'rich_text_list', style: 'bullet', elements: [] }], 'rich_text_list')],
    'invalid_blocks',
  ],
  ['a table of 101 rows', [table(101, 2)], 'invalid_blocks'],
  ['a table of 21 columns', [table(2, 21)], 'invalid_blocks'],
  ['two tables', [table(2, 2), table(2, 2)], 'only_one_table_allowed'],
])('%s is refused, and recorded', async (_what, blocks, error) => {
  const before = slack.violations().length;
  expect(await post({ blocks })).toBe(error);
  expect(slack.violations().slice(before)).toMatchObject([{ method: 'chat.postMessage', error }]);
});

function rich(elements: Json[], type = 'rich_text_section'): Json {
  return {
    type: 'rich_text',
    elements: [{ type, elements, ...(type === 'rich_text_list' ? { style: 'bullet' } : {}) }],
  };
}

function table(rows: number, columns: number): Json {
  const row = Array.from({ length: columns }, () => ({ type: 'raw_text', text: 'x' }));
  return { type: 'table', rows: Array.from({ length: rows }, () => row) };
}

test('what is within the limits is taken, with ids for every block and action', async () => {
  const { ts } = await web.chat.postMessage({
    channel: general,
    text: 'fallback',
    blocks: [
      section('x'.repeat(3000)),
      { type: 'actions', elements: [{ type: 'button', text: { type: 'plain_text', text: 'Go' } }] },
      { type: 'markdown', text: '**bold**' },
      table(3, 2),
      {
        type: 'context_actions',
        elements: [
          {
            type: 'feedback_buttons',
            action_id: 'feedback',
            positive_button: { text: { type: 'plain_text', text: 'Good' }, value: 'up' },
            negative_button: { text: { type: 'plain_text', text: 'Bad' }, value: 'down' },
          },
        ],
      },
    ] as never,
  });
  const kept = slack.message('general', String(ts));
  expect(kept?.['blocks'].every((block: Json) => block['block_id'])).toBe(true);
  expect(kept?.['blocks'][1].elements[0].action_id).toBeTruthy();
});

test('blocks without a text and mentions of everybody are noted', async () => {
  const before = slack.violations().length;
  expect(await post({ text: undefined, blocks: [section('<!channel> hi')] })).toBe('ok');
  expect(slack.violations().slice(before)).toMatchObject([{ error: 'accepted_but' }, { error: 'accepted_but' }]);
});

test('a modal has its own limits', () => {
  const modal = { type: 'modal', title: { type: 'plain_text', text: 'T' }, blocks: [] };
  expect(judgeView(modal)).toBeNull();
  const faults = [
    { ...modal, title: { type: 'plain_text', text: 'x'.repeat(25) } },
    { ...modal, private_metadata: 'x'.repeat(3001) },
    { ...modal, blocks: Array.from({ length: 101 }, () => ({ type: 'divider' })) },
    { ...modal, blocks: [{ type: 'markdown', text: 'x' }] },
    {
      ...modal,
      blocks: [{ type: 'input', label: { type: 'plain_text', text: 'L' }, element: { type: 'plain_text_input' } }],
    },
  ];
  for (const fault of faults) expect(judgeView(fault)?.error).toBe('invalid_arguments');
  expect(judgeBlocks([])).toBeNull();
});

test('metadata comes back when it is asked for, and a look-up by time finds what was posted since', async () => {
  const { ts: root } = await web.chat.postMessage({ channel: general, text: 'root' });
  const since = (Date.now() / 1000).toFixed(6);
  const metadata = { event_type: 'abw_effect', event_payload: { effect: 'e-1' } };
  await web.chat.postMessage({ channel: general, thread_ts: String(root), text: 'reply', metadata });
  const asked = { channel: general, ts: String(root), oldest: since, limit: 10 };
  const without = await web.conversations.replies(asked);
  expect(without.messages?.map(({ text }) => text)).toEqual(['root', 'reply']);
  expect(without.messages?.[1]).not.toHaveProperty('metadata');
  const withAll = await web.conversations.replies({ ...asked, include_all_metadata: true });
  expect(withAll.messages?.[1]).toMatchObject({ metadata, thread_ts: root, parent_user_id: slack.botUserId });
});

test('a rate limit, a lost answer and a hanging one are what was ordered', async () => {
  slack.limit('chat.postMessage', { times: 1, retryAfterS: 7 });
  await expect(web.chat.postMessage({ channel: general, text: 'x' })).rejects.toMatchObject({ retryAfter: 7 });
  const count = () => slack.messages('general').filter(({ text }) => text === 'once').length;
  slack.fault('chat.postMessage', 'reset before');
  expect(await post({ text: 'once' })).toBe('slack_webapi_request_error');
  expect(count()).toBe(0);
  slack.fault('chat.postMessage', 'reset after');
  expect(await post({ text: 'once' })).toBe('slack_webapi_request_error');
  expect(count()).toBe(1);
  const hang = slack.fault('chat.postMessage', 'hang');
  const waiting = post({ text: 'late' });
  await expect.poll(() => slack.hanging()).toBe(1);
  hang.release();
  expect(await waiting).toBe('ok');
  slack.fault('auth.test', 'status 500');
  expect(await outcome(web.auth.test())).toBe('slack_webapi_http_error');
  expect(slack.calls('auth.test').at(-1)?.answer).toBe('500');
});

test('with the strict rate, a second message within the second is refused and recorded', async () => {
  const strict = await startSlack({ strictRate: { burst: 1 } });
  const client = clientOf(strict);
  const say = () => outcome(client.chat.postMessage({ channel: strict.channels.general, text: 'x' }));
  expect([await say(), await say()]).toEqual(['ok', 'slack_webapi_rate_limited_error']);
  expect(strict.throttled()).toHaveLength(1);
  await strict.stop();
});

test('a file is downloaded with the token and is a login page without it', async () => {
  const file = slack.addFile({ name: 'notes.csv', mime: 'text/csv', bytes: 'a,b\n1,2\n' });
  const url: string = file['url_private_download'];
  const good = await fetch(url, { headers: { authorization: `Bearer ${slack.token()}` } });
  expect([good.headers.get('content-type'), await good.text()]).toEqual(['text/csv', 'a,b\n1,2\n']);
  const bad = await fetch(url);
  expect([bad.url.startsWith(`${slack.url}/?redir=`), bad.headers.get('content-type')]).toEqual([
    true,
    'text/html; charset=utf-8',
  ]);
  expect((await web.files.info({ file: file['id'] })).file?.name).toBe('notes.csv');
});

test('the app’s own uploads arrive in the thread', async () => {
  const root = await slack.as('ana').say('general', 'a long table please');
  await web.filesUploadV2({
    channel_id: general,
    thread_ts: root,
    filename: 'table.csv',
    content: 'x,y',
    initial_comment: 'here',
  });
  expect(slack.uploads()).toMatchObject([
    { name: 'table.csv', bytes: Buffer.from('x,y'), channels: [general], threadTs: root },
  ]);
  expect(slack.thread('general', root).at(-1)?.['files'][0].url_private).toContain(slack.url);
});
