import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { approvals, runs, slackPeople } from '#db/schema/index.ts';
import { readable, type Message } from '#test/fakes/slack/index.ts';
import { until } from '#test/setup/until.ts';
import { addAsked } from '#test/web/asked.ts';
import { inOrg } from '#test/web/world.ts';
import { openOffice, type Office } from './office.fixture.ts';

let it: Office;
let card: Message;
let approvalId: string;
beforeAll(async () => {
  it = await openOffice();
});
beforeEach(async () => {
  approvalId = (await addAsked(it.world, it.members.mia, it.erp)).approvalId;
  card = await it.postCard(approvalId);
});
afterAll(() => it.close());

const statusNow = async () =>
  (await inOrg(it.world, it.orgId, ({ tx }) => tx.select().from(approvals).where(eq(approvals.id, approvalId))))[0]
    ?.status;
/** Whatever was known of people is of long ago. */
const longAgo = () => inOrg(it.world, it.orgId, ({ tx }) => tx.update(slackPeople).set({ fetchedAt: new Date(1_000) }));
const countRuns = async () => (await inOrg(it.world, it.orgId, ({ tx }) => tx.select().from(runs))).length;

test.each(['status 500', 'reset before'] as const)(
  'A2 I3 a click of somebody of whom nothing is known does nothing while Slack cannot say who they are (%s): they press again',
  async (kind) => {
    const fault = it.slack.fault('users.info', kind, 99);
    await it.slack.as('ana').click(card, 'Approve');
    expect(await it.told('ana', 'again in a moment')).toBeTruthy();
    fault.release();
    expect(await statusNow()).toBe('pending');
  },
);

test('A2 I3 a click does nothing while Slack asks to wait before it says who it is; pressed again, it decides', async () => {
  it.slack.limit('users.info', { retryAfterS: 1 });
  await it.slack.as('ana').click(card, 'Approve');
  expect(await it.told('ana', 'again in a moment')).toBeTruthy();
  expect(await statusNow()).toBe('pending');
  await it.slack.as('ana').click(card, 'Approve');
  await until('it is approved', async () => (await statusNow()) === 'approved');
});

test('whoever was looked up for a click is not looked up again for a message', async () => {
  const askedFor = () =>
    it.slack.calls('users.info').filter(({ args }) => args['user'] === it.slack.users.vic.id).length;
  await it.slack.as('vic').command('/abet status');
  await longAgo();
  await it.slack.as('vic').say('general', '@bot hello');
  await it.slack.quiet();
  expect(askedFor()).toBe(1);
});

// The last one takes the workspace's token with it.
test.each(['missing_scope', 'access_denied', 'account_inactive'])(
  'A2 I3 nothing is decided or asked by somebody whom Slack lastingly does not name (%s), and they are told why',
  async (code) => {
    await longAgo();
    const before = await countRuns();
    const fault = it.slack.fault('users.info', `error ${code}`, 99);
    await it.slack.as('bo').click(card, 'Deny');
    expect(await it.told('bo', code)).toContain('nothing was done');
    const { body } = await it.slack.as('mia').command('/abet post invoice INV-88 to the ERP');
    expect(readable(JSON.parse(JSON.stringify(body)))).toContain('nothing was done');
    const link = await it.slack.as('zoe').command('/abet connect');
    expect(JSON.stringify(link.body)).not.toContain('/link/');
    fault.release();
    expect([await statusNow(), await countRuns()]).toEqual(['pending', before]);
    expect(it.slack.modals('bo')).toEqual([]);
  },
);
