import { afterAll, beforeAll, expect, test } from 'vitest';
import { startModel, type FakeModel } from '#test/fakes/model.ts';
import { startCompany, type Company } from '#test/setup/company.ts';
import { until } from '#test/setup/until.ts';

let it: Company;
let model: FakeModel;

beforeAll(async () => {
  model = await startModel();
  it = await startCompany({ env: model.env });
});
afterAll(async () => {
  await it?.stop();
  await model?.stop();
});

const repeated = <T>(step: T, times: number): T[] => Array.from({ length: times }, () => step);
const setCap = (nanos: number) =>
  it.sql`update orgs set policy = policy || ${it.sql.json({ dailyCostCapNanos: nanos })} where is_first`;

test('R4 a request ends after 12 turns, and says so', async () => {
  model.answers('go round in circles', ...repeated({ abetworks_status: {} }, 20));
  const { runId, threadId } = await it.ask(it.ana, 'go round in circles');
  await it.runIs(it.ana, runId, 'done');
  expect(await it.answerIn(threadId)).toContain('I stopped after 12 turns');
  expect(await it.sql`select 1 from model_calls where run_id = ${runId}`).toHaveLength(12);
});

test('R4 the 26th tool call of a request is refused, and the model is told', async () => {
  model.answers(
    'ask a lot',
    ...repeated({ abetworks_status: {}, abetworks_approvals: {}, erp_listInvoices: {} }, 9),
    'Enough.',
  );
  const { runId, threadId } = await it.ask(it.ana, 'ask a lot');
  await it.runIs(it.ana, runId, 'done');
  expect(await it.answerIn(threadId)).toContain('Enough.');
  const calls =
    await it.sql`select status, result from tool_calls where run_id = ${runId} order by turn_number, call_number`;
  expect(calls.slice(0, 25).every(({ status }) => status === 'done')).toBe(true);
  expect(calls.slice(25)).toMatchObject(
    repeated({ status: 'refused', result: expect.stringContaining('25 tool calls at most') }, 2),
  );
  expect(model.heard().includes('25 tool calls at most')).toBe(true);
});

test('R4 at most four calls run at once', async () => {
  const names = ['One', 'Two', 'Three', 'Four', 'Five', 'Six'];
  for (const name of names) await it.connect(it.erp, name);
  let now = 0;
  let most = 0;
  it.erp.behave((received, response) => {
    now += 1;
    most = Math.max(most, now);
    setTimeout(() => {
      now -= 1;
      it.erp.create(received, response);
    }, 400);
  });
  model.answers(
    'read them all',
    Object.fromEntries(names.map((name) => [`${name.toLowerCase()}_listInvoices`, {}])),
    'Read.',
  );
  const { runId } = await it.ask(it.ana, 'read them all');
  await it.runIs(it.ana, runId, 'done');
  it.erp.behave(null);
  expect(await it.sql`select 1 from tool_calls where run_id = ${runId} and status = 'done'`).toHaveLength(6);
  expect(most).toBe(4);
});

test('R4 over the day’s cost cap no model is called, and the answer says who can raise it', async () => {
  await setCap(1);
  const { runId, threadId } = await it.ask(it.ana, 'spend something');
  await it.runIs(it.ana, runId, 'done');
  expect(await it.answerIn(threadId)).toMatch(/daily cost cap .* An owner or admin can raise it/);
  expect(await it.sql`select 1 from model_calls where run_id = ${runId}`).toHaveLength(0);
  expect(model.heard().includes('spend something')).toBe(false);
});

test('R4 requests that come at the same moment do not share the last of the cap', async () => {
  model.answers('spend at once', 'Spent.');
  // Room for the worst case of one call on top of what the day has cost, and not of two.
  const [spent] =
    await it.sql`select coalesce(sum(coalesce(cost_nanos, reserved_nanos)), 0)::float8 as nanos, max(reserved_nanos)::float8 as one from model_calls`;
  await setCap(Math.round(spent?.['nanos'] + 1.5 * spent?.['one']));
  const asked = await Promise.all(repeated('spend at once', 5).map((text) => it.ask(it.ana, text)));
  await Promise.all(asked.map(({ runId }) => it.runIs(it.ana, runId, 'done')));
  await setCap(20_000_000_000);
  const [total] = await it.sql`select sum(coalesce(cost_nanos, reserved_nanos))::float8 as nanos from model_calls`;
  expect(total?.['nanos']).toBeLessThanOrEqual(spent?.['nanos'] + 1.5 * spent?.['one']);
  const answers = await Promise.all(asked.map(({ threadId }) => it.answerIn(threadId)));
  expect(answers.some((text) => text.includes('Spent.'))).toBe(true);
});

test('R2 the model of a later request is told in a line what the thread still waits for', async () => {
  model.answers('post INV-9', { erp_createInvoice: { number: 'INV-9', amount: 4200, currency: 'EUR' } }, 'Posted.');
  model.answers('and now', 'One request waits.');
  const { runId, threadId } = await it.ask(it.ana, 'post INV-9');
  await it.approvalOf(it.ana, runId);
  await it.runIs(it.ana, runId, 'waiting');
  const next = await it.ask(it.ana, 'and now', threadId);
  await it.runIs(it.ana, next.runId, 'done');
  const [line = ''] = /Request 1 of this thread is waiting[^.]*/.exec(model.heard()) ?? [];
  expect(line).toMatch(/Waits for approval of erp_createInvoice: .*INV-9/);
});

test('R2 two requests of a thread take turns', async () => {
  model.answers('first of two', 'One.');
  model.answers('second of two', 'Two.');
  const first = await it.ask(it.ana, 'first of two');
  const second = await it.ask(it.ana, 'second of two', first.threadId);
  await Promise.all([first, second].map(({ runId }) => it.runIs(it.ana, runId, 'done')));
  await until('both answered', async () => (await it.messagesOf(it.ana, first.threadId)).length === 4);
  const overlaps =
    await it.sql`select 1 from model_calls a join model_calls b on a.run_id = ${first.runId} and b.run_id = ${second.runId}
    where a.created_at < b.ended_at and b.created_at < a.ended_at`;
  expect(overlaps).toHaveLength(0);
});
