import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startErp, type Erp } from '#test/fakes/erp.ts';
import { startFront, type Front } from '#test/fakes/front.ts';
import { startModel, type FakeModel } from '#test/fakes/model.ts';
import { broken, postsOf, startCompany, type Company } from '#test/setup/company.ts';
import { until } from '#test/setup/until.ts';

let it: Company;
let model: FakeModel;
let front: Front;
let books: Erp;

const invoice = (number: string) => ({ number, amount: 4200, currency: 'EUR' });

beforeAll(async () => {
  [model, books] = await Promise.all([startModel(), startErp()]);
  front = await startFront(model.env.ANTHROPIC_BASE_URL);
  it = await startCompany({ egress: [books], env: { ...model.env, ANTHROPIC_BASE_URL: front.url } });
  await it.connect(books, 'Books', { declaresKey: false });
  for (const number of ['INV-1', 'INV-2', 'INV-3', 'INV-4', 'INV-6'])
    model.answers(`invoice ${number} `, { erp_createInvoice: invoice(number) }, 'It is there.');
  model.answers('invoice INV-5 ', { books_createInvoice: invoice('INV-5') }, 'It is there.');
  model.answers('what else', 'Nothing else.');
});
afterAll(async () => {
  await it?.stop();
  await front?.stop();
  await model?.stop();
  await books?.stop();
});
afterEach(() => {
  front.release();
  it.erp.behave(null);
});

const stop = (runId: string) => it.ana.post(`/api/v1/runs/${runId}/stop`);

test('R5 Stop while the model thinks: stopped within 2 s, the call is dropped, and its usage is on record', async () => {
  front.hold();
  const { runId, threadId } = await it.ask(it.ana, 'what else');
  await until('the model is asked', async () => front.held() === 1);
  expect(await it.sql`select status from model_calls where run_id = ${runId}`).toMatchObject([{ status: 'started' }]);
  const asked = Date.now();
  expect((await stop(runId)).status).toBe(202);
  await it.runIs(it.ana, runId, 'stopped');
  expect(Date.now() - asked).toBeLessThan(2_000);
  expect(await it.answerIn(threadId)).toMatch(/^Stopped by /);
  await until('the model is hung up on', async () => front.held() === 0, 5_000);
  expect((await stop(runId)).status).toBe(409);
});

test('R5 Stop while an approval waits: it is cancelled, its card says so within 2 s, and a later click is refused', async () => {
  const { runId, threadId, approval } = await it.propose('INV-1');
  await until(
    'the card is posted',
    async () => (await it.sql`select 1 from approval_cards where approval_id = ${approval.id}`)[0],
  );
  const asked = Date.now();
  await stop(runId);
  await it.runIs(it.ana, runId, 'stopped');
  await until(
    'the card says so',
    async () =>
      (await it.sql`select 1 from approval_cards where approval_id = ${approval.id} and shows = 'cancelled'`)[0],
  );
  expect(Date.now() - asked).toBeLessThan(2_000);
  expect(await it.decide(it.bo, approval)).toMatchObject({ status: 409, body: { approvalStatus: 'cancelled' } });
  expect(await it.answerIn(threadId)).toMatch(/^Stopped by /);
  expect(postsOf(it.erp, 'INV-1')).toHaveLength(0);
});

test('R5 E3 Stop between decision and use: the approval is not used', async () => {
  const { runId, approval } = await it.propose('INV-2');
  await it.beforeUse(approval.id, async () => {
    expect((await it.decide(it.bo, approval)).status).toBe(200);
    expect((await stop(runId)).status).toBe(202);
  });
  await it.runIs(it.ana, runId, 'stopped');
  expect(postsOf(it.erp, 'INV-2')).toHaveLength(0);
  const [row] = await it.sql`select used_by_effect_id from approvals where id = ${approval.id}`;
  expect(row?.['used_by_effect_id']).toBeNull();
});

test('R5 Stop during a write: shown within 2 s, the write is not cut off, and the answer says how it ended', async () => {
  const { runId, threadId, release } = await it.sendAndHold('INV-3');
  const asked = Date.now();
  await stop(runId);
  const run = await it.runIs(it.ana, runId, 'running');
  expect(run).toMatchObject({ statusText: 'Stopping' });
  expect(Date.now() - asked).toBeLessThan(2_000);
  release();
  await it.runIs(it.ana, runId, 'stopped');
  expect(await it.effectIs(runId, 'confirmed')).toMatchObject({ external_id: expect.stringMatching(/^ERP-/) });
  expect(await it.answerIn(threadId)).toMatch(/^Stopped by .*INV-3.*id ERP-/s);
  // No turn after Stop.
  expect(await it.sql`select 1 from turns where run_id = ${runId}`).toHaveLength(1);
});

test('R5 E5 Stop during a write that then breaks: the same key still finds out how it ended', async () => {
  const { runId, threadId, release } = await it.sendAndHold('INV-4');
  await stop(runId);
  await it.endLease(runId);
  release(broken);
  await it.runIs(it.ana, runId, 'stopped');
  expect(postsOf(it.erp, 'INV-4')).toHaveLength(2);
  expect(await it.answerIn(threadId)).toMatch(/^Stopped by .*id ERP-/s);
});

test('R5 Stop while people are asked whether it was sent: the answer leaves it open, and nothing is sent again', async () => {
  const { runId, threadId, release } = await it.sendAndHold('INV-5', { connection: 'Books', erp: books });
  release(broken);
  const effect = await it.effectIs(runId, 'ambiguous');
  await it.runIs(it.ana, runId, 'waiting');
  await stop(runId);
  await it.runIs(it.ana, runId, 'stopped');
  expect(await it.answerIn(threadId)).toMatch(/Unclear: .*INV-5/s);
  // The question stays answerable; the stopped run acts on no answer.
  expect((await it.bo.post(`/api/v1/effects/${effect.id}/resolution`, { outcome: 'not_sent' })).status).toBe(200);
  expect(postsOf(books, 'INV-5')).toHaveLength(1);
});

test('R5 "stop" typed in the thread stops what runs there, and nothing elsewhere', async () => {
  const { runId, threadId } = await it.propose('INV-6');
  const other = await it.propose('INV-6');
  const answer = await it.ana.post('/api/v1/requests', { text: 'Stop!', threadId });
  expect(answer).toMatchObject({ status: 202, body: { runId: null, text: 'Stopping.' } });
  await it.runIs(it.ana, runId, 'stopped');
  await it.runIs(it.ana, other.runId, 'waiting');
});

test('R2 R5 a stopped run lets the next request of its thread go on at once', async () => {
  front.hold();
  const held = await it.ask(it.ana, 'what else');
  await until('the model is asked', async () => front.held() === 1);
  await stop(held.runId);
  await it.runIs(it.ana, held.runId, 'stopped');
  front.release();
  const next = await it.ask(it.ana, 'what else', held.threadId);
  const asked = Date.now();
  await it.runIs(it.ana, next.runId, 'done');
  expect(Date.now() - asked).toBeLessThan(5_000);
});

test('R5 a colleague may not stop what is not theirs; an admin may', async () => {
  const eve = await it.join('Eve', 'member');
  front.hold();
  const { runId } = await it.ask(it.ana, 'what else');
  expect((await eve.post(`/api/v1/runs/${runId}/stop`)).status).toBe(404);
  expect((await it.bo.post(`/api/v1/runs/${runId}/stop`)).status).toBe(202);
  await it.runIs(it.ana, runId, 'stopped');
});
