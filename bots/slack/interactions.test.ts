import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { homeView } from '#activities/chat/render/slack/index.ts';
import { addCard, readApproval } from '#db/approvals.ts';
import { approvals, attachments, messages, runs, threads } from '#db/schema/index.ts';
import { viewOf } from '#db/views/index.ts';
import { readable, type Message } from '#test/fakes/slack/index.ts';
import { until } from '#test/setup/until.ts';
import { addAsked, INVOICE } from '#test/web/asked.ts';
import { inOrg } from '#test/web/world.ts';
import { openOffice, type Office } from './office.fixture.ts';

let it: Office;
beforeAll(async () => {
  it = await openOffice();
});
afterAll(() => it.close());
const as = (name: 'ana' | 'bo' | 'mia' | 'vic' | 'zoe') => it.slack.as(name);

const asked = async (text: string) =>
  (
    await inOrg(it.world, it.orgId, ({ tx }) =>
      tx
        .select({
          id: messages.id,
          by: messages.memberId,
          channel: threads.channel,
          thread: threads.thread,
          isDirect: threads.isDirect,
        })
        .from(runs)
        .innerJoin(messages, eq(messages.id, runs.messageId))
        .innerJoin(threads, eq(threads.id, runs.threadId))
        .where(eq(messages.text, text)),
    )
  )[0];

test('the shortcut asks for a request, and what is asked goes on in direct messages', async () => {
  await as('mia').shortcut('abet_ask');
  const modal = await it.modal('mia', 'ask');
  const empty = await as('mia').submit(modal, { request: '  ' });
  expect(empty.body).toMatchObject({ response_action: 'errors', errors: { request: 'Say what you want.' } });
  expect((await as('mia').submit(modal, { request: 'What is left to pay?' })).body).toBeFalsy();
  expect(await asked('What is left to pay?')).toMatchObject({
    by: it.members.mia.memberId,
    channel: it.slack.users.mia.id,
    thread: expect.stringMatching(/^new:/),
    isDirect: true,
  });
});

test('T1 the shortcut on a message asks about it in its thread, with the message as a quote', async () => {
  const ts = await as('bo').say('general', 'Pay <@U0SOMEBODY> 4200 EUR & forget it');
  await as('mia').shortcut('abet_ask_message', { message: it.slack.message('general', ts) ?? {} });
  const modal = await it.modal('mia', 'ask_about');
  expect(readable(modal)).toContain('4200 EUR & forget it');
  expect(modal['private_metadata']).not.toContain('4200');
  expect((await as('mia').submit(modal, { request: 'Put this into the ERP' })).body).toBeFalsy();
  const found = await asked('Put this into the ERP');
  expect(found).toMatchObject({ channel: it.slack.channels.general, thread: ts, isDirect: false });
  const quotes = await inOrg(it.world, it.orgId, ({ tx }) =>
    tx
      .select()
      .from(attachments)
      .where(eq(attachments.messageId, found?.id ?? '')),
  );
  expect(quotes).toMatchObject([
    { kind: 'quote', sourceId: ts, text: expect.stringContaining('4200 EUR & forget it') },
  ]);
});

test('D3 what is asked about a message between a few people stays between them', async () => {
  const ts = await as('bo').say('general', 'For the three of us');
  await as('mia').shortcut('abet_ask_message', {
    message: it.slack.message('general', ts) ?? {},
    tamper: (payload) => (payload['channel'] = { id: 'C0GROUPDM', name: 'mpdm-mia--bo--ana-1' }),
  });
  await as('mia').submit(await it.modal('mia', 'ask_about'), { request: 'Sum up the three of us' });
  expect(await asked('Sum up the three of us')).toMatchObject({ channel: 'C0GROUPDM', isDirect: true });
});

test('a shortcut’s window whose message is gone, or is none of ours, asks nothing', async () => {
  const ts = await as('bo').say('general', 'Something');
  await as('mia').shortcut('abet_ask_message', { message: it.slack.message('general', ts) ?? {} });
  const modal = await it.modal('mia', 'ask_about');
  const meta = JSON.parse(modal['private_metadata']);
  for (const wrong of ['{}', JSON.stringify({ ...meta, quoteId: '01990000-0000-7000-8000-000000000000' })]) {
    const sent = await as('mia').submit(
      modal,
      { request: 'Ask about nothing' },
      { tamper: (payload) => (payload['view'].private_metadata = wrong) },
    );
    expect(JSON.stringify(sent.body)).toContain('out of date');
  }
  expect(await asked('Ask about nothing')).toBeUndefined();
});

test('who may not ask is told so, in the window or beside it', async () => {
  await as('zoe').shortcut('abet_ask');
  expect(readable(await it.modal('zoe', 'notice'))).toContain('/abet connect');
  await as('vic').shortcut('abet_ask');
  await as('vic').submit(await it.modal('vic', 'ask'), { request: 'Let me' });
  expect(readable(await it.modal('vic', 'notice'))).toContain('only lets you read');
});

