import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { erpConnection, startErp, type Erp } from '#test/fakes/erp.ts';
import { holdWrites, startCompany, type Company } from '#test/setup/company.ts';
import { until } from '#test/setup/until.ts';

let it: Company;
/** Ignores the key, and its document says so. */
let books: Erp;
/** Not listening yet. */
let depot: Erp;

beforeAll(async () => {
  books = await startErp();
  depot = await startErp({ honoursKey: true });
  await depot.stop();
  it = await startCompany({ egress: [books, depot] });
  await connect(books, 'Books', false);
  await connect(depot, 'Depot', true);
});
afterAll(async () => {
  await it?.stop();
  await books?.stop();
  await depot?.stop();
});
afterEach(() => {
  for (const system of [it.erp, books]) system.behave(null);
});

async function connect(erp: Erp, name: string, declaresKey: boolean): Promise<string> {
  const { body } = await it.ana.post('/api/v1/connections', erpConnection(erp, { name, declaresKey }));
  return body.id;
}
const postsOf = (erp: Erp, number: string) => erp.posts().filter(({ body }) => body.includes(number));
const invoicesOf = (erp: Erp, number: string) => erp.invoices.filter(({ body }) => body.includes(number));
const keysOf = (erp: Erp, number: string) => new Set(postsOf(erp, number).map(({ headers }) => headers['idempotency-key']));
/** Instead of waiting 30 s. */
const endLease = (runId: string) => it.sql`update effects set lease_until = now() where run_id = ${runId} and lease_until is not null`;

/** An invoice is asked for and approved; the system holds its first answer. */
async function sendAndHold(number: string, connection = 'ERP', erp = it.erp) {
  const held = holdWrites(erp);
  const asked = await it.propose(number, { connection });
  expect((await it.decide(it.bo, asked.approval)).status).toBe(200);
  await held.arrived;
  return { ...asked, release: held.release };
}
const broken: Parameters<Erp['behave']>[0] = (_, response) => response.writeHead(500).end('{"error":"boom"}');

