import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ChatOut, PlatformApi } from '#core/chat.ts';
import type { Connection } from '#db/connections.ts';
import { createEdit } from '#workflows/client/edit.ts';
import { fakeEngine } from '#workflows/client/engine.fixture.ts';
import { until } from '#test/setup/until.ts';
import { addAsked, addErp, INVOICE, type Asked } from '#test/web/asked.ts';
import type { Person } from '#test/web/world.ts';
import { createApprovalActivities } from './approvals.ts';
import { createWebChat } from './chat/web.ts';
import { PANEL, startSpeaking, type Speaking } from '#test/setup/slack-speaking.ts';
import { reviseCall } from './question.ts';

let it: Speaking;
let [bo, cy, vi]: Person[] = [];
let erp: Connection;
let asked: Asked;
let place: { channel: string; thread: string };

beforeAll(async () => {
  it = await startSpeaking();
  bo = await it.join('admin', 'bob');
  cy = await it.join('member', 'cleo');
  vi = await it.join('viewer', 'dan');
  erp = await addErp(it.world, it.ana);
});
beforeEach(async () => {
  await it.sql`update approvals set status = 'cancelled' where status = 'pending'`;
  await it.sql`delete from channel_turns`;
  await it.sql`delete from slack_homes`;
  asked = await addAsked(it.world, it.ana, erp);
  const { channel, thread } = await it.addThread(it.slack.channels.general);
  place = { channel, thread };
  await it.sql`delete from messages where thread_id = (select id from threads where thread = ${place.thread})`;
  await it.sql`delete from threads where thread = ${place.thread}`;
  await it.sql`update threads set platform = 'slack', tenant = ${it.slack.teamId}, channel = ${place.channel}, thread = ${place.thread} where id = ${asked.threadId}`;
});
afterEach(() => {
  it.slack.clearFaults();
  it.logged.length = 0;
});
afterAll(() => it.stop());

const activitiesWith = (slack: ChatOut = it.chat) =>
  createApprovalActivities({
    db: it.world.deps.db,
    chat: { slack, web: createWebChat(it.world.deps.db) },
    homes: it.chat.homes,
    publicUrl: PANEL,
    log: it.log,
  });
const ref = () => ({ orgId: it.ana.orgId, runId: asked.runId });
const ask = (on = activitiesWith()) => on.requestApproval({ ...ref(), toolCallId: asked.toolCallId });
/** Asks, and waits for the telling, which the run does not wait for. */
async function request(on = activitiesWith()): Promise<{ approvalId: string }> {
  await isToTell();
  const answer = await ask(on);
  await until('those who may decide were told', () => isTold());
  return answer;
}
const update = (on = activitiesWith()) => on.updateCards({ orgId: it.ana.orgId, approvalId: asked.approvalId });
const cards = (id = asked.approvalId) =>
  it.sql`select channel, thread, message, shows, payload_sha256, edit_attempts from approval_cards where approval_id = ${id} order by created_at, id`;
const decide = () =>
  it.sql`update approvals set status = 'approved', decided_at = now(), decided_by = ${bo?.memberId ?? ''} where id = ${asked.approvalId}`;
const shownAt = (at: { [name: string]: string }) =>
  JSON.stringify(it.slack.message(at['channel'] ?? '', at['message'] ?? ''));
type Name = 'ana' | 'bob' | 'cleo' | 'dan';
const directOf = (name: Name): string => it.slack.as(name).dmChannel();
const cardsIn = async (name: Name) => {
  const channel = directOf(name);
  return (await cards()).filter((card) => card['channel'] === channel);
};

test('A7 the card is shown in its thread and sent to whoever may decide, to nobody else; each copy is bound to what it shows', async () => {
  await request();
  const [first, ...copies] = await cards();
  expect(first).toMatchObject({ ...place, shows: 'pending', payload_sha256: asked.payloadSha256 });
  expect(copies).toMatchObject([{ channel: directOf('bob'), thread: '', payload_sha256: asked.payloadSha256 }]);
  for (const card of [first, ...copies])
    expect(shownAt(card ?? {})).toMatch(new RegExp(`approve:${asked.approvalId}.*edit:${asked.approvalId}`));
  // The requester, a member and a viewer may not decide.
  for (const name of ['ana', 'cleo', 'dan'] as const) expect(await cardsIn(name)).toEqual([]);
  await request();
  expect(await cards()).toHaveLength(2);
});

