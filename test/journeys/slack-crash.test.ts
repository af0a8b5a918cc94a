import { afterAll, beforeAll, expect, test } from 'vitest';
import { invoicesOf } from '#test/setup/company.ts';
import { startSlackProcesses, type SlackProcesses } from '#test/setup/slack-processes.ts';
import type { Json } from '#test/fakes/slack/index.ts';
import { until } from '#test/setup/until.ts';

let it: SlackProcesses;
beforeAll(async () => {
  const channels = { stored: {}, card: {}, answer: {}, live: {}, away: {}, events: {} };
  it = await startSlackProcesses({
    roles: ['web', 'worker'],
    slack: { channels, redeliverAfterMs: [500, 2_000, 10_000] },
  });
});
afterAll(() => it.stop());

const keyOf = ({ metadata }: Json): string => metadata?.event_payload?.key ?? '';
const isKeyed = (kind: string, number: string) => (args: Json) =>
  keyOf(args).startsWith(`${kind}:`) && JSON.stringify(args).includes(number);
const saidOnce = (channel: string, ts: string) => it.said(channel, ts).map(keyOf).filter(Boolean);

async function endsRight(channel: string, ts: string, number: string): Promise<void> {
  await it.hears(channel, ts, new RegExp(`Done: .*${number}`));
  const runs = await it.runOf(channel, ts);
  expect(runs).toHaveLength(1);
  const runId = runs[0]?.id ?? '';
  await it.runIs(it.ana, runId, 'done');
  await it.liveIsClosed(runId);
  // Where Slack was away all the time, no session was begun.
  expect([undefined, 'active']).toContain(it.slack.session(channel, ts)?.status);
  expect(saidOnce(channel, ts)).toEqual([expect.stringMatching(/^approval:/), `reply:${runId}`]);
  expect(invoicesOf(it.erp, number)).toHaveLength(1);
  expect(it.slack.streams().filter(({ threadTs, state }) => threadTs === ts && state === 'streaming')).toEqual([]);
  expect(it.slack.status(channel, ts)).toBeNull();
}

/** Leaves out the 30 s that others wait for a process that holds something (RULES E4). */
const endLeases = async () => {
  await it.sql`update slack_posts set lease_until = now() where lease_until is not null`;
  await it.sql`update effects set lease_until = now() where lease_until is not null`;
  await it.sql`update slack_live set next_show_at = now(), due_at = now() where closed_at is null`;
};

test('E4 I4 S1 killed after an event was acknowledged, at the post of a card and of a reply, and in the middle of a live message: every thread ends right', async () => {
  const erp = Promise.withResolvers<void>();
  it.erp.behave(async (received, response) => {
    if (received.body.includes('INV-504')) await erp.promise;
    it.erp.create(received, response);
  });
  const faults = [
    it.slack.fault('chat.postMessage', 'hang after', 1, isKeyed('approval', 'INV-502')),
    it.slack.fault('chat.postMessage', 'hang after', 1, isKeyed('reply', 'INV-503')),
  ];
  const live = await it.proposeIn('INV-504', { channel: 'live' });
  await it.slack.as('bo').click(live.card, 'Approve');
  await until('it streams', async () => it.slack.streams().some(({ threadTs }) => threadTs === live.ts));
  const answer = await it.proposeIn('INV-503', { channel: 'answer' });
  await it.slack.as('bo').click(answer.card, 'Approve');
  const card = await it.slack.as('ana').say('card', '@bot post invoice INV-502 over 4200 EUR to the ERP');
  // Its place cannot be on record yet: Slack's answer hangs.
  await until('Slack has the card', async () =>
    it.said('card', card).some((said) => keyOf(said).startsWith('approval:')),
  );
  await it.hears('answer', answer.ts, /Done: /);
  // Nobody finds out what became of the two before the kill, however slow the machine.
  const looks = (args: Json) => [card, answer.ts].includes(args['ts']);
  faults.push(it.slack.fault('conversations.replies', 'hang', 99, looks));
  it.wires.temporal.cut();
  const stored = await it.slack.as('ana').say('stored', '@bot post invoice INV-501 over 4200 EUR to the ERP');
  await it.slack.quiet();
  expect(it.slack.deliveries().at(-1)).toMatchObject({ status: 200 });
  expect(await it.sql`select 1 from runs where started_at is null`).toHaveLength(1);
  expect(await it.sql`select key from slack_posts where state = 'intended' order by key`).toMatchObject([
    { key: expect.stringMatching(/^approval:/) },
    { key: `reply:${answer.runId}` },
  ]);
  await it.kill();

  it.wires.temporal.mend();
  for (const fault of faults) fault.release();
  erp.resolve();
  await endLeases();
  await it.start();
  const decide = async (channel: string, ts: string) => {
    const asked = await it.hears(channel, ts, 'Approval needed');
    await it.cardAt(channel, asked['ts']);
    await it.slack.as('bo').click(asked, 'Approve');
  };
  await Promise.all([decide('card', card), decide('stored', stored)]);
  await Promise.all([
    endsRight('live', live.ts, 'INV-504'),
    endsRight('answer', answer.ts, 'INV-503'),
    endsRight('card', card, 'INV-502'),
    endsRight('stored', stored, 'INV-501'),
  ]);
}, 90_000);

