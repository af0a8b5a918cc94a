import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Api } from '#test/setup/api.ts';
import { postsOf, startCompany, type Asked, type Colleague, type Company } from '#test/setup/company.ts';
import { until } from '#test/setup/until.ts';

let it: Company;
let cy: Colleague;

beforeAll(async () => {
  it = await startCompany();
  cy = await it.join('Cy', 'admin');
});
afterAll(() => it?.stop());

const edit = (by: Api, { id, payloadSha256, payload }: Asked, change: object) =>
  by.post(`/api/v1/approvals/${id}/edit`, {
    input: { ...(payload['arguments'] as unknown as object), ...change },
    payloadSha256,
  });
const statusOf = async (id: string): Promise<string> => (await it.ana.get(`/api/v1/approvals/${id}`)).body.status;
const cardShows = (id: string, status: string) =>
  until(
    `the card shows ${status}`,
    async () => (await it.sql`select 1 from approval_cards where approval_id = ${id} and shows = ${status}`)[0],
  );
const amountsSent = (number: string): number[] => postsOf(it.erp, number).map(({ body }) => JSON.parse(body).amount);

test('A4 what was edited is what runs, once somebody else approved it: both cards, the answer and the ledger say so', async () => {
  const { runId, threadId, approval } = await it.propose('INV-1');
  await cardShows(approval.id, 'pending');
  const answer = await edit(it.bo, approval, { amount: 420 });
  expect(answer).toMatchObject({
    status: 200,
    body: {
      status: 'pending',
      supersedes: approval.id,
      supersededBy: null,
      editedBy: [it.bo.memberId],
      requestedBy: approval['requestedBy'],
      payload: { arguments: { number: 'INV-1', amount: 420 } },
      inputSchema: { type: 'object', properties: { amount: { type: 'number' } } },
    },
  });
  await cardShows(approval.id, 'superseded');
  await cardShows(answer.body.id, 'pending');
  expect((await it.ana.get(`/api/v1/approvals/${approval.id}`)).body).toMatchObject({ supersededBy: answer.body.id });
  expect(await it.runIs(it.ana, runId, 'waiting')).toMatchObject({ statusText: expect.stringContaining('INV-1') });

  expect(await it.decide(it.bo, answer.body)).toMatchObject({
    status: 403,
    body: { detail: expect.stringContaining('You edited this') },
  });
  expect(await it.decide(cy, approval)).toMatchObject({ status: 409, body: { approvalStatus: 'superseded' } });
  expect((await it.decide(cy, answer.body)).status).toBe(200);
  await it.runIs(it.ana, runId, 'done');
  expect(amountsSent('INV-1')).toEqual([420]);
  await cardShows(answer.body.id, 'approved');
  expect(await it.answerIn(threadId)).toMatch(/INV-1.*id ERP-/s);
  const [used] = await it.sql`select payload_sha256, approval_id from effects where run_id = ${runId}`;
  expect(used).toEqual({ payload_sha256: answer.body.payloadSha256, approval_id: answer.body.id });
});

test('A4 edits in a row, the first while the run is only about to wait; the last one decides', async () => {
  const { runId, approval } = await it.propose('INV-2');
  const first = await edit(it.bo, approval, { amount: 1 });
  const second = await edit(cy, first.body, { amount: 2 });
  const third = await edit(it.ana, second.body, { amount: 3 });
  expect(third.body.editedBy).toEqual([it.bo.memberId, cy.memberId, approval['requestedBy']]);
  const dee = await it.join('Dee', 'admin');
  expect((await it.decide(dee, third.body)).status).toBe(200);
  await it.runIs(it.ana, runId, 'done');
  expect(amountsSent('INV-2')).toEqual([3]);
  for (const { id } of [approval, first.body, second.body]) await cardShowsOrNone(id, 'superseded');
});