test('E5 a system that is not listening is tried until it is up, and then gets exactly one', async () => {
  const { runId, threadId, approval } = await it.propose('INV-1', { connection: 'Depot' });
  await it.decide(it.bo, approval);
  expect(await it.effectIs(runId, 'not_sent')).toMatchObject({ attempts: 1 });
  await until('people are told', async () => (await it.ana.get(`/api/v1/runs/${runId}`)).body.statusText?.startsWith('Not sent yet, trying again'));
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

test.each([400, 401, 409, 422])('E5 an answer of %i is a refusal: not sent again, and person and model are told why', async (status) => {
  it.erp.behave((_, response) => response.writeHead(status, { 'content-type': 'application/json' }).end('{"message":"period is closed"}'));
  const number = `INV-4${status}`;
  const { runId, threadId, approval } = await it.propose(number);
  await it.decide(it.bo, approval);
  await it.runIs(it.ana, runId, 'done');
  expect(await it.effectIs(runId, 'refused')).toMatchObject({ attempts: 1, error: expect.stringContaining(`(${status})`) });
  expect(postsOf(it.erp, number)).toHaveLength(1);
  // What the model got, and what the thread says.
  const [call] = await it.sql`select status, result from tool_calls where run_id = ${runId}`;
  expect(call).toMatchObject({ status: 'failed', result: expect.stringContaining('period is closed') });
  const answer = await it.answerIn(threadId);
  expect(answer).toMatch(/Not done: .*period is closed/s);
  expect(answer).not.toContain('id ERP-');
});

test('E5 an error after the write reached a system that honours our key: the same key is sent again, and there is one invoice', async () => {
  const { runId, threadId, release } = await sendAndHold('INV-5');
  await endLease(runId);
  // It made the invoice and then failed to say so.
  release((received, response) => {
    it.erp.make(received);
    broken?.(received, response);
  });
  await it.runIs(it.ana, runId, 'done');
  expect(postsOf(it.erp, 'INV-5')).toHaveLength(2);
  expect(keysOf(it.erp, 'INV-5')).toEqual(new Set([(await it.effectIs(runId, 'confirmed')).id]));
  expect(invoicesOf(it.erp, 'INV-5')).toHaveLength(1);
  expect(await it.answerIn(threadId)).toContain('id ERP-');
});

test('E5 a connection that breaks after the write: sent again under the same key where that is honoured', async () => {
  const { runId, release } = await sendAndHold('INV-6');
  await endLease(runId);
  release((_, response) => response.destroy());
  await it.runIs(it.ana, runId, 'done');
  expect(invoicesOf(it.erp, 'INV-6')).toHaveLength(1);
  expect(keysOf(it.erp, 'INV-6').size).toBe(1);
});

test('E5 a system that never answers is given 20 s: with a key it is asked again, without one a person is', async () => {
  const [keyed, blind] = await Promise.all([sendAndHold('INV-7'), sendAndHold('INV-8', 'Books', books)]);
  await endLease(keyed.runId);
  it.erp.behave(null);
  await until('asked again under the same key', async () => invoicesOf(it.erp, 'INV-7').length === 1, 40_000);
  await it.runIs(it.ana, keyed.runId, 'done');
  expect(keysOf(it.erp, 'INV-7').size).toBe(1);
  expect(await it.effectIs(blind.runId, 'ambiguous')).toMatchObject({ attempts: 1 });
  expect(postsOf(books, 'INV-8')).toHaveLength(1);
  await it.bo.post(`/api/v1/runs/${blind.runId}/stop`);
  await it.runIs(it.ana, blind.runId, 'stopped');
  expect(await it.answerIn(blind.threadId)).toMatch(/Unclear: .*INV-8.*Look at the other side/s);
});

test('E5 a refusal of the second attempt says nothing about the first: a person is asked', async () => {
  const { runId, release } = await sendAndHold('INV-9');
  await endLease(runId);
  release(broken);
  it.erp.behave((_, response) => response.writeHead(401).end());
  expect(await it.effectIs(runId, 'ambiguous')).toMatchObject({ attempts: 2, error: expect.stringContaining('An earlier attempt may have gone through') });
  await it.runIs(it.ana, runId, 'waiting');
});

test('E5 a system that goes away after an unclear send leaves it unclear, never "not sent"', async () => {
  const { runId, release } = await sendAndHold('INV-10', 'Depot', depot);
  await endLease(runId);
  release(broken);
  await depot.stop();
  await until('it was tried again', async () => (await it.effectIs(runId, 'intended')).attempts >= 2);
  await endLease(runId);
  depot = await startErp({ honoursKey: true, port: depot.port });
  await it.runIs(it.ana, runId, 'done');
  expect(invoicesOf(depot, 'INV-10')).toHaveLength(1);
});

test('E6 an unclear send without a key asks those who could have approved; "it was sent" ends the run with the id they gave', async () => {
  const { runId, threadId, release } = await sendAndHold('INV-11', 'Books', books);
  release(broken);
  const effect = await it.effectIs(runId, 'ambiguous');
  const run = await it.runIs(it.ana, runId, 'waiting');
  expect(run).toMatchObject({ statusText: expect.stringContaining('was it sent?') });
  const [question] = await it.sql`select content from web_posts where key = ${`effect:${effect.id}`}`;
  expect(question?.['content']).toMatchObject({ title: expect.stringContaining('Was it sent?'), subject: { kind: 'effect', id: effect.id } });

  const answer = { outcome: 'sent', externalId: 'B-77' };
  const path = `/api/v1/effects/${effect.id}/resolution`;
  expect(await it.ana.post(path, answer)).toMatchObject({ status: 403, body: { detail: expect.stringContaining('someone else has to answer') } });
  const eve = await it.join('Eve', 'member');
  expect((await eve.post(path, answer)).status).toBe(403);
  expect((await (await it.stranger()).post(path, answer)).status).toBe(404);
  await it.runIs(it.ana, runId, 'waiting');

  expect((await it.bo.post(path, answer)).status).toBe(200);
  expect((await it.bo.post(path, { outcome: 'not_sent' })).status).toBe(409);
  await it.runIs(it.ana, runId, 'done');
  expect(postsOf(books, 'INV-11')).toHaveLength(1);
  expect(await it.answerIn(threadId)).toContain('B-77');
  expect(await it.audited('effect.resolved', effect.id)).toHaveLength(1);
});

test('E6 a key that the requester made for a colleague may not answer for them', async () => {
  const { runId, release } = await sendAndHold('INV-12', 'Books', books);
  release(broken);
  const effect = await it.effectIs(runId, 'ambiguous');
  await it.sql`update api_keys set created_by = (select requested_by from runs where id = ${runId}) where member_id = ${it.bo.memberId}`;
  const answer = await it.bo.post(`/api/v1/effects/${effect.id}/resolution`, { outcome: 'sent' });
  await it.sql`update api_keys set created_by = member_id`;
  expect(answer).toMatchObject({ status: 403, body: { detail: expect.stringContaining('made by the person who asked') } });
});

test('E6 "it was not sent" sends it again under the same effect; unclear once more, it asks once more', async () => {
  const { runId, threadId, release } = await sendAndHold('INV-13', 'Books', books);
  release(broken);
  const first = await it.effectIs(runId, 'ambiguous');
  books.behave(broken);
  const resolution = `/api/v1/effects/${first.id}/resolution`;
  expect((await it.bo.post(resolution, { outcome: 'not_sent' })).status).toBe(200);
  const second = await until('it is unclear again', async () => {
    const row = await it.effectIs(runId, 'ambiguous');
    return row.attempts === 2 && row;
  });
  expect(second.id).toBe(first.id);
  await it.runIs(it.ana, runId, 'waiting');
  await until('the question is open again', async () => {
    const [post] = await it.sql`select content from web_posts where key = ${`effect:${first.id}`}`;
    return JSON.stringify(post?.['content']).includes(`not_sent:${first.id}`);
  });
  books.behave(null);
  expect((await it.bo.post(resolution, { outcome: 'not_sent' })).status).toBe(200);
  await it.runIs(it.ana, runId, 'done');
  expect(invoicesOf(books, 'INV-13')).toHaveLength(1);
  expect(keysOf(books, 'INV-13')).toEqual(new Set([first.id]));
  expect(await it.answerIn(threadId)).toContain('id ERP-');
});

test('E3 a connection that is removed between decision and use is not used', async () => {
  const attic = await connect(it.erp, 'Attic', true);
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

test('E5 a connection that is removed after an unclear send: a person is asked, and nobody says "not run"', async () => {
  const shed = await connect(it.erp, 'Shed', true);
  const { runId, release } = await sendAndHold('INV-16', 'Shed');
  await endLease(runId);
  expect((await it.ana.delete(`/api/v1/connections/${shed}`)).status).toBeLessThan(300);
  release(broken);
  const effect = await it.effectIs(runId, 'ambiguous');
  expect((await it.bo.post(`/api/v1/effects/${effect.id}/resolution`, { outcome: 'sent', externalId: 'S-1' })).status).toBe(200);
  await it.runIs(it.ana, runId, 'done');
  expect(postsOf(it.erp, 'INV-16')).toHaveLength(1);
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
