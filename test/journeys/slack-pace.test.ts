import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startFront, type Front } from '#test/fakes/front.ts';
import { startModel, type FakeModel } from '#test/fakes/model.ts';
import { readable, type Json } from '#test/fakes/slack/index.ts';
import { invoicesOf } from '#test/setup/company.ts';
import { startSlackCompany, type SlackCompany } from '#test/setup/slack-company.ts';
import { until } from '#test/setup/until.ts';

// Most of it waits: for turns in a channel, and for the next time a run is shown.
vi.setConfig({ maxConcurrency: 8 });

let model: FakeModel;
let front: Front;
let it: SlackCompany;
beforeAll(async () => {
  model = await startModel();
  front = await startFront(model.env.ANTHROPIC_BASE_URL);
  const channels = { busy: {}, killed: {}, bursts: {}, thinking: {}, steps: {} };
  it = await startSlackCompany({ slack: { channels }, env: { ...model.env, ANTHROPIC_BASE_URL: front.url } });
  // Their copies would share Bo's direct messages, and its budget.
  await it.sql`update orgs set settings = settings || '{"slack": {"matchEmail": false, "channels": [], "tellApprovers": false}}'`;
  const held = new Map<string, () => void>();
  it.erp.behave((received, response) => {
    const [number] = /INV-4\d\d/.exec(received.body) ?? [received.method];
    held.set(number, () => it.erp.create(received, response));
  });
  letGo = (number) =>
    until(`the ERP was asked for ${number}`, async () => held.get(number)).then((answer) => {
      held.delete(number);
      answer();
    });
});
afterAll(async () => {
  await it.stop();
  await front.stop();
  await model.stop();
});

/** Answers what the ERP holds: the write of an invoice, or (GET) a read. */
let letGo: (number: string) => Promise<unknown>;
const invoice = (number: string) => ({ erp_createInvoice: { number, amount: 4200, currency: 'EUR' } });
const streamsIn = (ts: string) => it.slack.streams().filter(({ threadTs }) => threadTs === ts);
const streamIn = (ts: string, nth = 1) => until(`stream ${nth} is there`, async () => streamsIn(ts)[nth - 1]);
const plain = (message: Json): string => readable(message).replaceAll(/\s+/g, ' ');
/** Lets so much time go by for a run and what it shows; `isStreaming`: once its stream is on record, which is after Slack has it. */
const age = async (runId: string, time: string, { isStreaming = false } = {}) => {
  if (isStreaming)
    await until(
      'the stream is on record',
      async () => (await it.sql`select 1 from slack_live where run_id = ${runId} and stream_started_at is not null`)[0],
    );
  await it.sql`update runs set created_at = created_at - ${time}::interval where id = ${runId}`;
  await it.sql`update slack_live set stream_started_at = stream_started_at - ${time}::interval, session_at = session_at - ${time}::interval,
    due_at = due_at - ${time}::interval where run_id = ${runId}`;
};
const approve = async (channel: string, number: string) => {
  model.answers(number, invoice(number), 'It is posted.');
  const asked = await it.proposeIn(number, { channel });
  await it.sessionIs(channel, asked.ts, 'suspended');
  expect(streamsIn(asked.ts)).toEqual([]);
  await it.slack.as('bo').click(asked.card, 'Approve');
  return asked;
};
const endsRight = async (channel: string, { ts, runId }: { ts: string; runId: string }) => {
  await it.runIs(it.ana, runId, 'done');
  await it.sessionIs(channel, ts, 'active');
  await it.liveIsClosed(runId);
  expect(
    streamsIn(ts)
      .filter(({ state }) => state === 'streaming')
      .map((one) => one.ts),
  ).toEqual([]);
  expect(it.slack.status(channel, ts)).toBeNull();
};

