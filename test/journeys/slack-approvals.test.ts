import { afterAll, beforeAll, expect, test } from 'vitest';
import { mentions, readable, type Message } from '#test/fakes/slack/index.ts';
import { invoicesOf } from '#test/setup/company.ts';
import { startSlackDesk, type Name, type SlackDesk } from '#test/setup/slack-desk.ts';
import { until } from '#test/setup/until.ts';

let it: SlackDesk;
beforeAll(async () => {
  it = await startSlackDesk();
});
afterAll(() => it?.stop());

const labels = (message: Message): string[] => readable(message).match(/\[[^\]]+\]/g) ?? [];
const cardSays = (card: Message, words: string) =>
  until(`the card says ${words}`, async () => {
    const text = readable(it.now(card));
    if (!text.includes(words)) throw new Error(text);
    return text;
  });

test('the card shows exactly what would run, for whom, why, at what risk, until when, and where it is in the panel', async () => {
  const { card, approvalId } = await it.proposeIn('INV-1');
  const text = readable(card);
  for (const words of [
    'Approval needed: ',
    'INV-1',
    '4200',
    'EUR',
    'POST',
    `${it.erp.url}/invoices`,
    'Asked by',
    'Why it waits',
    'Risk',
    'Changes something outside',
    'Expires',
    'sha256 ',
  ])
    expect(text).toContain(words);
  expect(labels(card)).toEqual(['[Approve]', '[Deny]', '[Edit]', '[View full payload]', '[Open in the panel]']);
  expect(JSON.stringify(card['blocks'])).toMatch(new RegExp(`"url":"[^"]*/approvals/${approvalId}"`));
  expect(mentions(card)).toEqual([]);
});

test('A3 A7 who may not is refused privately: the requester, a viewer, a guest, an account of nobody; the card and the channel stay as they are', async () => {
  const { card, approvalId } = await it.proposeIn('INV-2');
  const before = it.slack.messages('general').length;
  const why: [Name, string][] = [
    ['ana', 'You asked for this'],
    ['mia', 'Your role (member)'],
    ['vic', 'Your role (viewer)'],
    ['gus', 'Guests cannot'],
    ['zoe', '/abet connect'],
  ];
  for (const [name, words] of why) {
    expect((await it.as(name).click(card, 'Approve')).status).toBe(200);
    expect(await it.told(name, words)).toMatchObject({ via: 'response_url', thread_ts: card['thread_ts'] });
  }
  expect(it.slack.responses().filter(({ error }) => error)).toEqual([]);
  expect(it.slack.messages('general')).toHaveLength(before);
  expect(readable(it.now(card))).toBe(readable(card));
  expect(await it.statusOf(approvalId)).toBe('pending');
});

test('A2 two people at once, and twice each: one decision, one invoice, and the others are told who was first', async () => {
  const { ts, card, approvalId } = await it.proposeIn('INV-3');
  const clicks = await Promise.all(
    (['bo', 'cy', 'bo', 'cy'] as const).map((name) => it.as(name).click(card, 'Approve')),
  );
  expect(clicks.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  await it.hears('general', ts, /Done: .*INV-3/);
  await until('three were told', async () => {
    const told = [...it.slack.ephemerals('bo'), ...it.slack.ephemerals('cy')].map(readable);
    return told.filter((text) => /(Bo|Cy) already approved this/.test(text)).length === 3;
  });
  expect(invoicesOf(it.erp, 'INV-3')).toHaveLength(1);
  const votes = await it.sql`select 1 from approval_votes where approval_id = ${approvalId}`;
  expect(votes).toHaveLength(1);
});

test('Deny asks why; the reason is on the card and in the answer, and nothing is sent', async () => {
  const { ts, card } = await it.proposeIn('INV-4');
  await it.as('bo').click(card, 'Deny');
  await it.as('bo').submit(await it.modal('bo', 'deny'), { reason: 'Wrong month, see <!channel>' });
  expect(await cardSays(card, 'Denied by Bo')).toContain('Wrong month, see');
  expect(labels(it.now(card))).toEqual([]);
  const answer = await it.hears('general', ts, /Wrong month/);
  expect([...mentions(it.now(card)), ...mentions(answer)]).toEqual([]);
  expect(invoicesOf(it.erp, 'INV-4')).toEqual([]);
});

test('A4 Edit: a wrong value is said at its field; what was saved is asked anew with the difference, and its editor may not approve it', async () => {
  const { ts, card, approvalId } = await it.proposeIn('INV-5');
  await it.as('bo').click(card, 'Edit');
  const form = await it.modal('bo', 'edit');
  const blockOf = (label: string): string =>
    form['blocks'].find((one: Message) => one['label']?.text === label)?.block_id ?? '';
  const wrong = await it.as('bo').submit(form, { [blockOf('amount')]: 'a lot' });
  expect(wrong.body).toMatchObject({
    response_action: 'errors',
    errors: { [blockOf('amount')]: expect.stringContaining('number') },
  });
  expect(
    (await it.as('bo').submit(form, { [blockOf('amount')]: '420', reason: 'One zero too many' })).body,
  ).toBeFalsy();
  expect(await cardSays(card, 'Replaced by an edit')).not.toContain('[');
  expect(await it.statusOf(approvalId)).toBe('superseded');
  const edited = await it.hears('general', ts, /Changed since it was asked/);
  expect(edited['ts']).not.toBe(card['ts']);
  expect(readable(edited)).toMatch(/4200 (→|->) 420\b/);
  expect(readable(edited)).toContain('Edited by: Bo');
  await it.as('bo').click(edited, 'Approve');
  await it.told('bo', 'You edited this');
  await it.as('cy').click(card, 'Approve');
  await it.told('cy', 'edited');
  await it.as('cy').click(edited, 'Approve');
  await it.hears('general', ts, /Done: /);
  expect(invoicesOf(it.erp, 'INV-5').map(({ body }) => JSON.parse(body).amount)).toEqual([420]);
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
