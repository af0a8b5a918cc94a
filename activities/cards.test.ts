import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import type { PlatformApi } from '#core/chat.ts';
import { createEdit } from '#workflows/client/edit.ts';
import { fakeEngine } from '#workflows/client/engine.fixture.ts';
import { until } from '#test/setup/until.ts';
import { INVOICE, type Asked } from '#test/web/asked.ts';
import { startAsked } from '#test/setup/slack-asked.ts';
import { failureOf } from '#test/setup/slack-speaking.ts';
import { createProgress } from './progress.ts';
import { reviseCall } from './question.ts';
import { createReplyActivities } from './reply.ts';

const on = await startAsked();
const { it, bo, cy, vi, activitiesWith, ref, ask, isTold, cards, directOf, request, update, decide, shownAt, cardsIn } =
  on;
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
  const named = [cy.memberId, vi.memberId];
  await it.sql`update approvals set policy = policy || ${it.sql.json({ members: named })}, edited_by = ${[bo.memberId]} where id = ${asked.approvalId}`;
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
  await it.sql`update identities set tenant = 'TGONE' where member_id = ${bo.memberId} and platform = 'slack'`;
  await request();
  expect(await cards()).toHaveLength(1);
  expect(it.logged.filter(({ level }) => level >= 40)).toEqual([]);
  await it.sql`update identities set tenant = ${it.slack.teamId} where member_id = ${bo.memberId} and platform = 'slack'`;
});

test('A7 after the decision every copy shows it within 2 s, though one of them cannot be edited', async () => {
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
        await it.sql`update approvals set status = ${status}, decided_at = now(), decided_by = ${bo.memberId} where id = ${asked.approvalId}`;
      return answer;
    },
  };
  await ask(activitiesWith(it.chatOn(it.world.deps.db, slack)));
  expect(await cards()).toMatchObject([{ ...place, shows: status }]);
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

test.each(['missing_scope', 'restricted_action', 'is_archived'])(
  'R7 a card that Slack lastingly does not take (%s) fails its run with the reason, and one line alerts',
  async (code) => {
    it.slack.fault('chat.postMessage', `error ${code}`, 99);
    const failure = await failureOf(ask());
    // Temporal does not try it again, and the run ends with these words.
    expect(failure).toMatchObject({ name: 'UserError', message: expect.stringContaining(code) });
    expect(it.logged.filter(({ alert }) => alert)).toMatchObject([
      {
        orgId: it.ana.orgId,
        approvalId: asked.approvalId,
        error: expect.stringContaining(code),
        msg: 'a card was not posted',
      },
    ]);
    it.slack.clearFaults();
    it.logged.length = 0;
    // Its answer is refused for the same reason: nobody is alerted twice.
    it.slack.fault('chat.postMessage', `error ${code}`, 99);
    const chats = { db: it.world.deps.db, chat: { slack: it.chat }, homes: it.chat.homes, log: it.log };
    const { postReply, finishRun } = createReplyActivities({ ...chats, progress: createProgress(chats) });
    const end = { ...ref(), outcome: 'failed' as const, problem: failure.message };
    await postReply(end);
    await finishRun(end);
    expect(it.logged.filter(({ alert }) => alert)).toEqual([]);
    expect(await it.sql`select status, status_text from runs where id = ${asked.runId}`).toEqual([
      { status: 'failed', status_text: failure.message },
    ]);
  },
);
