import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startErp, type Erp } from '#test/fakes/erp.ts';
import { invoicesOf, keysOf, postsOf, startCompany, type Company } from '#test/setup/company.ts';
import { until } from '#test/setup/until.ts';

let it: Company;
/** Not listening yet. */
let depot: Erp;

beforeAll(async () => {
  depot = await startErp({ honoursKey: true });
  await depot.stop();
  it = await startCompany({ egress: [depot] });
  await it.connect(depot, 'Depot');
});
afterAll(async () => {
  await it?.stop();
  await depot?.stop();
});
afterEach(() => it.erp.behave(null));

test('E5 a system that is not listening is tried until it is up, and then gets exactly one', async () => {
  const { runId, threadId, approval } = await it.propose('INV-1', { connection: 'Depot' });
  await it.decide(it.bo, approval);
  expect(await it.effectIs(runId, 'not_sent')).toMatchObject({ attempts: 1 });
  await until('people are told', async () =>
    (await it.ana.get(`/api/v1/runs/${runId}`)).body.statusText?.startsWith('Not sent yet, trying again'),
  );
  depot = await startErp({ honoursKey: true, port: depot.port });
  await it.runIs(it.ana, runId, 'done');
  expect(invoicesOf(depot, 'INV-1')).toHaveLength(1);
  expect(postsOf(depot, 'INV-1')).toHaveLength(1);
  expect(await it.answerIn(threadId)).toContain('id ERP-1001');
});

test('E5 "slow down" is waited for as long as Retry-After says, then sent once', async () => {
  let refusedAt = 0;
  it.erp.behave((_, response) => {
    refusedAt = Date.now();
    it.erp.behave(null);
    response.writeHead(429, { 'retry-after': '3' }).end();
  });
  const { runId, approval } = await it.propose('INV-2');
  await it.decide(it.bo, approval);
  await it.runIs(it.ana, runId, 'done');
  expect(Date.now() - refusedAt).toBeGreaterThan(2_900);
  expect(postsOf(it.erp, 'INV-2')).toHaveLength(2);
  expect(invoicesOf(it.erp, 'INV-2')).toHaveLength(1);
  expect(keysOf(it.erp, 'INV-2').size).toBe(1);
});

test('R5 Stop ends the wait for a system that said "slow down" within 2 s, and nothing is sent later', async () => {
  it.erp.behave((_, response) => response.writeHead(429, { 'retry-after': '120' }).end());
  const { runId, threadId, approval } = await it.propose('INV-3');
  await it.decide(it.bo, approval);
  await it.effectIs(runId, 'not_sent');
  const asked = Date.now();
  expect((await it.ana.post(`/api/v1/runs/${runId}/stop`)).status).toBe(202);
  await it.runIs(it.ana, runId, 'stopped');
  expect(Date.now() - asked).toBeLessThan(2_000);
  expect(await it.answerIn(threadId)).toMatch(/^Stopped by .+\n\nNot sent: .*INV-3/);
  expect(postsOf(it.erp, 'INV-3')).toHaveLength(1);
});

test.each([400, 401, 409, 422])(
  'E5 an answer of %i is a refusal: not sent again, and person and model are told why',
  async (status) => {
    it.erp.behave((_, response) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end('{"message":"period is closed"}'),
    );
    const number = `INV-4${status}`;
    const { runId, threadId, approval } = await it.propose(number);
    await it.decide(it.bo, approval);
    await it.runIs(it.ana, runId, 'done');
    expect(await it.effectIs(runId, 'refused')).toMatchObject({
      attempts: 1,
      error: expect.stringContaining(`(${status})`),
    });
    expect(postsOf(it.erp, number)).toHaveLength(1);
    // What the model got, and what the thread says.
    const [call] = await it.sql`select status, result from tool_calls where run_id = ${runId}`;
    expect(call).toMatchObject({ status: 'failed', result: expect.stringContaining('period is closed') });
    const answer = await it.answerIn(threadId);
    expect(answer).toMatch(/Not done: .*period is closed/s);
    expect(answer).not.toContain('id ERP-');
  },
);

test('E3 a connection that is removed between decision and use is not used', async () => {
  const attic = await it.connect(it.erp, 'Attic');
  const { runId, threadId, approval } = await it.propose('INV-14', { connection: 'Attic' });
  await it.beforeUse(approval.id, async () => {
    await it.decide(it.bo, approval);
    expect((await it.ana.delete(`/api/v1/connections/${attic}`)).status).toBeLessThan(300);
  });
  await it.runIs(it.ana, runId, 'done');
  expect(postsOf(it.erp, 'INV-14')).toHaveLength(0);
  expect(await it.answerIn(threadId)).toContain('no longer there');
});

test('E3 a connection that is changed between decision and use is not used', async () => {
  const { runId, threadId, approval } = await it.propose('INV-15');
  await it.beforeUse(approval.id, async () => {
    await it.decide(it.bo, approval);
    await it.sql`update connections set settings_version = settings_version + 1 where name = 'ERP'`;
  });
  await it.runIs(it.ana, runId, 'done');
  expect(postsOf(it.erp, 'INV-15')).toHaveLength(0);
  expect(await it.answerIn(threadId)).toContain('was changed since this was proposed');
});

test('E3 an approver who is deactivated between decision and use takes the decision along', async () => {
  const di = await it.join('Di', 'admin');
  const { runId, threadId, approval } = await it.propose('INV-17');
  await it.beforeUse(approval.id, async () => {
    expect((await it.decide(di, approval)).status).toBe(200);
    expect((await it.ana.patch(`/api/v1/members/${di.memberId}`, { status: 'deactivated' })).status).toBe(200);
  });
  await it.runIs(it.ana, runId, 'done');
  expect(postsOf(it.erp, 'INV-17')).toHaveLength(0);
  expect(await it.answerIn(threadId)).toContain('no longer active');
});

test('A5 a decision that grew too old is asked again, with a new approval', async () => {
  const { runId, approval } = await it.propose('INV-18');
  await it.beforeUse(approval.id, async () => {
    await it.decide(it.bo, approval);
    await it.sql`update approvals set use_before = now() - interval '1 second' where id = ${approval.id}`;
  });
  const again = await it.approvalOf(it.ana, runId);
  expect(again.id).not.toBe(approval.id);
  expect(again.payloadSha256).toBe(approval.payloadSha256);
  expect(postsOf(it.erp, 'INV-18')).toHaveLength(0);
  expect((await it.decide(it.bo, again)).status).toBe(200);
  await it.runIs(it.ana, runId, 'done');
  expect(postsOf(it.erp, 'INV-18')).toHaveLength(1);
  const [used] = await it.sql`select used_by_effect_id from approvals where id = ${approval.id}`;
  expect(used?.['used_by_effect_id']).toBeNull();
});