test.concurrent('a channel that takes one message a second: twelve requests at once are all answered, once', async () => {
  model.answers('hello number', 'Hello to you.');
  it.slack.options.strictRate = { perSecond: 1, burst: 1 };
  const channel = it.slack.channels['busy' as never];
  const asked: string[] = [];
  for (let n = 1; n <= 12; n += 1) asked.push(await it.slack.as('ana').say('busy', `@bot hello number ${n}`));
  await Promise.all(asked.map((ts) => until('it is answered', async () => it.said('busy', ts)[0], 40_000)));
  // What Slack refused as too much was said again.
  const posts = it.slack.calls('chat.postMessage').filter(({ args }) => args['channel'] === channel);
  const keyOf = ({ args }: { args: Json }): string => args['metadata'].event_payload.key;
  const posted = posts.filter(({ answer }) => answer === 'ok').map(keyOf);
  expect(new Set(posted)).toEqual(new Set(posts.map(keyOf)));
  for (const ts of asked) expect(it.said('busy', ts)).toHaveLength(1);
  it.slack.options.strictRate = null;
}, 60_000);

test.concurrent('a stream that Slack ends goes on as an edited message, and the thread ends right', async () => {
  const asked = await approve('killed', 'INV-401');
  const stream = await streamIn(asked.ts);
  // As if it were as old as Slack lets them become.
  it.slack.ageStream(stream.ts, 5 * 60_000);
  await letGo('INV-401');
  await it.hears('killed', asked.ts, /Done: .*INV-401/);
  await it.liveIsClosed(asked.runId);
  const message = it.slack.message('killed', stream.ts);
  expect(plain(message ?? {})).toMatch(/INV-401/);
  await endsRight('killed', asked);
}, 60_000);

test.concurrent('a stream that grows old is ended before Slack does it; how its step went is added to it', async () => {
  const asked = await approve('bursts', 'INV-402');
  const first = await streamIn(asked.ts);
  await age(asked.runId, '4 minutes', { isStreaming: true });
  await until('it ends', async () => it.slack.streams().find(({ ts }) => ts === first.ts)?.state === 'completed');
  await letGo('INV-402');
  await it.hears('bursts', asked.ts, /Done: .*INV-402/);
  await endsRight('bursts', asked);
  expect(plain(it.slack.message('bursts', first.ts) ?? {})).toMatch(/^Finished ✓ .*INV-402/);
}, 60_000);

test.concurrent('a model that thinks for six minutes: the session is kept alive, and the thread ends right', async () => {
  model.answers('think long', 'I have thought.');
  front.hold('think long');
  const ts = await it.slack.as('ana').say('thinking', '@bot think long');
  await until('the model thinks', async () => front.held() > 0);
  const [run] = await it.runOf('thinking', ts);
  await it.sessionIs('thinking', ts, 'processing');
  await age(run!.id, '2 minutes');
  const stream = await streamIn(ts);
  await age(run!.id, '4 minutes', { isStreaming: true });
  await until('it ends', async () => it.slack.streams().find((one) => one.ts === stream.ts)?.state === 'completed');
  front.release();
  await it.hears('thinking', ts, 'I have thought.');
  await endsRight('thinking', { ts, runId: run!.id });
  expect(it.slack.sessionHistory('thinking', ts).map(({ status }) => status)).toEqual([
    'processing',
    'processing',
    'active',
  ]);
}, 60_000);

test.concurrent('no stream is held while somebody decides', async () => {
  model.answers('INV-403', { erp_listInvoices: {} }, invoice('INV-403'), 'It is posted.');
  const proposing = it.proposeIn('INV-403', { channel: 'steps' });
  const ts = await until('it is said', async () => it.slack.messages('steps')[0]?.['ts'] as string);
  const first = await streamIn(ts);
  expect(first).toMatchObject({ state: 'streaming', tasks: [{ status: 'in_progress' }] });
  await letGo('GET');
  const asked = await proposing;
  await it.sessionIs('steps', ts, 'suspended');
  expect(streamsIn(ts)).toMatchObject([{ state: 'completed', tasks: [{ status: 'complete' }] }]);
  await it.slack.as('bo').click(asked.card, 'Approve');
  const second = await streamIn(ts, 2);
  expect(second.tasks).toHaveLength(1);
  await letGo('INV-403');
  await it.hears('steps', ts, /Done: .*INV-403/);
  await endsRight('steps', asked);
  expect(invoicesOf(it.erp, 'INV-403')).toHaveLength(1);
}, 60_000);
