import { afterAll, beforeAll, expect, test } from 'vitest';
import { invoicesOf } from '#test/setup/company.ts';
import { startSlackProcesses, type SlackProcesses } from '#test/setup/slack-processes.ts';
import type { Json } from '#test/fakes/slack/index.ts';
import { until } from '#test/setup/until.ts';

let it: SlackProcesses;
beforeAll(async () => {
  it = await startSlackProcesses({ roles: ['all'], env: { ABETWORKS_LOG_LEVEL: 'debug' } });
  await it.sql`update orgs set settings = settings || '{"slack": {"matchEmail": false, "channels": [], "tellApprovers": true}}'`;
});
afterAll(() => it.stop());

const copiesOf = (number: string) =>
  it.slack.messages(it.slack.as('bo').dmChannel()).filter((one) => JSON.stringify(one).includes(number));
/** Temporal repeats a step that a kill cut off, but none that has ended. */
const hasAsked = (runId: string): boolean =>
  it
    .output()
    .split('\n')
    .some((line) => ['activity ended', '"requestApproval"', runId].every((words) => line.includes(words)));
const isTold = async (approvalId: string): Promise<boolean> =>
  (await it.sql`select tell_at from approvals where id = ${approvalId}`)[0]?.['tell_at'] === null;

test('S1 A7 killed while an approver was told: after the start the copy is there, once, and counts; one decided meanwhile says so', async () => {
  const direct = it.slack.as('bo').dmChannel();
  const copyOf = (number: string) => (args: Json) =>
    args['channel'] === direct && JSON.stringify(args).includes(number);
  // Slack never does the first; the second it does, and nobody hears of it.
  it.slack.fault('chat.postMessage', 'hang', 1, copyOf('INV-601'));
  const answer = it.slack.fault('chat.postMessage', 'hang after', 1, copyOf('INV-602'));
  const looks = it.slack.fault('conversations.history', 'hang', 99, ({ channel }) => channel === direct);
  const first = await it.proposeIn('INV-601');
  const second = await it.proposeIn('INV-602', { channel: 'random' });
  await until('both are being told', async () => it.slack.hanging() >= 2 && copiesOf('INV-602').length === 1);
  await until('both steps are over', async () => hasAsked(first.runId) && hasAsked(second.runId));
  await it.kill();

  expect(copiesOf('INV-601')).toEqual([]);
  expect([await isTold(first.approvalId), await isTold(second.approvalId)]).toEqual([false, false]);
  answer.release();
  looks.release();
  // Leaves out the time that others wait for a process that holds something, and the minute until the sweeper tells.
  await it.sql`update slack_posts set lease_until = now(), sent_at = now() - interval '30 seconds' where state = 'intended'`;
  await it.sql`update approvals set tell_at = now() where id = ${first.approvalId}`;
  await it.sql`update approvals set tell_at = now() + interval '5 minutes' where id = ${second.approvalId}`;
  await it.start();

  const copy = await until('Bo has the first', async () => copiesOf('INV-601')[0]);
  await it.cardAt(direct, copy['ts']);
  await it.slack.as('bo').click(copy, 'Approve');
  await it.hears('general', first.ts, /Done: .*INV-601/);
  await it.slack.as('bo').click(second.card, 'Approve');
  await it.hears('random', second.ts, /Done: .*INV-602/);
  await it.sql`update approvals set tell_at = now() where id = ${second.approvalId}`;
  for (const [number, { approvalId }] of [
    ['INV-601', first],
    ['INV-602', second],
  ] as const) {
    await until('the telling has ended', () => isTold(approvalId));
    expect(copiesOf(number)).toHaveLength(1);
    await until('it shows the decision', async () => !JSON.stringify(copiesOf(number)).includes('approve:'));
    expect(invoicesOf(it.erp, number)).toHaveLength(1);
  }
}, 90_000);
