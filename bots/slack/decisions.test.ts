import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { approvals, auditLog } from '#db/schema/index.ts';
import { readable, type Message } from '#test/fakes/slack/index.ts';
import { until } from '#test/setup/until.ts';
import { addAsked, INVOICE, type Asked } from '#test/web/asked.ts';
import { inOrg } from '#test/web/world.ts';
import { openOffice, type Office } from './office.fixture.ts';

let it: Office;
let asked: Asked;
let card: Message;
beforeAll(async () => {
  it = await openOffice();
});
afterAll(() => it.close());
beforeEach(async () => {
  asked = await addAsked(it.world, it.members.mia, it.erp);
  card = await it.postCard(asked.approvalId);
});

const read = async (id = asked.approvalId) =>
  (await inOrg(it.world, it.orgId, ({ tx }) => tx.select().from(approvals).where(eq(approvals.id, id))))[0];
const becomes = (status: string) =>
  until(`it is ${status}`, async () => {
    const now = await read();
    if (now?.status !== status) throw new Error(`it is ${now?.status}`);
    return now;
  });
const as = (name: 'ana' | 'bo' | 'mia' | 'vic' | 'gus' | 'zoe' | 'sam') => it.slack.as(name);

test('a click approves what its card shows; the second click hears who was first', async () => {
  expect((await as('bo').click(card, 'Approve')).status).toBe(200);
  expect(await becomes('approved')).toMatchObject({ decidedBy: it.members.bo.memberId });
  await as('ana').click(card, 'Approve');
  expect(await it.told('ana', 'already approved')).toContain('A admin already approved this.');
  // Nothing of it was said to the channel.
  expect(it.slack.messages('general').map(readable).join()).not.toContain('already approved');
});

test.each([
  ['mia', 'You asked for this'],
  ['vic', 'Your role (viewer)'],
  ['gus', 'Guests cannot'],
  ['zoe', '/abet connect'],
  ['sam', 'another company'],
] as const)('A3 the click of %s is refused, privately', async (name, why) => {
  const before = it.slack.messages('general').length;
  await as(name).click(card, 'Approve');
  const text = await it.told(name, '');
  expect(text.includes(why) || (name === 'sam' && text.includes('full members'))).toBe(true);
  expect(it.slack.messages('general')).toHaveLength(before);
  expect(await read()).toMatchObject({ status: 'pending' });
});

test('a clicker of another company is refused even when an account of theirs was linked', async () => {
  await as('bo').click(card, 'Approve', { tamper: (payload) => (payload['user'].team_id = 'T0OTHER0001') });
  expect(await it.told('bo', 'full members')).toContain('Ask a colleague');
  expect(await read()).toMatchObject({ status: 'pending' });
});

test('A7 a copied card, a forwarded one, and clicks that claim another channel or message decide nothing', async () => {
  const copy = await it.post(it.slack.channels.random, [{ text: 'copy', blocks: card['blocks'] }]);
  await as('bo').click(copy, 'Approve');
  expect(await it.told('bo', 'not the card')).toContain('Decide on the original');
  const claims: ((payload: Message) => void)[] = [
    (payload) => (payload['container'].channel_id = it.slack.channels.random),
    (payload) => (payload['container'].message_ts = '1700000000.000100'),
    (payload) => (payload['view'] = { type: 'home' }),
    (payload) => (payload['actions'][0].action_id = `approve:${asked.runId}`),
    (payload) => (payload['actions'][0].action_id = 'approve:x'),
  ];
  for (const tamper of claims) await as('bo').click(card, 'Approve', { tamper });
  for (const label of ['Deny', 'Edit', 'View full payload']) await as('bo').click(copy, label);
  await until('all were refused', async () => {
    const told = it.slack.ephemerals('bo').map(readable);
    const refused = told.filter((text) => /Decide on the original|no such approval/.test(text));
    if (refused.length < 9) throw new Error(refused.join('\n'));
    return true;
  });
  expect(it.slack.modals('bo')).toEqual([]);
  expect(await read()).toMatchObject({ status: 'pending' });
});

test('A7 a click from another workspace decides nothing', async () => {
  const before = it.slack.ephemerals('bo').length;
  const clicked = await as('bo').click(card, 'Approve', {
    tamper: (payload) => (payload['team'].id = 'T0OTHER0001'),
  });
  expect(clicked.status).toBe(200);
  await it.slack.quiet();
  expect(it.slack.ephemerals('bo').length).toBeLessThanOrEqual(before + 1);
  expect(await read()).toMatchObject({ status: 'pending' });
});

