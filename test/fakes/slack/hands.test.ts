import { afterAll, beforeEach, expect, test } from 'vitest';
import { clientOf, outcome, startApp } from './client.ts';
import { startSlack, type Json } from './index.ts';

const app = await startApp();
const slack = await startSlack({ deliverTo: app.url, triggerMs: 150 });
afterAll(async () => {
  await slack.stop();
  await app.stop();
});
beforeEach(() => app.answer(() => ({})));
const web = clientOf(slack);
const ana = slack.as('ana');
const { general: channel } = slack.channels;
const card = [
  { type: 'section', block_id: 'what', text: { type: 'mrkdwn', text: 'Post *INV-77*?' } },
  {
    type: 'actions',
    block_id: 'choose',
    elements: [
      { type: 'button', action_id: 'approve', value: 'a-1', text: { type: 'plain_text', text: 'Approve' } },
      { type: 'button', action_id: 'deny', value: 'a-1', text: { type: 'plain_text', text: 'Deny' }, style: 'danger' },
    ],
  },
] as const;
const modal = (more: Json = {}) => ({
  type: 'modal' as const,
  callback_id: 'reason',
  title: { type: 'plain_text' as const, text: 'Why?' },
  submit: { type: 'plain_text' as const, text: 'Send' },
  private_metadata: 'a-1',
  blocks: [
    {
      type: 'input' as const,
      block_id: 'why',
      label: { type: 'plain_text' as const, text: 'Reason' },
      element: { type: 'plain_text_input' as const, action_id: 'text' },
    },
  ],
  ...more,
});

test('a click carries what Slack’s does, and its response_url is good five times', async () => {
  const thread_ts = await ana.say('general', 'go');
  await web.chat.postMessage({ channel, thread_ts, text: 'Post?', blocks: card as never });
  const message = slack.thread('general', thread_ts).at(-1) ?? {};
  app.answer(() => ({ body: { ok: 'taken' } }));
  const clicked = await ana.click(message, 'Approve');
  expect(clicked).toMatchObject({ status: 200, body: { ok: 'taken' } });
  const { body, headers } = app.received.at(-1) ?? {};
  expect(headers?.['content-type']).toBe('application/x-www-form-urlencoded');
  expect(body).toMatchObject({
    type: 'block_actions',
    user: { id: ana.id, team_id: slack.teamId },
    team: { id: slack.teamId },
    api_app_id: slack.appId,
    container: { type: 'message', message_ts: message['ts'], channel_id: channel, thread_ts, is_ephemeral: false },
    message: { ts: message['ts'], user: slack.botUserId, bot_id: slack.options.botId },
    actions: [{ type: 'button', action_id: 'approve', block_id: 'choose', value: 'a-1' }],
    state: { values: {} },
  });
  const answers = [];
  for (let use = 0; use < 6; use += 1)
    answers.push(
      (await fetch(body?.['response_url'], { method: 'POST', body: JSON.stringify({ text: `private ${use}` }) }))
        .status,
    );
  expect(answers).toEqual([200, 200, 200, 200, 200, 404]);
  expect(slack.ephemerals('ana')).toHaveLength(5);
  expect(slack.responses().at(-1)?.error).toBe('used_url');
});

test('a click on an only-for-you message carries no message', async () => {
  await web.chat.postEphemeral({ channel, user: ana.id, text: 'Only you', blocks: card as never });
  await ana.click(slack.ephemerals('ana').at(-1) ?? {}, 'deny');
  const { body } = app.received.at(-1) ?? {};
  expect(body).toMatchObject({ container: { is_ephemeral: true } });
  expect(body).not.toHaveProperty('message');
});

test('a trigger opens one modal, and only for a moment', async () => {
  const { triggerId } = await ana.shortcut('abet_new_workflow');
  expect(app.received.at(-1)?.body).toMatchObject({ type: 'shortcut', callback_id: 'abet_new_workflow' });
  const open = (trigger_id: string) => outcome(web.views.open({ trigger_id, view: modal() }));
  expect([await open(triggerId), await open(triggerId)]).toEqual(['ok', 'exchanged_trigger_id']);
  const { triggerId: late } = await ana.shortcut('abet_new_workflow');
  await new Promise((resolve) => setTimeout(resolve, 160));
  expect(await open(late)).toBe('expired_trigger_id');
});

