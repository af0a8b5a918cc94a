import { afterAll, beforeAll, expect, test } from 'vitest';
import { mentions, readable, type Message } from '#test/fakes/slack/index.ts';
import { invoicesOf } from '#test/setup/company.ts';
import { startSlackDesk, type SlackDesk } from '#test/setup/slack-desk.ts';
import { until } from '#test/setup/until.ts';

let it: SlackDesk;
beforeAll(async () => {
  it = await startSlackDesk();
});
afterAll(() => it?.stop());

const labels = (message: Message): string[] => readable(message).match(/\[[^\]]+\]/g) ?? [];
const becomes = (id: string, status: string) =>
  until(`it is ${status}`, async () => {
    const now = await it.statusOf(id);
    if (now !== status) throw new Error(`it is ${now}`);
    return true;
  });
const cardSays = (card: Message, words: string) =>
  until(`the card says ${words}`, async () => {
    const text = readable(it.now(card));
    if (!text.includes(words)) throw new Error(text);
    return text;
  });

test('A1 what does not fit its card is approved in the full view only, also when a click claims otherwise', async () => {
  const { ts, approvalId } = await it.proposeIn('INV-6');
  const first = (await it.ana.get(`/api/v1/approvals/${approvalId}`)).body;
  const number = `INV-6 ${'long '.repeat(500)}end`;
  const asked = await it.ana.post(`/api/v1/approvals/${approvalId}/edit`, {
    input: { ...first.payload.arguments, number },
    payloadSha256: first.payloadSha256,
  });
  expect(asked.status).toBe(200);
  const card = await it.hears('general', ts, /more characters/);
  expect(labels(card)).toEqual(['[Deny]', '[Edit]', '[View full payload]', '[Open in the panel]']);
  expect(readable(card)).toContain('Open the full view, then you can approve');
  await it.as('bo').click(card, 'View full payload', {
    tamper: (payload) => {
      payload['actions'][0].action_id = `approve:${asked.body.id}`;
      payload['actions'][0].value = `approve:${asked.body.id}`;
    },
  });
  await it.told('bo', 'Open the full view first');
  expect(await it.statusOf(asked.body.id)).toBe('pending');
  await it.as('bo').click(card, 'View full payload');
  const view = await it.modal('bo', 'view');
  expect(readable(view)).toContain('long end');
  expect(view['submit'].text).toBe('Approve');
  expect((await it.as('bo').submit(view)).body).toBeFalsy();
  await it.hears('general', ts, /Done: /);
  expect(invoicesOf(it.erp, 'long end')).toHaveLength(1);
});

test('what expired, was stopped or was changed is refused with a private sentence, and the card of a stopped request says so', async () => {
  const [late, over, other] = [await it.proposeIn('INV-7'), await it.proposeIn('INV-8'), await it.proposeIn('INV-9')];
  await it.sql`update approval_cards set payload_sha256 = 'other' where approval_id = ${other.approvalId}`;
  await it.as('bo').click(other.card, 'Approve');
  await it.told('bo', 'What would run');
  await it.as('ana').say('general', 'stop', { threadTs: over.ts });
  await cardSays(over.card, 'Cancelled');
  await it.as('bo').click(over.card, 'Approve');
  await it.told('bo', 'cancelled');
  await it.sql`update approvals set expires_at = now() - interval '1 second' where id = ${late.approvalId}`;
  await it.as('bo').click(late.card, 'Approve');
  await it.told('bo', 'expired');
  await cardSays(late.card, 'Expired');
  await it.hears('general', late.ts, /expired/i);
  expect([late, over].flatMap(({ card }) => labels(it.now(card)))).toEqual([]);
  expect(it.erp.invoices.filter(({ body }) => /INV-[789]/.test(body))).toEqual([]);
});

test('A7 words, reactions, forwarded cards and clicks from elsewhere never decide', async () => {
  const one = await it.proposeIn('INV-10');
  const two = await it.proposeIn('INV-11');
  await it.as('bo').say('general', 'approve', { threadTs: one.ts });
  await it.as('bo').say('general', `@bot approve ${one.approvalId}`, { threadTs: one.ts });
  await it.as('bo').say('general', ':+1:', { threadTs: one.ts });
  await it.as('bo').react('general', String(one.card['ts']), '+1');
  it.as('bo').forward(one.card, 'random');
  const forwarded = it.slack.messages('random').at(-1) ?? {};
  await it.as('bo').click({ ...one.card, channel: forwarded['channel'], ts: forwarded['ts'] }, 'Approve');
  await it.told('bo', 'not the card');
  const claims: ((payload: Message) => void)[] = [
    (payload) => (payload['container'].channel_id = it.slack.channels['random' as 'general']),
    (payload) => (payload['container'].message_ts = two.card['ts']),
    (payload) => (payload['actions'][0].action_id = `approve:${two.approvalId}`),
    (payload) => (payload['container'].thread_ts = two.ts) && (payload['container'].message_ts = two.card['ts']),
  ];
  const told = it.slack.ephemerals('bo').length;
  for (const tamper of claims) await it.as('bo').click(one.card, 'Approve', { tamper });
  await until('each is refused', async () => it.slack.ephemerals('bo').length === told + claims.length);
  await it.slack.quiet();
  for (const { approvalId } of [one, two]) expect(await it.statusOf(approvalId)).toBe('pending');
  expect(
    await it.sql`select 1 from approval_votes where approval_id in (${one.approvalId}, ${two.approvalId})`,
  ).toEqual([]);
  // The cards themselves still work.
  await it.as('bo').click(one.card, 'Approve');
  await becomes(one.approvalId, 'approved');
  await it.hears('general', one.ts, /Done: .*INV-10/);
});

test('Slack had nothing to complain about', () => {
  expect(it.slack.violations()).toEqual([]);
  expect(
    it.slack
      .messages('general')
      .filter((one) => one['user'] === it.slack.botUserId)
      .flatMap(mentions),
  ).toEqual([]);
});
