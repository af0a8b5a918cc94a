import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import type { PlatformApi } from '#core/chat.ts';
import { until } from '#test/setup/until.ts';
import type { Asked } from '#test/web/asked.ts';
import { startAsked } from '#test/setup/slack-asked.ts';

const on = await startAsked();
const { it, cy, activitiesWith, ask, isToTell, isTold, cards, directOf, request, tell, decide, cardsIn, copiesOf } = on;
let asked: Asked;
let place: { channel: string; thread: string };
beforeEach(async () => {
  await on.again();
  [asked, place] = [on.asked(), on.place()];
});
afterEach(() => {
  it.slack.clearFaults();
  it.logged.length = 0;
});
afterAll(() => it.stop());

test('a copy that cannot be sent fails nothing: the approval is asked, and it is on record', async () => {
  it.slack.fault('conversations.open', 'error user_disabled');
  expect(await request()).toEqual({ approvalId: asked.approvalId });
  expect(await cards()).toMatchObject([place]);
  expect(it.logged.filter(({ level }) => level === 40)).toMatchObject([{ failed: 1, of: 1 }]);
});

test('a copy that Slack takes later is sent later, once', async () => {
  it.slack.limit('conversations.open', { retryAfterS: 1 });
  it.slack.fault('chat.postMessage', 'reset after', 1, ({ channel }) => channel === directOf('bob'));
  await ask();
  await until('Bo has his copy', async () => (await cardsIn('bob'))[0], 10_000);
  expect(
    it.slack.messages(directOf('bob')).filter((one) => JSON.stringify(one).includes(asked.approvalId)),
  ).toHaveLength(1);
  expect(it.logged.filter(({ level }) => level === 40)).toEqual([]);
});

/** Leaves out the time that others wait for a process that died while it posted. */
const endLeases = () =>
  it.sql`update slack_posts set lease_until = now(), sent_at = now() - interval '30 seconds' where state = 'intended'`;

test('S1 nobody looks again at an approval whose approvers were told, cannot be, or are not to be', async () => {
  const ways: Record<string, () => unknown> = {
    told: () => undefined,
    'told once more': () => undefined,
    refused: () => it.slack.fault('conversations.open', 'error user_disabled'),
    'not wanted': () =>
      it.sql`update orgs set settings = settings || '{"slack":{"matchEmail":false,"channels":[],"tellApprovers":false}}' where id = ${it.ana.orgId}`,
    'without Slack': () => it.sql`update slack_installations set status = 'uninstalled' where org_id = ${it.ana.orgId}`,
  };
  for (const [how, prepare] of Object.entries(ways)) {
    await isToTell();
    await prepare();
    await tell();
    expect([how, await isTold()]).toEqual([how, true]);
  }
  await it.sql`update slack_installations set status = 'active' where org_id = ${it.ana.orgId}`;
  await it.sql`update orgs set settings = settings - 'slack' where id = ${it.ana.orgId}`;
});

test('S1 an approver whom Slack does not reach now is told later; the others are not told twice', async () => {
  await it.sql`update approvals set policy = policy || ${it.sql.json({ members: [cy.memberId] })} where id = ${asked.approvalId}`;
  await isToTell();
  const { bob } = it.slack.users;
  it.slack.limit('conversations.open', { retryAfterS: 60, where: ({ users }) => users === bob.id });
  await ask();
  await until('what is left is on record', async () => it.logged.some(({ left }) => left === 1));
  expect([copiesOf('bob').length, copiesOf('cleo').length]).toEqual([0, 1]);
  expect(await isTold()).toBe(false);
  await tell();
  expect([copiesOf('bob').length, copiesOf('cleo').length]).toEqual([1, 1]);
  expect(await cards()).toHaveLength(3);
  expect(await isTold()).toBe(true);
});

test.each([
  ['pending', 'before Slack heard of it', 'nothing'],
  ['pending', 'before it heard of Slack', 'posted'],
  ['approved', 'before it heard of Slack', 'posted'],
])('S1 A7 the process died while it told, %s: one copy, which shows so', async (status, _, done) => {
  await isToTell();
  const died = new Promise<never>(() => {});
  const slack: PlatformApi = {
    call: async (at, method, args) => {
      if (method !== 'chat.postMessage' || args['channel'] !== directOf('bob')) return it.api.call(at, method, args);
      if (done === 'posted') await it.api.call(at, method, args);
      return died;
    },
  };
  await ask(activitiesWith(it.chatOn(it.world.deps.db, slack)));
  const begun = () => it.sql`select 1 from slack_posts where key like ${`%${asked.approvalId}:to:%`}`;
  await until(
    'it is being sent',
    async () => (await begun())[0] && copiesOf('bob').length === (done === 'posted' ? 1 : 0),
  );
  if (status === 'approved') await decide();
  await endLeases();
  await tell();
  expect(copiesOf('bob')).toHaveLength(1);
  expect((await cardsIn('bob')).map(({ shows }) => shows)).toEqual([status]);
  expect(JSON.stringify(copiesOf('bob')[0]).includes('approve:')).toBe(status === 'pending');
  expect(await isTold()).toBe(true);
});

test('A7 a copy that went out while it was decided shows so, though others are still being told', async () => {
  await it.sql`update approvals set policy = policy || ${it.sql.json({ members: [cy.memberId] })} where id = ${asked.approvalId}`;
  const { bob } = it.slack.users;
  const open = Promise.withResolvers<void>();
  const isCleoBeingTold = Promise.withResolvers<void>();
  const slack: PlatformApi = {
    call: async (at, method, args) => {
      if (method === 'conversations.open' && args['users'] === bob.id) await isCleoBeingTold.promise.then(decide);
      else if (method === 'conversations.open') {
        isCleoBeingTold.resolve();
        await open.promise;
      }
      return it.api.call(at, method, args);
    },
  };
  await isToTell();
  await ask(activitiesWith(it.chatOn(it.world.deps.db, slack)));
  await until('Bo’s copy shows it', async () => (await cardsIn('bob'))[0]?.['shows'] === 'approved');
  expect(await isTold()).toBe(false);
  open.resolve();
  await until('all are told', () => isTold());
  expect((await cards()).every(({ shows }) => shows === 'approved')).toBe(true);
});

test('what was decided before anybody was told is told to nobody', async () => {
  await isToTell();
  await decide();
  await tell();
  expect(await cards()).toEqual([]);
  expect(await isTold()).toBe(true);
});

test('the run does not wait until everybody is told: what is decided at once is done at once', async () => {
  const open = Promise.withResolvers<void>();
  const slack: PlatformApi = {
    call: async (at, method, args) => {
      if (method === 'conversations.open') await open.promise;
      return it.api.call(at, method, args);
    },
  };
  await isToTell();
  await ask(activitiesWith(it.chatOn(it.world.deps.db, slack)));
  expect(await cards()).toMatchObject([place]);
  open.resolve();
  await until('Bo is told', () => isTold());
  expect(await cards()).toHaveLength(2);
});