test('a modal stays open with errors, changes with update, closes otherwise; a stale hash is refused', async () => {
  for (const open of ana.modals()) await ana.close(open);
  const { triggerId } = await ana.shortcut('abet_new_workflow');
  const opened = await web.views.open({ trigger_id: triggerId, view: modal({ notify_on_close: true }) });
  const view_id = String(opened.view?.id);
  const top = () => ana.modals().at(-1) ?? {};
  app.answer(() => ({ body: { response_action: 'errors', errors: { why: 'Say more' } } }));
  expect((await ana.submit(top(), { text: 'no' })).body).toMatchObject({ errors: { why: 'Say more' } });
  expect(app.received.at(-1)?.body).toMatchObject({
    type: 'view_submission',
    view: {
      id: view_id,
      callback_id: 'reason',
      private_metadata: 'a-1',
      state: { values: { why: { text: { value: 'no' } } } },
    },
  });
  const before = slack.violations().length;
  app.answer(() => ({ body: { response_action: 'errors', errors: { elsewhere: 'Say more' } } }));
  await ana.submit(top(), { text: 'no' });
  expect(slack.violations().slice(before)).toMatchObject([{ error: 'invalid_errors' }]);
  app.answer(() => ({ body: { response_action: 'update', view: modal({ callback_id: 'again' }) } }));
  await ana.submit(top(), { text: 'no' });
  expect(top()['callback_id']).toBe('again');
  const stale = web.views.update({ view_id, hash: String(opened.view?.hash), view: modal() });
  expect(await outcome(stale)).toBe('hash_conflict');
  app.answer(() => ({}));
  await ana.submit(top(), { text: 'because' });
  expect(ana.modals()).toEqual([]);
  expect(await outcome(web.views.update({ view_id, view: modal() }))).toBe('not_found');
});

test('App Home: opened, published, clicked', async () => {
  ana.openHome('home');
  await slack.quiet();
  expect(app.events().at(-1)).toMatchObject({
    type: 'app_home_opened',
    tab: 'home',
    user: ana.id,
    channel: ana.dmChannel(),
  });
  await web.views.publish({ user_id: ana.id, view: { type: 'home', blocks: card as never } });
  await ana.click(slack.home('ana') ?? {}, 'Approve');
  expect(app.received.at(-1)?.body).toMatchObject({ container: { type: 'view' }, view: { type: 'home' } });
});

test('a slash command is form fields with escaped mentions, and its answer is shown', async () => {
  app.answer(() => ({ body: { response_type: 'ephemeral', text: 'Working on it' } }));
  const { status } = await ana.command('/abet ask @bob to write to x@y.test', { channel: 'general' });
  expect(status).toBe(200);
  expect(app.received.at(-1)?.body).toMatchObject({
    command: '/abet',
    text: `ask <@${slack.users.bob.id}|bob> to write to x@y.test`,
    channel_id: channel,
    user_id: ana.id,
    is_enterprise_install: 'false',
  });
  expect(slack.ephemerals('ana').at(-1)).toMatchObject({ text: 'Working on it', via: 'ack', channel });
});

test('a message shortcut carries the message, a file comes with its message', async () => {
  const file = slack.addFile({ name: 'a.txt', bytes: 'hello' });
  const ts = await ana.say('general', '@bot read this', { files: [file] });
  await slack.quiet();
  const event = app.events().find((one) => one['ts'] === ts);
  expect(event).toMatchObject({
    subtype: 'file_share',
    files: [{ id: file['id'], url_private_download: file['url_private_download'] }],
  });
  await slack.as('bob').shortcut('abet_ask_message', { message: slack.message('general', ts) ?? {} });
  expect(app.received.at(-1)?.body).toMatchObject({
    type: 'message_action',
    message_ts: ts,
    message: { ts, user: ana.id },
  });
});

test('what a recorded payload speaks of can be planted, and then answered', async () => {
  const ts = '1767224901.701849';
  const event = {
    type: 'message',
    channel: 'C00FAKECHAN1',
    user: 'U00FAKEUSER1',
    ts,
    thread_ts: '1767224888.280449',
    text: 'Hi',
  };
  slack.plant({ event, type: 'event_callback' });
  const answer = web.chat.postMessage({ channel: 'C00FAKECHAN1', thread_ts: '1767224888.280449', text: 'Hello' });
  expect(await outcome(answer)).toBe('ok');
  expect(slack.thread('C00FAKECHAN1', '1767224888.280449').map(({ text }) => text)).toEqual(['', 'Hi', 'Hello']);
  expect((await web.users.info({ user: 'U00FAKEUSER1' })).user?.team_id).toBe(slack.teamId);
});