test('A3 members whom the policy names are told, viewers and those who edited never', async () => {
  const named = [cy?.memberId, vi?.memberId];
  await it.sql`update approvals set policy = policy || ${it.sql.json({ members: named as string[] })}, edited_by = ${[bo?.memberId ?? '']} where id = ${asked.approvalId}`;
  await request();
  expect(await cardsIn('cleo')).toHaveLength(1);
  expect(await cardsIn('bob')).toHaveLength(0);
  expect(await cardsIn('dan')).toHaveLength(0);
});

test('what was asked in the web chat is sent to approvers in Slack too', async () => {
  await it.sql`update threads set platform = 'web', tenant = ${it.ana.orgId}, channel = 'web', thread = ${asked.threadId} where id = ${asked.threadId}`;
  await request();
  expect(await cardsIn('bob')).toHaveLength(1);
  expect(await cards()).toHaveLength(2);
  await decide();
  await update();
  expect((await cards()).map(({ shows }) => shows)).toEqual(['approved', 'approved']);
});

test('an org that does not want it is not sent copies; nor is somebody whose workspace was taken away', async () => {
  await it.sql`update orgs set settings = settings || '{"slack":{"matchEmail":false,"channels":[],"tellApprovers":false}}' where id = ${it.ana.orgId}`;
  await request();
  expect(await cards()).toHaveLength(1);
  await it.sql`update orgs set settings = settings || '{"slack":{"matchEmail":false,"channels":[],"tellApprovers":true}}' where id = ${it.ana.orgId}`;
  await it.sql`insert into slack_installations (id, org_id, tenant, team_name, bot_user_id, source, status, updated_at)
    values (gen_random_uuid(), ${it.ana.orgId}, 'TGONE', 'Gone', 'U1', 'oauth', 'uninstalled', now())`;
  await it.sql`update identities set tenant = 'TGONE' where member_id = ${bo?.memberId ?? ''} and platform = 'slack'`;
  await request();
  expect(await cards()).toHaveLength(1);
  expect(it.logged.filter(({ level }) => level >= 40)).toEqual([]);
  await it.sql`update identities set tenant = ${it.slack.teamId} where member_id = ${bo?.memberId ?? ''} and platform = 'slack'`;
});

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

/** As it is when the approval is asked. */
const isToTell = () =>
  it.sql`update approvals set tell_at = now() + interval '1 minute' where id = ${asked.approvalId}`;
const isTold = async (id = asked.approvalId) =>
  (await it.sql`select tell_at from approvals where id = ${id}`)[0]?.['tell_at'] === null;
const tell = (on = activitiesWith()) => on.tellApprovers({ orgId: it.ana.orgId, approvalId: asked.approvalId });
const copiesOf = (name: Name) =>
  it.slack.messages(directOf(name)).filter((one) => JSON.stringify(one).includes(asked.approvalId));
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
  await it.sql`update approvals set policy = policy || ${it.sql.json({ members: [cy?.memberId ?? ''] })} where id = ${asked.approvalId}`;
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

test('what was decided before anybody was told is told to nobody', async () => {
  await isToTell();
  await decide();
  await tell();
  expect(await cards()).toEqual([]);
  expect(await isTold()).toBe(true);
});