test('a card that Slack shows before we have it on record decides nothing yet, and says to press again', async () => {
  const copy = await it.post(it.slack.channels.random, [{ text: 'copy', blocks: card['blocks'] }]);
  await it.notePost(`approval:${asked.approvalId}:to:T:U`, copy);
  for (const label of ['Approve', 'Deny', 'View full payload']) {
    const before = it.slack.ephemerals('bo').length;
    await as('bo').click(copy, label);
    await until('it is told', async () => it.slack.ephemerals('bo').length > before);
    expect(readable(it.slack.ephemerals('bo').at(-1) ?? {})).toContain('Press it again');
  }
  expect(await read()).toMatchObject({ status: 'pending' });
});

test('A7 text and reactions never decide', async () => {
  const { ts } = { ts: String(card['thread_ts']) };
  await as('bo').say('general', 'approve', { threadTs: ts });
  await as('bo').react('general', String(card['ts']), 'white_check_mark');
  await it.slack.quiet();
  expect(await read()).toMatchObject({ status: 'pending' });
});

test('Deny asks for a reason and keeps it; the reason is optional', async () => {
  await as('bo').click(card, 'Deny');
  expect((await as('bo').submit(await it.modal('bo', 'deny'), { reason: 'Wrong amount' })).body).toBeFalsy();
  expect(await becomes('denied')).toMatchObject({ comment: 'Wrong amount' });
  expect(it.slack.modals('bo')).toEqual([]);
});

test('I1 a reason that cannot be stored as it was typed keeps nobody from denying', async () => {
  await as('bo').click(card, 'Deny');
  const typed = await as('bo').submit(await it.modal('bo', 'deny'), { reason: 'no\u0000t\ud800' });
  expect(typed.body).toBeFalsy();
  expect(await becomes('denied')).toMatchObject({ comment: 'no\ufffdt\ufffd' });
});

test('who may not decide is told so before they type a reason', async () => {
  await as('mia').click(card, 'Deny');
  expect(await it.told('mia', 'someone else has to decide')).toBeTruthy();
  expect(it.slack.modals('mia')).toEqual([]);
});

test('a decision made while the reason was typed is told in the modal', async () => {
  await as('bo').click(card, 'Deny');
  const modal = await it.modal('bo', 'deny');
  await as('ana').click(card, 'Approve');
  await becomes('approved');
  await as('bo').submit(modal, {});
  expect(readable(await it.modal('bo', 'notice'))).toContain('already approved this');
  await as('bo').close(await it.modal('bo', 'notice'));
});

test('rights that went while a modal was open are asked for again', async () => {
  await as('ana').click(card, 'Deny');
  const modal = await it.modal('ana', 'deny');
  const forged = await as('ana').submit(
    modal,
    {},
    {
      tamper: (payload) => (payload['user'].id = it.slack.users.zoe.id),
    },
  );
  expect(forged.body).toMatchObject({ response_action: 'update' });
  expect(await read()).toMatchObject({ status: 'pending' });
});

test('A2 a modal whose ids or hash are not those of a card of ours decides nothing', async () => {
  await as('bo').click(card, 'Deny');
  const modal = await it.modal('bo', 'deny');
  const meta = JSON.parse(modal['private_metadata']);
  const other = await addAsked(it.world, it.members.mia, it.erp, { args: { ...INVOICE, number: 'INV-78' } });
  for (const wrong of [
    'not json',
    '{}',
    JSON.stringify({ ...meta, sha: '0'.repeat(64) }),
    JSON.stringify({ ...meta, channel: it.slack.channels.random }),
    JSON.stringify({ ...meta, approvalId: other.approvalId }),
  ]) {
    const sent = await as('bo').submit(
      modal,
      {},
      {
        tamper: (payload) => {
          payload['view'].private_metadata = wrong;
        },
      },
    );
    expect(sent.body).toMatchObject({ response_action: 'update' });
  }
  expect([(await read())?.status, (await read(other.approvalId))?.status]).toEqual(['pending', 'pending']);
  await as('bo').close(modal);
});

test('View shows all of it, and its submit approves for those who may', async () => {
  await as('bo').click(card, 'View full payload');
  const modal = await it.modal('bo', 'view');
  expect(readable(modal)).toContain('INV-77');
  expect((await as('bo').submit(modal)).body).toBeFalsy();
  expect(await becomes('approved')).toMatchObject({ decidedBy: it.members.bo.memberId });
});

test('View has no Approve for the requester, and a forged submit of it approves nothing', async () => {
  await as('mia').click(card, 'View full payload');
  const modal = await it.modal('mia', 'view');
  expect(modal['submit']).toBeFalsy();
  expect((await as('mia').submit(modal)).body).toMatchObject({ response_action: 'update' });
  expect(await read()).toMatchObject({ status: 'pending' });
  await as('mia').close(it.slack.modals('mia').at(-1) ?? {});
});

test('who neither asked nor may decide does not get the whole payload', async () => {
  await as('vic').click(card, 'View full payload');
  expect(await it.told('vic', 'sees all of it')).toBeTruthy();
});

