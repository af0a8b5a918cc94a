import { afterAll, beforeAll, expect, test } from 'vitest';
import { addThread } from '#activities/turn/thread.fixture.ts';
import { startModel, type FakeModel } from '#test/fakes/model.ts';
import { startCompany, type Company } from '#test/setup/company.ts';
import { until } from '#test/setup/until.ts';

let it: Company;
let model: FakeModel;
let owner: { orgId: string; memberId: string };

beforeAll(async () => {
  model = await startModel();
  it = await startCompany({ env: model.env });
  const [row] = await it.sql`select id, org_id from members where email = 'ana@example.com'`;
  owner = { orgId: row?.['org_id'], memberId: row?.['id'] };
  model.answers(
    'how is order',
    'It is open. The customer placed it on Monday, and its three lines wait for the carrier.',
  );
  model.answers(
    'Tell me about order',
    `Ana asks about one order after the other. ${'All of them are open. '.repeat(100)}`,
  );
  model.answers('earlier summary', `Ana went on asking about orders. ${'None of them has changed. '.repeat(100)}`);
});
afterAll(async () => {
  await it?.stop();
  await model?.stop();
});

/** Characters of the prompt that the request's answer was made from; four are about a token. */
async function promptOf(text: string, threadId: string): Promise<number> {
  const { runId } = await it.ask(it.ana, text, threadId);
  await it.runIs(it.ana, runId, 'done');
  const bodies: object[] = JSON.parse(model.heard());
  const sent = bodies.map((body) => JSON.stringify(body)).filter((body) => body.includes(text));
  // A summary is asked for without tools.
  return sent.findLast((body) => body.includes('erp_createInvoice'))?.length ?? 0;
}
const summaryOf = (threadId: string, after = 0) =>
  until('the thread is summed up', async () => {
    const [row] =
      await it.sql`select up_to_seq, provider from thread_summaries where thread_id = ${threadId} and up_to_seq > ${after}`;
    return row;
  });

test('a prompt at 200 messages and more is at most 1.5 times one at 20, with and without a summary', async () => {
  const short = await promptOf('how is order A', await addThread(it.db, owner, 19));
  const threadId = await addThread(it.db, owner, 199);
  const long = [await promptOf('how is order B', threadId)];
  expect(await summaryOf(threadId)).toMatchObject({ up_to_seq: 190, provider: 'anthropic' });
  for (let asked = 0; asked < 10; asked += 1) long.push(await promptOf(`how is order C${asked}`, threadId));
  expect(await summaryOf(threadId, 190)).toMatchObject({ provider: 'anthropic' });
  console.log(`prompt at 20 messages: ${short} characters; at 200 and on: ${long.join(', ')}`);
  expect(Math.max(...long)).toBeLessThanOrEqual(1.5 * short);
  const [usage] =
    await it.sql`select count(*)::int as n from model_calls c join runs r on r.id = c.run_id where r.thread_id = ${threadId}`;
  expect(usage?.['n']).toBe(13);
});
