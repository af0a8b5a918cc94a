import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { PlatformApi } from '#core/chat.ts';
import { saveSlackPerson, type SlackProfile } from '#db/slack-people.ts';
import { addCalculator, addRows } from '#test/web/rows.ts';
import { inOrg, type Person } from '#test/web/world.ts';
import { createHomes } from './home.ts';
import { failureOf, PANEL, startSpeaking, type Speaking } from '#test/setup/slack-speaking.ts';

let it: Speaking;
let bo: Person;
beforeAll(async () => {
  it = await startSpeaking();
  bo = await it.join('admin', 'bob');
});
afterEach(async () => {
  it.slack.clearFaults();
  it.logged.length = 0;
  await it.sql`update approvals set status = 'cancelled' where status = 'pending'`;
});
afterAll(() => it.stop());

type Name = 'ana' | 'bob' | 'cleo' | 'dan';
const homeOf = (name: Name) => ({ orgId: it.ana.orgId, tenant: it.slack.teamId, externalId: it.slack.users[name].id });
const open = (name: Name) => it.chat.homes.publish({ ...homeOf(name), isOpened: true });
const shown = (name: Name) => JSON.stringify(it.slack.home(name));
const published = () => it.slack.calls('views.publish').length;
const homesOn = (slack: PlatformApi) => createHomes({ db: it.world.deps.db, slack, log: it.log, publicUrl: PANEL });

/** Slack says so of somebody. */
const tell = (name: Name, standing: Partial<SlackProfile> = {}) =>
  inOrg(it.world, it.ana.orgId, (org) =>
    saveSlackPerson(org, homeOf(name), {
      name,
      email: null,
      teamId: it.slack.teamId,
      isBot: false,
      isGuest: false,
      isStranger: false,
      isDeactivated: false,
      ...standing,
    }),
  );
const links = (name: Name) => it.sql`select 1 from slack_links where external_id = ${it.slack.users[name].id}`;
const isNoticeOnly = (name: Name): void => {
  const { blocks } = it.slack.home(name) ?? {};
  expect(blocks).toHaveLength(1);
  expect(shown(name)).not.toMatch(/approve:|\/runs\/|\/link\/|stop:|panel\.test|Sums|\/abet/);
};

test('somebody of whom Slack has not said who they are gets no link until it has', async () => {
  await open('dan');
  expect(shown('dan')).toContain('/abet connect');
  expect(await links('dan')).toEqual([]);
});

test('somebody who is not linked sees how to link, by a private link that works', async () => {
  await tell('dan');
  await open('dan');
  const [, token] = /panel\.test\/link\/([\w-]+)/.exec(shown('dan')) ?? [];
  expect(token).toBeDefined();
  expect(
    await it.sql`select 1 from slack_links where external_id = ${it.slack.users.dan.id} and expires_at > now()`,
  ).toHaveLength(1);
  expect(shown('dan')).not.toMatch(/approve:|Your requests/);
});

test('D2 everybody sees what waits for them and what they asked for, nothing else', async () => {
  const cy = await it.join('member', 'cleo');
  const { approvalId, runId } = await addRows(it.world, it.ana);
  await addCalculator(it.world, it.ana);
  for (const name of ['ana', 'bob', 'cleo'] as const) await open(name);
  expect(shown('bob')).toContain(`approve:${approvalId}`);
  expect(shown('bob')).not.toContain(`/runs/${runId}`);
  // Who asked may not decide (RULES A3), and a member is not asked.
  expect(shown('ana')).toContain(`/runs/${runId}`);
  expect(shown('ana')).not.toContain(approvalId);
  expect(shown('cleo')).not.toMatch(new RegExp(`${approvalId}|${runId}`));
  expect(shown('cleo')).toContain('Sums');
  const cards = await it.sql`select channel, message, shows from approval_cards where approval_id = ${approvalId}`;
  expect(cards).toEqual([{ channel: `home:${it.slack.users.bob.id}`, message: approvalId, shows: 'pending' }]);
  await it.sql`update members set status = 'deactivated' where id = ${cy.memberId}`;
  await open('cleo');
  expect(shown('cleo')).toContain('switched off');
  isNoticeOnly('cleo');
});

const BARRED = [
  ['a guest', { isGuest: true }],
  ['somebody of another company', { isStranger: true }],
  ['a deactivated account', { isDeactivated: true }],
  ['a bot', { isBot: true }],
] as const;

test.each(BARRED)('D2 %s loses the home that they had: what is left is a polite line', async (_, standing) => {
  const { approvalId } = await addRows(it.world, it.ana);
  await tell('bob');
  await open('bob');
  expect(shown('bob')).toContain(`approve:${approvalId}`);
  await tell('bob', standing);
  // Also when it is drawn anew for another reason.
  await it.chat.homes.refreshOwn(it.ana.orgId, bo.memberId);
  expect(shown('bob')).toContain('full members of this workspace only');
  isNoticeOnly('bob');
  await addRows(it.world, it.ana);
  await open('bob');
  isNoticeOnly('bob');
  await tell('bob');
  await open('bob');
  expect(shown('bob')).toContain(`approve:${approvalId}`);
});

test.each(BARRED)('%s who is not linked gets no link', async (_, standing) => {
  await it.sql`delete from slack_links`;
  await tell('dan', standing);
  await open('dan');
  isNoticeOnly('dan');
  expect(await links('dan')).toEqual([]);
});