test('E5 Slack is away during a request: the run goes on, and speaks when Slack is back', async () => {
  // Who she is was asked a moment ago; nobody is believed whom Slack never vouched for.
  await it.hears('away', await it.slack.as('ana').say('away', '@bot hi'), /./);
  await it.wires.slack.unplug();
  const ts = await it.slack.as('ana').say('away', '@bot post invoice INV-511 over 4200 EUR to the ERP');
  await it.slack.quiet();
  const [run] = await it.runOf('away', ts);
  await until('it asks', async () => (await it.sql`select 1 from approvals where run_id = ${run?.id ?? ''}`)[0]);
  await until('it could not say so', async () => it.output().includes('unreachable'));
  expect(it.said('away', ts)).toEqual([]);
  await it.wires.slack.plug();
  const card = await it.hears('away', ts, 'Approval needed');
  await it.cardAt('away', card['ts']);
  await it.wires.slack.unplug();
  // The click itself comes over Slack's own line.
  await it.slack.as('bo').click(card, 'Approve');
  await it.runIs(it.ana, run?.id ?? '', 'running', 'done');
  await until('it is done', async () => invoicesOf(it.erp, 'INV-511').length === 1);
  await it.wires.slack.plug();
  await endsRight('away', ts, 'INV-511');
});

test('I1 the database restarts while events come: none is acknowledged unstored, none is lost, none is doubled', async () => {
  await until(
    'nothing is under way',
    async () => (await it.sql`select 1 from runs where status = 'running'`).length === 0,
  );
  it.wires.postgres.cut();
  const asked: string[] = [];
  for (let n = 1; n <= 5; n += 1) asked.push(await it.slack.as('ana').say('events', `@bot hi ${n}`));
  const deliveriesOf = (ts: string) => it.slack.deliveries().filter(({ envelope }) => envelope['event'].ts === ts);
  await until('Slack tried each', async () => asked.every((ts) => deliveriesOf(ts).length > 0));
  for (const ts of asked) expect(deliveriesOf(ts).some(({ status }) => status === 200)).toBe(false);
  it.wires.postgres.mend();
  for (const ts of asked) {
    await it.hears('events', ts, /./);
    const [run, ...more] = await it.runOf('events', ts);
    expect(more).toEqual([]);
    await it.runIs(it.ana, run?.id ?? '', 'done');
    expect(saidOnce('events', ts)).toEqual([`reply:${run?.id}`]);
    await until('Slack hears so', async () => deliveriesOf(ts).some(({ status }) => status === 200));
  }
});
