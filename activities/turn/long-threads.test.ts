import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { readConfig } from '#core/config.ts';
import { defaultPolicy } from '#core/policy.ts';
import type { Run } from '#db/runs.ts';
import { SUMMARY_TURN } from '#db/usage.ts';
import { createModels } from '#activities/models/index.ts';
import type { Model } from '#activities/models/model.ts';
import { startModel, type FakeModel } from '#test/fakes/model.ts';
import { idleClient } from '#test/web/client.ts';
import { addCalculator, addRows } from '#test/web/rows.ts';
import { addOrg, addPerson, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';
import { readContext } from './context.ts';
import { originsIn } from './propose.ts';
import { createSumUp } from './sum-up.ts';
import { addThread, askIn } from './thread.fixture.ts';

let world: World;
let sql: postgres.Sql;
let ana: Person;
let bo: Person;
let model: FakeModel;
let models: readonly Model[];

beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 2, onnotice: () => {} });
  ana = await addOrg(world);
  bo = await addPerson(world, ana.orgId, 'admin');
});
beforeEach(async () => {
  model = await startModel();
  models = createModels(readConfig(model.env)).chain;
});
afterEach(() => model.stop());
afterAll(async () => {
  await sql?.end();
  await world?.drop();
});

const PROSE = 'Ana looked at many orders; all are open.';
const answersAll = (text = PROSE): void => model.answers('Tell me about order', text);
const contextOf = (run: Run) => inOrg(world, run.orgId, (org) => readContext(org, run));
const textOf = async (run: Run) => (await contextOf(run)).messages.map(({ text }) => text).join('\n');
const sumUp = (run: Run, by = models) =>
  createSumUp(world.deps)(
    { orgId: run.orgId, runId: run.id, turn: 1, policy: defaultPolicy(), threadId: run.threadId },
    by,
  );
const summariesOf = (threadId: string) =>
  sql`select up_to_seq, text, outside, provider from thread_summaries where thread_id = ${threadId} order by up_to_seq`;
const taint = (threadId: string, seq: number, origin: string) =>
  sql`update messages set outside = ${origin} where thread_id = ${threadId} and seq = ${seq}`;
/** The answer at `seq` was made from what a connection said. */
async function readOutside(threadId: string, seq: number, connection: string): Promise<void> {
  await taint(threadId, seq, 'answer of ERP');
  await sql`insert into tool_calls (id, org_id, run_id, turn_number, call_number, tool, connection_id, input, status, outside)
    select gen_random_uuid(), org_id, run_id, 1, 1, 'erp_read', ${connection}, '{}', 'done', 'answer of ERP' from messages
    where thread_id = ${threadId} and seq = ${seq}`;
}
/** A thread that was summed up after somebody asked in it. */
async function summedUp(count = 30, by = models, prepare = async (_threadId: string): Promise<unknown> => undefined) {
  const threadId = await addThread(world.deps.db, ana, count);
  await prepare(threadId);
  await sumUp(await askIn(world.deps.db, ana, threadId), by);
  return threadId;
}

