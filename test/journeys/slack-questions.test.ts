import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startErp, type Erp } from '#test/fakes/erp.ts';
import { mentions, readable, type Message } from '#test/fakes/slack/index.ts';
import { broken, invoicesOf, postsOf } from '#test/setup/company.ts';
import { startSlackDesk, type SlackDesk } from '#test/setup/slack-desk.ts';
import { until } from '#test/setup/until.ts';

let it: SlackDesk;
/** Knows no idempotency keys. */
let books: Erp;
beforeAll(async () => {
  books = await startErp();
  it = await startSlackDesk({ egress: [books] });
  await it.connect(books, 'Books', { declaresKey: false });
});
afterAll(async () => {
  await it?.stop();
  await books?.stop();
});
beforeEach(() => books.behave(null));

const say = (text: string, options = {}) => it.as('ana').say('general', `@bot ${text}`, options);
const runAt = (ts: string): Promise<string> =>
  until('the run is there', async () => {
    const [row] = await it.sql<{ id: string }[]>`
      select r.id from runs r join threads t on t.id = r.thread_id where t.thread = ${ts} order by r.number desc`;
    return row?.id;
  });
/** An invoice whose system fails after it was told: the question that then stands in the thread. */
async function unclear(number: string): Promise<{ ts: string; question: Message; runId: string }> {
  books.behave(broken);
  const ts = await say(`post invoice ${number} over 4200 EUR to the Books`);
  await it.as('bo').click(await it.hears('general', ts, 'Approval needed'), 'Approve');
  const question = await it.hears('general', ts, 'Was it sent?');
  books.behave(null);
  const runId = await runAt(ts);
  // Slack has it a moment before it is recorded.
  await until('the question is recorded', async () => {
    const [effect] = await it.sql`select question_shows from effects where run_id = ${runId}`;
    return effect?.['question_shows'];
  });
  return { ts, question, runId };
}
const settled = (question: Message, words: string) =>
  until(`the question says ${words}`, async () => {
    const text = readable(it.now(question));
    if (!text.includes(words) || text.includes('[')) throw new Error(text);
    return text;
  });

test('E6 an unclear send is asked about in the thread; "It was sent" takes the id, and nothing is sent again', async () => {
  const { ts, question } = await unclear('INV-41');
  expect(readable(question)).toContain('[It was sent] [It was not sent: send again]');
  await it.as('bo').click(question, 'It was sent');
  expect((await it.as('bo').submit(await it.modal('bo', 'sent'), { external_id: 'B-77' })).body).toBeFalsy();
  await until('no step looks as if it went on', async () => {
    const [live] = it.slack.streams().filter(({ threadTs }) => threadTs === ts);
    return (live?.tasks ?? []).every((one) => one['status'] !== 'in_progress');
  });
  expect(await settled(question, 'it was sent')).toMatch(/Bo said it was sent.* · id B-77/);
  await it.hears('general', ts, /Done: .*INV-41.* · id B-77/);
  expect(postsOf(books, 'INV-41')).toHaveLength(1);
});

test('E6 who may not, and a click on a question that is none, settle nothing; "It was not sent" sends again, once', async () => {
  const [one, two] = [await unclear('INV-42'), await unclear('INV-43')];
  await it.as('ana').click(one.question, 'It was not sent: send again');
  await it.told('ana', 'You asked for this');
  await it.as('mia').click(one.question, 'It was not sent: send again');
  await it.told('mia', 'could have approved');
  const other = await it.sql<{ id: string }[]>`select id from effects where run_id = ${two.runId}`;
  for (const id of [other[0]?.id ?? '', one.runId])
    await it.as('bo').click(one.question, 'It was not sent: send again', {
      tamper: (payload) => (payload['actions'][0].action_id = `not_sent:${id}`),
    });
  await until('both were refused', async () => {
    const told = it.slack.ephemerals('bo').map(readable);
    return told.filter((text) => text.includes('not the question')).length === 2;
  });
  for (const { runId } of [one, two]) await it.effectIs(runId, 'ambiguous');
  await Promise.all([1, 2].map(() => it.as('bo').click(one.question, 'It was not sent: send again')));
  await it.hears('general', one.ts, /Done: .*INV-42/);
  await settled(one.question, 'sent');
  expect(invoicesOf(books, 'INV-42')).toHaveLength(1);
  expect(postsOf(books, 'INV-42')).toHaveLength(2);
  expect(postsOf(books, 'INV-43')).toHaveLength(1);
});

test('what people think of an answer is kept with its run, and a suggestion asks in the same thread', async () => {
  const ts = await say('help');
  const answer = await it.hears('general', ts, /\[Good answer\]/);
  await it.as('mia').click(answer, 'Good answer');
  await it.as('mia').click(answer, 'Bad answer');
  const runId = await runAt(ts);
  expect(await it.sql`select rating, surface from run_feedback where run_id = ${runId}`).toEqual([
    { rating: 'bad', surface: 'slack' },
  ]);
  const suggestion =
    JSON.stringify(answer)
      .match(/"suggest:\d+"/g)?.[0]
      ?.replaceAll('"', '') ?? '';
  expect(suggestion).toBe('suggest:0');
  await it.as('ana').click(answer, suggestion);
  await until('the thread says what was asked, and answers', async () => {
    const said = it.slack.thread('general', ts).filter((one) => one['user'] === it.slack.botUserId);
    return said.some((one) => readable(one).startsWith('ana asked: status'));
  });
  expect(await runAt(ts)).not.toBe(runId);
});

test('Slack had nothing to complain about', () => {
  expect(it.slack.violations()).toEqual([]);
  expect(
    it.slack
      .messages('general')
      .filter((one) => one['user'] === it.slack.botUserId)
      .flatMap(mentions),
  ).toEqual([]);
  if (process.env['TRANSCRIPT']) console.info(it.slack.transcript('general'));
});
