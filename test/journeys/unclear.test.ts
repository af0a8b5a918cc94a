import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startErp, type Erp } from '#test/fakes/erp.ts';
import { broken, invoicesOf, keysOf, postsOf, startCompany, type Company } from '#test/setup/company.ts';
import { until } from '#test/setup/until.ts';

let it: Company;
/** Ignores the key, and its document says so. */
let books: Erp;
/** Goes away and comes back. */
let depot: Erp;

beforeAll(async () => {
  [books, depot] = await Promise.all([startErp(), startErp({ honoursKey: true })]);
  it = await startCompany({ egress: [books, depot] });
  await it.connect(books, 'Books', { declaresKey: false });
  await it.connect(depot, 'Depot');
});
afterAll(async () => {
  await it?.stop();
  await books?.stop();
  await depot?.stop();
});
afterEach(() => {
  for (const system of [it.erp, books]) system.behave(null);
});

test('E5 an error after the write reached a system that honours our key: the same key is sent again, and there is one invoice', async () => {
  const { runId, threadId, release } = await it.sendAndHold('INV-5');
  await it.endLease(runId);
  // It made the invoice and then failed to say so.
  release((received, response) => {
    it.erp.make(received);
    broken(received, response);
  });
  await it.runIs(it.ana, runId, 'done');
  expect(postsOf(it.erp, 'INV-5')).toHaveLength(2);
  expect(keysOf(it.erp, 'INV-5')).toEqual(new Set([(await it.effectIs(runId, 'confirmed')).id]));
  expect(invoicesOf(it.erp, 'INV-5')).toHaveLength(1);
  expect(await it.answerIn(threadId)).toContain('id ERP-');
});

test('E5 a connection that breaks after the write: sent again under the same key where that is honoured', async () => {
  const { runId, release } = await it.sendAndHold('INV-6');
  await it.endLease(runId);
  release((_, response) => response.destroy());
  await it.runIs(it.ana, runId, 'done');
  expect(invoicesOf(it.erp, 'INV-6')).toHaveLength(1);
  expect(keysOf(it.erp, 'INV-6').size).toBe(1);
});

test('E5 a system that never answers is given 20 s: with a key it is asked again, without one a person is', async () => {
  const [keyed, blind] = await Promise.all([
    it.sendAndHold('INV-7'),
    it.sendAndHold('INV-8', { connection: 'Books', erp: books }),
  ]);
  await it.endLease(keyed.runId);
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
  const { runId, release } = await it.sendAndHold('INV-9');
  await it.endLease(runId);
  release(broken);
  it.erp.behave((_, response) => response.writeHead(401).end());
  expect(await it.effectIs(runId, 'ambiguous')).toMatchObject({
    attempts: 2,
    error: expect.stringContaining('An earlier attempt may have gone through'),
  });
  await it.runIs(it.ana, runId, 'waiting');
});

test('E5 a system that goes away after an unclear send leaves it unclear, never "not sent"', async () => {
  const { runId, release } = await it.sendAndHold('INV-10', { connection: 'Depot', erp: depot });
  await it.endLease(runId);
  release(broken);
  await depot.stop();
  await until('it was tried again', async () => (await it.effectIs(runId, 'intended')).attempts >= 2);
  await it.endLease(runId);
  depot = await startErp({ honoursKey: true, port: depot.port });
  await it.runIs(it.ana, runId, 'done');
  expect(invoicesOf(depot, 'INV-10')).toHaveLength(1);
});

test('E6 an unclear send without a key asks those who could have approved; "it was sent" ends the run with the id they gave', async () => {
  const { runId, threadId, release } = await it.sendAndHold('INV-11', { connection: 'Books', erp: books });
  release(broken);
  const effect = await it.effectIs(runId, 'ambiguous');
  const run = await it.runIs(it.ana, runId, 'waiting');
  expect(run).toMatchObject({ statusText: expect.stringContaining('was it sent?') });
  const [question] = await it.sql`select content from web_posts where key = ${`effect:${effect.id}`}`;
  expect(question?.['content']).toMatchObject({
    title: expect.stringContaining('Was it sent?'),
    subject: { kind: 'effect', id: effect.id },
  });

  const answer = { outcome: 'sent', externalId: 'B-77' };
  const path = `/api/v1/effects/${effect.id}/resolution`;
  expect(await it.ana.post(path, answer)).toMatchObject({
    status: 403,
    body: { detail: expect.stringContaining('someone else has to answer') },
  });
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
  const { runId, release } = await it.sendAndHold('INV-12', { connection: 'Books', erp: books });
  release(broken);
  const effect = await it.effectIs(runId, 'ambiguous');
  await it.sql`update api_keys set created_by = (select requested_by from runs where id = ${runId}) where member_id = ${it.bo.memberId}`;
  const answer = await it.bo.post(`/api/v1/effects/${effect.id}/resolution`, { outcome: 'sent' });
  await it.sql`update api_keys set created_by = member_id`;
  expect(answer).toMatchObject({
    status: 403,
    body: { detail: expect.stringContaining('made by the person who asked') },
  });
});

test('E6 "it was not sent" sends it again under the same effect; unclear once more, it asks once more', async () => {
  const { runId, threadId, release } = await it.sendAndHold('INV-13', { connection: 'Books', erp: books });
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

test('E5 a connection that is removed after an unclear send: a person is asked, and nobody says "not run"', async () => {
  const shed = await it.connect(it.erp, 'Shed');
  const { runId, release } = await it.sendAndHold('INV-16', { connection: 'Shed' });
  await it.endLease(runId);
  expect((await it.ana.delete(`/api/v1/connections/${shed}`)).status).toBeLessThan(300);
  release(broken);
  const effect = await it.effectIs(runId, 'ambiguous');
  expect(
    (await it.bo.post(`/api/v1/effects/${effect.id}/resolution`, { outcome: 'sent', externalId: 'S-1' })).status,
  ).toBe(200);
  await it.runIs(it.ana, runId, 'done');
  expect(postsOf(it.erp, 'INV-16')).toHaveLength(1);
});