test('A1 a card that leaves something out is not approved by its button, even when a client sends it; the full view approves', async () => {
  asked = await addAsked(it.world, it.members.mia, it.erp, { args: { ...INVOICE, note: 'x'.repeat(20_000) } });
  card = await it.postCard(asked.approvalId);
  await expect(as('bo').click(card, 'Approve')).rejects.toThrow('Nothing to click');
  await as('bo').click(card, 'Deny', {
    tamper: (payload) => (payload['actions'][0].action_id = `approve:${asked.approvalId}`),
  });
  expect(await it.told('bo', 'full view first')).toBeTruthy();
  expect(await read()).toMatchObject({ status: 'pending' });
  await as('bo').click(card, 'View full payload');
  expect((await as('bo').submit(await it.modal('bo', 'view'))).body).toBeFalsy();
  await becomes('approved');
});

test('A1 a payload that even the full view cannot hold is not approved in Slack at all', async () => {
  asked = await addAsked(it.world, it.members.mia, it.erp, { args: { ...INVOICE, note: '\u200b'.repeat(60_000) } });
  card = await it.postCard(asked.approvalId);
  await as('bo').click(card, 'View full payload');
  const modal = await it.modal('bo', 'view');
  expect(modal['submit']).toBeFalsy();
  expect((await as('bo').submit(modal)).body).toMatchObject({ response_action: 'update' });
  expect(await read()).toMatchObject({ status: 'pending' });
  await as('bo').close(it.slack.modals('bo').at(-1) ?? {});
});

test('A4 Edit asks anew with the arguments that were typed; a wrong one is said at its field', async () => {
  await as('bo').click(card, 'Edit');
  const modal = await it.modal('bo', 'edit');
  const amount = modal['blocks'].find((block: Message) => block['label']?.text === 'amount')?.block_id;
  const wrong = await as('bo').submit(modal, { [amount]: '-4' });
  expect(wrong.body).toMatchObject({ response_action: 'errors', errors: { [amount]: expect.any(String) } });
  expect((await as('bo').submit(modal, { [amount]: '420', reason: 'Typo' })).body).toBeFalsy();
  expect(await becomes('superseded')).toMatchObject({ comment: 'Typo' });
  const rows = await inOrg(it.world, it.orgId, ({ tx }) =>
    tx.select().from(approvals).where(eq(approvals.supersedes, asked.approvalId)),
  );
  expect(rows).toMatchObject([{ status: 'pending', editedBy: [it.members.bo.memberId] }]);
  expect(JSON.parse(rows[0]?.payload ?? '').arguments).toMatchObject({ ...INVOICE, amount: 420 });
  const audited = await inOrg(it.world, it.orgId, ({ tx }) =>
    tx.select().from(auditLog).where(eq(auditLog.action, 'approval.edited')),
  );
  expect(audited.at(-1)?.details).toContain('"surface":"slack"');
  // The old card decides nothing any more.
  await as('ana').click(card, 'Approve');
  expect(await it.told('ana', 'edited this')).toBeTruthy();
});

test('A4 a reason that cannot be stored as it was typed keeps nobody from editing', async () => {
  await as('bo').click(card, 'Edit');
  const modal = await it.modal('bo', 'edit');
  const amount = modal['blocks'].find((block: Message) => block['label']?.text === 'amount')?.block_id;
  expect((await as('bo').submit(modal, { [amount]: '421', reason: 'no\u0000t' })).body).toBeFalsy();
  expect(await becomes('superseded')).toMatchObject({ comment: 'no\ufffdt' });
});

test('an edit that changes nothing says so, and one of a stale window is refused', async () => {
  await as('bo').click(card, 'Edit');
  const modal = await it.modal('bo', 'edit');
  const stale = await as('bo').submit(
    modal,
    {},
    {
      tamper: (payload) => {
        const meta = JSON.parse(payload['view'].private_metadata);
        payload['view'].private_metadata = JSON.stringify({ ...meta, sha: '1'.repeat(64) });
      },
    },
  );
  expect(stale.body).toMatchObject({ response_action: 'update' });
  const same = await as('bo').submit(modal);
  expect(same.body).toMatchObject({ response_action: 'update' });
  expect(JSON.stringify(same.body)).toContain('Nothing was changed');
  expect(await read()).toMatchObject({ status: 'pending' });
});

test('who may neither decide nor asked may not edit', async () => {
  await as('vic').click(card, 'Edit');
  expect(await it.told('vic', 'may edit it')).toBeTruthy();
  expect(it.slack.modals('vic')).toEqual([]);
});

test('a modal that Slack does not open in time is said aside', async () => {
  it.slack.fault('views.open', 'error expired_trigger_id');
  await as('bo').click(card, 'Deny');
  expect(await it.told('bo', 'did not open')).toBeTruthy();
});