test('A7 after the decision every copy shows it within 2 s, though one of them cannot be edited', async () => {
  cy = cy as Person;
  await it.sql`update approvals set policy = policy || ${it.sql.json({ members: [cy.memberId] })} where id = ${asked.approvalId}`;
  await request();
  const broken = (await cardsIn('bob'))[0];
  await decide();
  const hanging = Promise.withResolvers<never>();
  const slack: PlatformApi = {
    call: (at, method, args) =>
      method === 'chat.update' && args['ts'] === broken?.['message'] ? hanging.promise : it.api.call(at, method, args),
  };
  const began = performance.now();
  const updating = update(activitiesWith(it.chatOn(it.world.deps.db, slack)));
  await until(
    'the others show it',
    async () => (await cards()).filter(({ shows }) => shows === 'approved').length === 2,
  );
  expect(performance.now() - began).toBeLessThan(2_000);
  const edits = it.slack.calls('chat.update').slice(-2);
  expect(edits[0]?.args['channel']).toBe(place.channel);
  const edited = (await cards()).filter(({ message }) => message !== broken?.['message']).map(shownAt);
  expect(edited.every((shown) => shown.includes('Approved') && !shown.includes('approve:'))).toBe(true);
  hanging.reject(new Error('the line broke'));
  await updating;
  expect((await cards()).filter(({ edit_attempts }) => edit_attempts === 1)).toMatchObject([{ shows: 'pending' }]);
});

test('A7 what was decided while the copies went out shows the decision in all of them', async () => {
  const slack: PlatformApi = {
    call: async (at, method, args) => {
      if (method === 'conversations.open') await decide();
      return it.api.call(at, method, args);
    },
  };
  await request(activitiesWith(it.chatOn(it.world.deps.db, slack)));
  expect((await cards()).map(({ shows }) => shows)).toEqual(['approved', 'approved']);
});

test.each(['approved', 'cancelled'])('A7 a card that went out while it was %s shows so at once', async (status) => {
  const slack: PlatformApi = {
    call: async (at, method, args) => {
      const answer = await it.api.call(at, method, args);
      if (method === 'chat.postMessage')
        await it.sql`update approvals set status = ${status}, decided_at = now(), decided_by = ${bo?.memberId ?? ''} where id = ${asked.approvalId}`;
      return answer;
    },
  };
  await ask(activitiesWith(it.chatOn(it.world.deps.db, slack)));
  expect(await cards()).toMatchObject([{ ...place, shows: status }]);
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

test('A4 an edit is shown with copies of its own, and the old ones say so', async () => {
  await request();
  const edit = createEdit({ db: it.world.deps.db, engine: fakeEngine().port, log: it.log, revise: reviseCall });
  const edited = await edit({ ...it.ana, role: 'owner' }, asked.approvalId, {
    input: { ...INVOICE, amount: 420 },
    payloadSha256: asked.payloadSha256,
    surface: 'web',
  });
  if (edited.kind !== 'edited') throw new Error(edited.kind);
  expect(await isTold(edited.approvalId)).toBe(false);
  await activitiesWith().readApproval({ ...ref(), approvalId: asked.approvalId });
  expect((await cards()).map(({ shows }) => shows)).toEqual(['superseded', 'superseded']);
  await until('those who may decide were told of the edit', () => isTold(edited.approvalId));
  const news = await cards(edited.approvalId);
  expect(news).toMatchObject([place, { channel: directOf('bob') }]);
  expect(news.every((card) => card['payload_sha256'] === edited.payloadSha256)).toBe(true);
});

test('A7 an App Home that was opened shows the card, and the decision, like any other copy', async () => {
  const home = { orgId: it.ana.orgId, tenant: it.slack.teamId, externalId: it.slack.users.bob.id };
  await it.sql`update approvals set status = 'cancelled' where id = ${asked.approvalId}`;
  await it.chat.homes.publish({ ...home, isOpened: true });
  await it.sql`update approvals set status = 'pending' where id = ${asked.approvalId}`;
  expect(JSON.stringify(it.slack.home('bob'))).toContain('Nothing waits for your decision');
  await request();
  expect(JSON.stringify(it.slack.home('bob'))).toContain(`approve:${asked.approvalId}`);
  expect(await cards()).toContainEqual(
    expect.objectContaining({
      channel: `home:${home.externalId}`,
      message: asked.approvalId,
      payload_sha256: asked.payloadSha256,
    }),
  );
  await decide();
  await update();
  expect(JSON.stringify(it.slack.home('bob'))).not.toContain(asked.approvalId);
  expect((await cards()).map(({ shows }) => shows)).toEqual(['approved', 'approved', 'approved']);
});