test('a later request reads the summary and the last messages, and the summary is marked as one', async () => {
  answersAll();
  const threadId = await summedUp();
  const { messages, taint } = await contextOf(await askIn(world.deps.db, ana, threadId, 'What next?'));
  expect(messages[0]).toMatchObject({ role: 'user', text: expect.stringContaining(`> ${PROSE}`) });
  expect(messages[0]?.text).toMatch(/^\[The first 21 messages of this thread, summed up/);
  expect(messages.slice(1)).toHaveLength(11);
  expect(messages.at(-1)?.text).toBe('What next?');
  expect(taint).toBeNull();
});

test('a summary is made once, and the next one goes on from it', async () => {
  answersAll();
  const threadId = await summedUp();
  await sumUp(await askIn(world.deps.db, ana, threadId));
  expect(await summariesOf(threadId)).toHaveLength(1);
  for (let asked = 0; asked < 10; asked += 1) await askIn(world.deps.db, ana, threadId);
  model.answers('earlier summary', 'Still the same.');
  await sumUp(await askIn(world.deps.db, ana, threadId));
  const [first, second, ...more] = await summariesOf(threadId);
  expect([first?.['up_to_seq'], second?.['up_to_seq'], more.length]).toEqual([21, 33, 0]);
  expect(model.heard()).toContain(PROSE);
});

test('R2 a run reads the same in all its turns: a summary that comes meanwhile is for later ones', async () => {
  answersAll();
  const threadId = await addThread(world.deps.db, ana, 30);
  const run = await askIn(world.deps.db, ana, threadId);
  const before = await textOf(run);
  await sumUp(run);
  expect(await summariesOf(threadId)).toHaveLength(1);
  expect(await textOf(run)).toBe(before);
  expect(await textOf(await askIn(world.deps.db, ana, threadId))).toContain(PROSE);
});

test('between two summaries each request’s prompt begins with all of the one before, so that vendors find it cached', async () => {
  answersAll();
  const threadId = await summedUp();
  const { messages } = await contextOf(await askIn(world.deps.db, ana, threadId));
  const later = await contextOf(await askIn(world.deps.db, ana, threadId));
  expect(later.messages.slice(0, messages.length)).toEqual(messages);
});

test('without a summary a long thread is cut, and says how much is left out', async () => {
  const threadId = await addThread(world.deps.db, ana, 1_000);
  const { messages } = await contextOf(await askIn(world.deps.db, ana, threadId));
  expect(messages).toHaveLength(27);
  expect(messages[0]).toEqual({ role: 'user', text: '[975 older messages are left out here.]' });
});

test('T1 a summary of outside text is outside text, with its origin and where it can go', async () => {
  answersAll('The secret is QX-7741-PLUM.');
  const connection = await addCalculator(world, ana, 'One');
  const threadId = await summedUp(30, models, (threadId) => readOutside(threadId, 4, connection));
  const context = await contextOf(await askIn(world.deps.db, ana, threadId));
  expect(context.taint).toBe('answer of ERP');
  expect(context.outside).toMatchObject([{ origin: 'answer of ERP', from: new Set([connection]) }]);
  expect(originsIn({ note: 'QX-7741-PLUM' }, context.outside)).toEqual([{ path: 'note', origin: 'answer of ERP' }]);
});

test('T1 the next summary inherits what the one before was made from', async () => {
  answersAll();
  const threadId = await summedUp(30, models, (threadId) => taint(threadId, 2, 'mail from x@example.com'));
  for (let asked = 0; asked < 12; asked += 1) await askIn(world.deps.db, ana, threadId);
  model.answers('earlier summary', 'Nothing more.');
  await sumUp(await askIn(world.deps.db, ana, threadId));
  expect(await summariesOf(threadId)).toHaveLength(2);
  expect((await contextOf(await askIn(world.deps.db, ana, threadId))).taint).toBe('mail from x@example.com');
});

test('T1 the words of another person stay outside text in a summary; one’s own do not become it', async () => {
  answersAll();
  const threadId = await summedUp();
  expect((await contextOf(await askIn(world.deps.db, ana, threadId))).taint).toBeNull();
  const forBo = await contextOf(await askIn(world.deps.db, bo, threadId));
  expect(forBo.taint).toMatch(/^message by /);
  expect(forBo.outside[0]?.text).toContain(PROSE);
  const withBo = await summedUp(30, models, async (threadId) => {
    await sql`update messages set member_id = ${bo.memberId} where thread_id = ${threadId} and seq = 3`;
  });
  expect((await contextOf(await askIn(world.deps.db, ana, withBo))).taint).toBe('message by A admin');
});

test('T1 an answer to another person is theirs: it may quote them when their own message is no longer read', async () => {
  const threadId = await addThread(world.deps.db, bo, 26);
  const context = await contextOf(await askIn(world.deps.db, ana, threadId));
  const said = context.messages.map(({ text }) => text);
  expect(said[1]).toMatch(/^Order 1 has/);
  expect(context.outside[0]).toMatchObject({ text: said[1], origin: 'answer to A admin' });
});

test('T2 what was written after messages that are left out may come from any of them', async () => {
  const connection = await addCalculator(world, ana, 'Two');
  const threadId = await addThread(world.deps.db, ana, 40);
  await readOutside(threadId, 40, connection);
  const { outside } = await contextOf(await askIn(world.deps.db, ana, threadId));
  expect(outside).toMatchObject([{ origin: 'answer of ERP', from: new Set([null, connection]) }]);
});

test('T1 a summary is as tainted as all before it, also where nobody read it', async () => {
  answersAll();
  const threadId = await summedUp(200, models, (threadId) => taint(threadId, 2, 'answer of ERP'));
  const [summary] = await summariesOf(threadId);
  expect(summary?.['text']).toContain('(141 messages before these were not summed up.)');
  expect((await contextOf(await askIn(world.deps.db, ana, threadId))).taint).toBe('answer of ERP');
});

test('the requester’s own words are those that are still read', async () => {
  answersAll();
  const threadId = await summedUp();
  const { own } = await contextOf(await askIn(world.deps.db, ana, threadId, 'Zephyrine Quill'));
  expect(own).toContain('Zephyrine Quill');
  expect(own.join()).not.toContain('order 1,');
});

test('E8 what was done stands in the summary from the ledger, whatever the model says', async () => {
  answersAll();
  const threadId = await summedUp(30, models, async (threadId) => {
    const rows = await addRows(world, ana);
    await sql`update effects set state = 'confirmed', external_id = '42', summary = 'Create invoice INV-77',
      run_id = (select id from runs where thread_id = ${threadId} and number = 2) where id = ${rows.effectId}`;
  });
  const [summary] = await summariesOf(threadId);
  expect(summary?.['text']).toBe(`${PROSE}\nBy the ledger:\nRequest 2: Done: Create invoice INV-77 · id 42`);
});

test('the rule-based mode quotes the requests, and calls nobody', async () => {
  const threadId = await summedUp(30, []);
  const [summary] = await summariesOf(threadId);
  expect(summary?.['text']).toContain('(3 older requests are not listed.)\nRequest 4 (owner');
  expect(summary?.['text']).toContain('done): “Tell me about order 7, with its lines, please.”');
  expect(summary?.['provider']).toBe('abetworks');
  expect(model.heard()).toBe('[]');
});

test('a dialogue of the rule-based mode is not cut in two', async () => {
  const asking = '*Rule-based mode.* I need the **amount** (number) for `erp_createInvoice`.';
  const threadId = await summedUp(30, [], async (threadId) => {
    await sql`update messages set text = ${asking} where thread_id = ${threadId} and seq in (18, 20, 22)`;
  });
  const { messages } = await contextOf(await askIn(world.deps.db, ana, threadId));
  expect(messages[1]?.text).toContain('order 17,');
});

test('a model that fails leaves the thread as it is, until something would fall out: then requests are quoted', async () => {
  const threadId = await addThread(world.deps.db, ana, 20);
  await sumUp(await askIn(world.deps.db, ana, threadId));
  expect(await summariesOf(threadId)).toHaveLength(0);
  await askIn(world.deps.db, ana, threadId);
  await sumUp(await askIn(world.deps.db, ana, threadId));
  expect(await summariesOf(threadId)).toMatchObject([{ provider: 'abetworks' }]);
  expect(
    await sql`select status from model_calls where run_id in (select id from runs where thread_id = ${threadId})`,
  ).toHaveLength(2);
});

test('few but very long messages are summed up too', async () => {
  model.answers('long story', PROSE);
  const threadId = await addThread(world.deps.db, ana, 6, `long story ${'and so on '.repeat(1_100)}`);
  const run = await askIn(world.deps.db, ana, threadId);
  expect((await contextOf(run)).isLong).toBe(true);
  await sumUp(run);
  expect(await summariesOf(threadId)).toMatchObject([{ up_to_seq: 3 }]);
});

test('an answer that is no summary is not taken for one, and a long one is cut', async () => {
  answersAll('x'.repeat(10_000));
  const cutThread = await summedUp();
  const [summary] = await summariesOf(cutThread);
  expect(summary?.['text'].length).toBeLessThan(1_100);
  const threadId = await addThread(world.deps.db, ana, 22);
  await model.stop();
  model = await startModel();
  answersAll('');
  await sumUp(await askIn(world.deps.db, ana, threadId), createModels(readConfig(model.env)).chain);
  expect((await summariesOf(threadId))[0]?.['provider']).toBe('abetworks');
});

test('R2 a request is never left out of its own context, however much its tools have said', async () => {
  const threadId = await addThread(world.deps.db, ana, 4);
  const run = await askIn(world.deps.db, ana, threadId, 'What do all twelve say?');
  await sql`insert into turns (id, org_id, run_id, number, kind, text, provider, model)
    select gen_random_uuid(), ${run.orgId}, ${run.id}, n, 'tools', '', 'm', 'm' from generate_series(1, 12) n`;
  await sql`insert into tool_calls (id, org_id, run_id, turn_number, call_number, tool, input, status, result, model_call_id)
    select gen_random_uuid(), ${run.orgId}, ${run.id}, n, 1, 'erp_read', '{}', 'done', repeat('x', 20000), 'c' || n from generate_series(1, 12) n`;
  const { messages } = await contextOf(run);
  expect(messages[0]).toEqual({ role: 'user', text: 'What do all twelve say?' });
  expect(messages[1]?.role).toBe('assistant');
  expect(messages.at(-1)).toMatchObject({ role: 'tool', callId: 'c12' });
  expect(JSON.stringify(messages).length).toBeLessThan(202_000);
});

test('a vendor’s signatures in call ids push nothing out of the context', async () => {
  const threadId = await addThread(world.deps.db, ana, 4);
  const run = await askIn(world.deps.db, ana, threadId);
  await sql`insert into turns (id, org_id, run_id, number, kind, text, provider, model)
    select gen_random_uuid(), ${run.orgId}, ${run.id}, n, 'tools', '', 'm', 'm' from generate_series(1, 12) n`;
  await sql`insert into tool_calls (id, org_id, run_id, turn_number, call_number, tool, input, status, result, model_call_id)
    select gen_random_uuid(), ${run.orgId}, ${run.id}, n, 1, 'erp_read', '{}', 'done', 'ok', n || repeat('s', 20000) from generate_series(1, 12) n`;
  expect((await contextOf(run)).messages).toHaveLength(5 + 24);
});

test('T1 a receipt in a summary holds the other side’s id: outside text, also of a request that ended right after it', async () => {
  const threadId = await addThread(world.deps.db, ana, 30);
  await sql`insert into tool_calls (id, org_id, run_id, turn_number, call_number, tool, input, status, outside)
    select gen_random_uuid(), org_id, id, 1, 1, 'erp_write', '{}', 'done', 'answer of ERP' from runs where thread_id = ${threadId} and number = 2`;
  answersAll();
  await sumUp(await askIn(world.deps.db, ana, threadId));
  expect((await contextOf(await askIn(world.deps.db, ana, threadId))).taint).toBe('answers of tools');
});

test('what a summary costs is counted with the run, as none of its turns', async () => {
  answersAll();
  const threadId = await addThread(world.deps.db, ana, 30);
  const run = await askIn(world.deps.db, ana, threadId);
  await sumUp(run);
  expect(await sql`select turn_number from model_calls where run_id = ${run.id}`).toEqual([
    { turn_number: SUMMARY_TURN },
  ]);
});
