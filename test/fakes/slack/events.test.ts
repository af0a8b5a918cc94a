import { createHmac } from 'node:crypto';
import { afterAll, expect, test } from 'vitest';
import { until } from '#test/setup/until.ts';
import { clientOf, startApp } from './client.ts';
import { startSlack } from './index.ts';

const app = await startApp();
const slack = await startSlack({
  team: { id: 'T0EVENTS001', name: 'Events' },
  users: { ana: { isAdmin: true }, bob: {}, sam: { isStranger: true, teamId: 'T0OTHER0001' } },
  channels: {
    general: {},
    shared: { members: ['ana', 'sam'], isExtShared: true },
    away: { bot: false },
    few: { group: true, members: ['ana', 'bob'] },
  },
  deliverTo: app.url,
  redeliverAfterMs: [5, 5],
});
afterAll(async () => {
  await slack.stop();
  await app.stop();
});
const ana = slack.as('ana');

async function heard<T>(act: () => Promise<T> | T) {
  const before = app.received.length;
  const result = await act();
  await slack.quiet();
  return { result, came: app.received.slice(before) };
}

test('a mention in a channel arrives as message and as app_mention, both signed and complete', async () => {
  const { result: ts, came } = await heard(() =>
    ana.say('general', '@bot mail bob@example.com & see https://a.test/?x=1'),
  );
  expect(came.map(({ body }) => body['event'].type)).toEqual(['message', 'app_mention']);
  const [first, second] = came;
  if (!first || !second) throw new Error('both must come');
  const { 'x-slack-request-timestamp': at, 'x-slack-signature': signature } = first.headers;
  const mine = createHmac('sha256', slack.signingSecret)
    .update(`v0:${String(at)}:${first.raw}`)
    .digest('hex');
  expect(signature).toBe(`v0=${mine}`);
  expect(first.body).toMatchObject({
    team_id: 'T0EVENTS001',
    context_team_id: 'T0EVENTS001',
    api_app_id: slack.appId,
    authorizations: [{ team_id: 'T0EVENTS001', user_id: slack.botUserId, is_bot: true }],
    event: {
      ts,
      channel: slack.channels.general,
      channel_type: 'channel',
      user: slack.users.ana.id,
      team: 'T0EVENTS001',
    },
  });
  expect(first.body['event'].text).toBe(
    `<@${slack.botUserId}> mail <mailto:bob@example.com|bob@example.com> &amp; see <https://a.test/?x=1>`,
  );
  expect(first.body['event'].client_msg_id).toMatch(/^[0-9a-f-]{36}$/);
  expect(second.body['event']).toMatchObject({ type: 'app_mention', ts });
  expect(second.body['event']).not.toHaveProperty('channel_type');
  expect(second.body['event_id']).not.toBe(first.body['event_id']);
});

test('a direct message is one event, and what is said where the bot is not is none', async () => {
  const { came } = await heard(() => ana.dm('@bot hello'));
  expect(came.map(({ body }) => [body['event'].type, body['event'].channel_type])).toEqual([['message', 'im']]);
  const away = await heard(() => ana.say('away', '@bot hello'));
  expect(away.came).toEqual([]);
});

test('edits, deletions, broadcasts, joins and the bot’s own posts have the subtypes of Slack', async () => {
  const { result: root } = await heard(() => ana.say('general', 'root'));
  const subtypes = async (act: () => unknown) =>
    (await heard(act)).came.map(({ body }) => body['event'].subtype ?? body['event'].type);
  expect(await subtypes(() => ana.edit('general', root, 'root 2'))).toEqual(['message_changed']);
  expect(await subtypes(() => ana.say('general', 'also', { threadTs: root, broadcast: true }))).toEqual([
    'thread_broadcast',
  ]);
  expect(await subtypes(() => ana.remove('general', root))).toEqual(['message_deleted']);
  expect(await subtypes(() => ana.invite('away'))).toEqual(['channel_join', 'member_joined_channel']);
  const own = await heard(() => clientOf(slack).chat.postMessage({ channel: slack.channels.general, text: 'mine' }));
  expect(own.came.map(({ body }) => body['event'])).toMatchObject([
    { user: slack.botUserId, bot_id: slack.options.botId },
  ]);
});

test('a stranger of a shared channel comes under their own team, the authorization under ours', async () => {
  const { came } = await heard(() => slack.as('sam').say('shared', '@bot do it'));
  expect(came[0]?.body).toMatchObject({
    team_id: 'T0OTHER0001',
    is_ext_shared_channel: true,
    authorizations: [{ team_id: 'T0EVENTS001' }],
    event: { user_team: 'T0OTHER0001', source_team: 'T0OTHER0001' },
  });
});

test('a group conversation looks like a channel in its app_mention; conversations.info tells, with the scope for it', async () => {
  const { came } = await heard(() => ana.say('few', '@bot hi'));
  expect(came.map(({ body }) => [body['event'].type, body['event'].channel_type])).toEqual([
    ['message', 'mpim'],
    ['app_mention', undefined],
  ]);
  const web = clientOf(slack);
  const info = async (channel: string) => (await web.conversations.info({ channel })).channel;
  expect(slack.channels.few).toMatch(/^C/);
  expect(await info(slack.channels.few)).toMatchObject({ is_mpim: true, is_im: false, is_private: true });
  expect(await info(slack.channels.general)).toMatchObject({ is_mpim: false, is_im: false, is_private: false });
  const all = slack.scopes();
  slack.setScopes(all.filter((scope) => scope !== 'mpim:read'));
  await expect(info(slack.channels.few)).rejects.toThrow('missing_scope');
  expect(await info(slack.channels.general)).toMatchObject({ is_mpim: false });
  slack.setScopes(all);
});

test('an event that is not acknowledged comes again with the same id and the retry headers', async () => {
  app.answer(({ headers }) => ({ status: headers['x-slack-retry-num'] === '2' ? 200 : 500 }));
  const before = app.received.length;
  await ana.dm('again');
  await until('three deliveries', async () => app.received.length - before === 3, 2000);
  app.answer(() => ({}));
  const came = app.received.slice(before);
  expect(new Set(came.map(({ body }) => body['event_id'])).size).toBe(1);
  expect(came.map(({ headers }) => [headers['x-slack-retry-num'], headers['x-slack-retry-reason']])).toEqual([
    [undefined, undefined],
    ['1', 'http_error'],
    ['2', 'http_error'],
  ]);
});

test('held events wait, and go out in order', async () => {
  const held = slack.hold();
  await heard(() => ana.dm('one'));
  await ana.dm('two');
  expect(held.envelopes).toHaveLength(2);
  const { came } = await heard(() => held.release());
  expect(came.map(({ body }) => body['event'].text)).toEqual(expect.arrayContaining(['one', 'two']));
});

test('uninstalling tells both events and ends every token', async () => {
  const gone = await startSlack({ deliverTo: app.url });
  const { came } = await heard(async () => {
    gone.uninstall();
    await gone.quiet();
  });
  expect(came.map(({ body }) => body['event'].type)).toEqual(['tokens_revoked', 'app_uninstalled']);
  await expect(clientOf(gone).auth.test()).rejects.toThrow('account_inactive');
  await gone.stop();
});