/** One that was edited again at once may never have had a card. */
const cardShowsOrNone = async (id: string, status: string): Promise<void> => {
  const cards = await it.sql`select shows from approval_cards where approval_id = ${id}`;
  if (cards.length > 0) await cardShows(id, status);
};

test('A4 an edited request that is denied, or stopped, sends nothing, and its card says so', async () => {
  const [denied, stopped] = [await it.propose('INV-3'), await it.propose('INV-4')];
  const one = await edit(it.bo, denied.approval, { amount: 1 });
  await it.decide(cy, one.body, 'deny', 'no more');
  await it.runIs(it.ana, denied.runId, 'done');
  expect(await it.answerIn(denied.threadId)).toContain('no more');
  const other = await edit(it.bo, stopped.approval, { amount: 1 });
  await cardShows(other.body.id, 'pending');
  await it.ana.post(`/api/v1/runs/${stopped.runId}/stop`);
  await it.runIs(it.ana, stopped.runId, 'stopped');
  await cardShows(other.body.id, 'cancelled');
  expect([...amountsSent('INV-3'), ...amountsSent('INV-4')]).toEqual([]);
});

test('E3 A4 approved and edited at the same moment, what is sent is what was approved, once or not at all', async () => {
  for (const number of ['INV-51', 'INV-52', 'INV-53', 'INV-54']) {
    const { runId, approval } = await it.propose(number);
    const [decided, edited] = await Promise.all([it.decide(cy, approval), edit(it.bo, approval, { amount: 1 })]);
    expect(new Set([decided.status, edited.status])).toEqual(new Set([200, 409]));
    if (edited.status === 200) await it.decide(cy, edited.body);
    await it.runIs(it.ana, runId, 'done');
    expect(amountsSent(number)).toEqual([edited.status === 200 ? 1 : 4200]);
  }
});

test('R3 two runs that wait for one question go with its edit, and it happens once', async () => {
  const { runId, threadId, approval } = await it.propose('INV-6');
  const second = await it.ask(it.ana, 'post invoice INV-6 over 4200 EUR to the ERP', threadId);
  await it.runIs(it.ana, second.runId, 'waiting');
  const edited = await edit(it.bo, approval, { amount: 6 });
  expect((await it.decide(cy, edited.body)).status).toBe(200);
  await Promise.all([it.runIs(it.ana, runId, 'done'), it.runIs(it.ana, second.runId, 'done')]);
  expect(amountsSent('INV-6')).toEqual([6]);
});

test('A4 refusals name what is wrong: the field, nothing changed, the same in the thread, not allowed, gone, expired', async () => {
  const { threadId, approval } = await it.propose('INV-7');
  const wrong = await edit(it.bo, approval, { amount: 'much' });
  expect(wrong).toMatchObject({ status: 422, body: { field: 'amount', detail: expect.stringContaining('amount') } });
  const none = { status: 422, body: { field: 'input', detail: expect.stringContaining('Nothing was changed') } };
  expect(await edit(it.bo, approval, {})).toMatchObject(none);
  expect(await edit(it.bo, { ...approval, payloadSha256: '0'.repeat(64) }, { amount: 1 })).toMatchObject({
    status: 409,
    body: { reason: 'changed' },
  });
  const other = await it.propose('INV-8', { threadId });
  expect(await edit(it.bo, other.approval, { number: 'INV-7' })).toMatchObject({
    status: 409,
    body: { reason: 'duplicate', approvalId: approval.id },
  });
  const eve = await it.join('Eve', 'member');
  expect((await edit(eve, approval, { amount: 1 })).status).toBe(403);
  expect((await edit(await it.stranger(), approval, { amount: 1 })).status).toBe(404);
  await it.sql`update approvals set expires_at = now() - interval '1 second' where id = ${approval.id}`;
  expect((await edit(it.bo, approval, { amount: 1 })).status).toBe(410);
  expect(await statusOf(approval.id)).toBe('expired');
});