test('R5 one’s own request that goes on has a Stop; being stopped, ended, or for somebody who may only look it has none', async () => {
  const { runId } = await addRows(it.world, it.ana);
  const isShown = async (name: Name) => {
    await open(name);
    return [shown(name).includes(`"stop:${runId}"`), shown(name).includes(`/runs/${runId}`)];
  };
  await it.sql`update runs set status = 'waiting' where id = ${runId}`;
  expect(await isShown('ana')).toEqual([true, true]);
  expect(await isShown('bob')).toEqual([false, false]);
  await it.sql`update members set role = 'viewer' where id = ${it.ana.memberId}`;
  expect(await isShown('ana')).toEqual([false, true]);
  await it.sql`update members set role = 'owner' where id = ${it.ana.memberId}`;
  await it.sql`update runs set stop_requested_at = now() where id = ${runId}`;
  expect(await isShown('ana')).toEqual([false, true]);
  expect(shown('ana')).toContain('Stopping: ');
  await it.sql`update runs set status = 'stopped', ended_at = now() where id = ${runId}`;
  expect(await isShown('ana')).toEqual([false, true]);
  expect(shown('ana')).not.toContain('Stopping: ');
});

test('the homes that a member has opened are published anew, nobody else’s', async () => {
  await it.sql`delete from slack_homes`;
  await open('ana');
  await open('bob');
  const { runId } = await addRows(it.world, it.ana);
  const before = published();
  await it.chat.homes.refreshOwn(it.ana.orgId, it.ana.memberId);
  expect(shown('ana')).toContain(`/runs/${runId}`);
  expect(published()).toBe(before + 1);
});

test('A3 an admin whom the policy does not name sees no card to decide', async () => {
  const { approvalId } = await addRows(it.world, it.ana, { policy: { roles: ['owner'] } });
  await open('bob');
  expect(shown('bob')).not.toContain(approvalId);
});

test('a home that would show the same is not published again, unless somebody opens it', async () => {
  await open('bob');
  const before = published();
  await it.chat.homes.publish(homeOf('bob'));
  expect(published()).toBe(before);
  await open('bob');
  expect(published()).toBe(before + 1);
});

test('A7 a decision made while a home was being published is shown all the same', async () => {
  const { approvalId } = await addRows(it.world, it.ana);
  let calls = 0;
  const slack: PlatformApi = {
    call: async (at, method, args) => {
      calls += 1;
      if (calls === 1)
        await it.sql`update approvals set status = 'approved', decided_at = now(), decided_by = ${bo.memberId} where id = ${approvalId}`;
      return it.api.call(at, method, args);
    },
  };
  await homesOn(slack).publish({ ...homeOf('bob'), isOpened: true });
  expect(calls).toBe(2);
  expect(shown('bob')).not.toContain(approvalId);
  expect(await it.sql`select shows from approval_cards where approval_id = ${approvalId}`).toEqual([
    { shows: 'approved' },
  ]);
});

test('an edit of a home’s copy publishes that home', async () => {
  const { approvalId } = await addRows(it.world, it.ana);
  await open('bob');
  await it.sql`update approvals set status = 'denied', decided_at = now() where id = ${approvalId}`;
  const { externalId, tenant } = homeOf('bob');
  const at = { platform: 'slack' as const, tenant, channel: `home:${externalId}`, thread: '', message: approvalId };
  await it.chat.edit(it.ana.orgId, at, { key: 'x', blocks: [], fallback: '' });
  expect(shown('bob')).not.toContain(approvalId);
});

test('only homes that were opened are published for a new approval, and one that fails is on record', async () => {
  await it.sql`delete from slack_homes`;
  const first = await addRows(it.world, it.ana);
  const before = published();
  await it.chat.homes.refreshFor(it.ana.orgId, first.approvalId);
  expect(published()).toBe(before);
  await open('bob');
  const second = await addRows(it.world, it.ana);
  await it.chat.homes.refreshFor(it.ana.orgId, second.approvalId);
  expect(shown('bob')).toContain(`approve:${second.approvalId}`);
  const third = await addRows(it.world, it.ana);
  it.slack.fault('views.publish', 'status 500');
  await it.chat.homes.refreshFor(it.ana.orgId, third.approvalId);
  expect(it.logged.filter(({ level }) => level === 40)).toMatchObject([{ failed: 1 }]);
});

test('a limit is waited out before a home that is open shows a new approval; a long one is left', async () => {
  await open('bob');
  const { approvalId } = await addRows(it.world, it.ana);
  it.slack.limit('views.publish', { retryAfterS: 1 });
  await it.chat.homes.refreshFor(it.ana.orgId, approvalId);
  expect(shown('bob')).toContain(`approve:${approvalId}`);
  const { approvalId: later } = await addRows(it.world, it.ana);
  it.slack.limit('views.publish', { retryAfterS: 90 });
  await it.chat.homes.refreshFor(it.ana.orgId, later);
  expect(shown('bob')).not.toContain(later);
  expect(it.logged.filter(({ level }) => level === 40)).toMatchObject([{ failed: 1 }]);
});

test('a 429 is left to Temporal, a refusal is said', async () => {
  it.slack.limit('views.publish', { retryAfterS: 6 });
  expect(await failureOf(open('ana'))).toMatchObject({ nextRetryDelay: 6_000 });
  it.slack.fault('views.publish', 'error not_enabled');
  expect(await failureOf(open('ana'))).toMatchObject({ name: 'UserError' });
});

test('a workspace that was taken away is shown nothing, and that is no failure', async () => {
  await it.sql`delete from slack_homes`;
  await it.sql`update slack_installations set status = 'uninstalled'`;
  it.api.forget(homeOf('ana'));
  const before = published();
  await it.chat.homes.publish(homeOf('ana'));
  expect(published()).toBe(before);
  await it.sql`update slack_installations set status = 'active'`;
  it.api.forget(homeOf('ana'));
});