test('App Home: a click there decides on that copy, and one made up for another person’s does not', async () => {
  const rows = await addAsked(it.world, it.members.mia, it.erp);
  const view = await inOrg(it.world, it.orgId, async (org) => {
    const approval = await readApproval(org, rows.approvalId);
    if (!approval) throw new Error('no approval');
    return viewOf(org, approval);
  });
  const bo = it.slack.users.bo.id;
  const home = homeView({
    publicUrl: it.world.deps.config.publicUrl,
    memberName: 'Bo',
    approvals: [view],
    runs: [],
    connections: [],
    isLinked: true,
  });
  for (const user_id of [bo, it.slack.users.ana.id]) await it.web.views.publish({ user_id, view: home });
  const { payloadSha256 } = view;
  const at = { platform: 'slack', tenant: it.slack.teamId, channel: `home:${bo}`, thread: '' } as const;
  await inOrg(it.world, it.orgId, (org) =>
    addCard(org, { approvalId: view.id, ...at, message: view.id, payloadSha256, shows: 'pending' }),
  );
  const read = async () =>
    (await inOrg(it.world, it.orgId, ({ tx }) => tx.select().from(approvals).where(eq(approvals.id, view.id))))[0];
  await as('ana').click(it.slack.home('ana') ?? {}, 'Approve');
  expect(readable(await it.modal('ana', 'notice'))).toContain('Decide on the original');
  expect((await read())?.status).toBe('pending');
  await as('bo').click(it.slack.home('bo') ?? {}, 'Approve');
  await until('it is approved', async () => (await read())?.status === 'approved');
});

test('A1 a card that is cut in App Home is not approved there, although the thread’s shows all of it', async () => {
  const rows = await addAsked(it.world, it.members.mia, it.erp, { args: { ...INVOICE, note: 'y'.repeat(900) } });
  const card = await it.postCard(rows.approvalId);
  const at = { platform: 'slack', tenant: it.slack.teamId, thread: '' } as const;
  await inOrg(it.world, it.orgId, (org) =>
    addCard(org, {
      approvalId: rows.approvalId,
      ...at,
      channel: `home:${it.slack.users.bo.id}`,
      message: rows.approvalId,
      payloadSha256: rows.payloadSha256,
      shows: 'pending',
    }),
  );
  await as('bo').click(card, 'Approve', {
    tamper: (payload) => {
      payload['view'] = { type: 'home' };
      payload['container'] = { type: 'view' };
    },
  });
  expect(await it.told('bo', 'full view first')).toBeTruthy();
  await as('bo').click(card, 'Approve');
  await until('it is approved', async () => {
    const [row] = await inOrg(it.world, it.orgId, ({ tx }) =>
      tx.select().from(approvals).where(eq(approvals.id, rows.approvalId)),
    );
    return row?.status === 'approved';
  });
});

test('what nobody listens to is acknowledged, and does nothing', async () => {
  const said = it.slack.calls().length;
  const button = { type: 'button', text: { type: 'plain_text', text: 'Press' } };
  const message = await it.post(it.slack.channels.general, [
    { text: 'x', blocks: [{ type: 'actions', elements: [{ ...button, action_id: 'info' }] }] as never },
  ]);
  const before = it.slack.calls().length;
  const answers = [
    await as('mia').click(message, 'Press'),
    ...(await Promise.all(
      ['panel', 'constructor:x', 'approve', 'toString:1', ''].map((action_id) =>
        as('mia').click(message, 'Press', { tamper: (payload) => (payload['actions'][0].action_id = action_id) }),
      ),
    )),
    await as('mia').click(message, 'Press', { tamper: (payload) => (payload['actions'] = []) }),
    await as('mia').shortcut('something_else'),
    await as('mia').shortcut('something_else', { message }),
  ];
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect(Math.max(...answers.map(({ tookMs }) => tookMs))).toBeLessThan(3000);
  await it.slack.quiet();
  expect(
    it.slack
      .calls()
      .slice(before)
      .map(({ method }) => method),
  ).toEqual([]);
  expect(said).toBeLessThan(before);
});

test('a modal of somebody else’s making, a closed one and a menu without options are acknowledged', async () => {
  const trigger = await as('mia').shortcut('something_else');
  await it.web.views.open({
    trigger_id: trigger.triggerId,
    view: {
      type: 'modal',
      callback_id: 'constructor',
      notify_on_close: true,
      title: { type: 'plain_text', text: 'Other' },
      submit: { type: 'plain_text', text: 'Send' },
      blocks: [{ type: 'section', text: { type: 'plain_text', text: 'Nothing' } }],
    },
  });
  const modal = await it.modal('mia', 'constructor');
  const sent = await as('mia').submit(modal);
  expect([sent.status, sent.body || null]).toEqual([200, null]);
  expect((await as('mia').close(modal))?.status).toBe(200);
  const suggestion = await as('mia').shortcut('x', { tamper: (payload) => (payload['type'] = 'block_suggestion') });
  expect([suggestion.status, suggestion.body]).toEqual([200, { options: [] }]);
});

test('A7 what is private stays so when Slack’s own way for it fails: first beside the message, then nowhere', async () => {
  const rows = await addAsked(it.world, it.members.mia, it.erp);
  const card = await it.postCard(rows.approvalId);
  const before = it.slack.messages('general').length;
  const own = (text: string) => it.slack.ephemerals('mia').filter((one: Message) => readable(one).includes(text));
  const had = own('You asked for this').length;
  await as('mia').click(card, 'Approve', {
    tamper: (payload) => (payload['response_url'] = `${it.slack.url}/actions/T/1/gone`),
  });
  const [told] = await until('it is told beside the message', async () => {
    const found = own('You asked for this').slice(had);
    return found.length > 0 ? found : undefined;
  });
  expect(told).toMatchObject({ via: 'api', thread_ts: card['thread_ts'] });
  expect(it.slack.messages('general')).toHaveLength(before);
});
