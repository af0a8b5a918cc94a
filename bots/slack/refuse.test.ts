import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { BOT, createEars, envelope, mentionOf, message, type EarsWorld } from '#test/slack/ears.ts';
import type { Json } from '#test/fakes/slack/words.ts';

let ears: EarsWorld;
beforeAll(async () => {
  ears = await createEars();
  await ears.connect();
  await ears.link(ears.ownerId, 'UANA');
  ears.slack.add('UANA');
});
afterAll(() => ears.drop());
beforeEach(async () => {
  await ears.settle();
  ears.slack.calls.length = 0;
});

const told = async () => {
  await ears.settle();
  return ears.slack.calls.filter(({ method }) => method.startsWith('chat.'));
};
const send = async (event: Json, to = ears.receiver) => {
  const answer = await ears.send(envelope(event), { to });
  expect(answer.status).toBe(200);
};
const reasonOf = async ({ channel, ts }: Json) =>
  (await ears.sql`select outcome, reason from inbound_events where source_key = ${`${channel}:${ts}`}`)[0];

test.each([
  ['somebody we do not know', 'UNEW', {}, 'unlinked', /do not know you/],
  ['a guest', 'UGUEST', { is_restricted: true }, 'guest', /Guests/],
  ['a guest of one channel', 'UGUEST1', { is_ultra_restricted: true }, 'guest', /Guests/],
  ['somebody of another company', 'UELSE', { team_id: 'T7' }, 'stranger', /another company/],
  ['somebody whom Slack calls a stranger', 'USTRANGE', { is_stranger: true }, 'stranger', /another company/],
  ['somebody whom Slack hides from us', 'UHIDDEN', null, 'stranger', /another company/],
  ['somebody who was switched off', 'UOFF', { deleted: true }, 'account_off', /switched off/],
])('I3 %s is told so privately, once a day, also in two processes at once', async (_, user, profile, reason, words) => {
  if (profile) ears.slack.add(user, profile);
  // Also when their account is linked to a member.
  if (reason !== 'unlinked') await ears.link((await ears.member('admin')).id, user);
  const other = ears.another();
  const texts = Array.from({ length: 4 }, () => message({ user, team: undefined }));
  await Promise.all(texts.map((said, at) => send(said, at % 2 ? other : ears.receiver)));
  await send(mentionOf(texts[0] ?? {}));
  expect(await told()).toMatchObject([
    {
      method: 'chat.postEphemeral',
      args: { user, channel: 'C1', text: expect.stringMatching(words), unfurl_links: false },
    },
  ]);
  for (const said of texts) expect(await reasonOf(said)).toEqual({ outcome: 'refused', reason });
  expect(JSON.stringify(await ears.rows())).not.toContain('INV-77');
  await ears.sql`update slack_people set told_at = now() - interval '25 hours' where external_id = ${user}`;
  await send(message({ user, team: undefined }));
  expect(await told()).toHaveLength(2);
});

test('a bot is told nothing', async () => {
  ears.slack.add('UROBOT', { is_bot: true });
  const said = message({ user: 'UROBOT' });
  await send(said);
  expect(await reasonOf(said)).toEqual({ outcome: 'refused', reason: 'bot' });
  expect(await told()).toEqual([]);
});

test('I3 the message itself says that somebody is of another company: Slack need not be asked', async () => {
  await send(message({ user: 'UCONNECT', team: 'T8', user_team: 'T8', source_team: 'T8' }));
  expect(await told()).toMatchObject([
    { args: { user: 'UCONNECT', text: expect.stringContaining('another company') } },
  ]);
  expect(ears.slack.asked('users.info')).toEqual([]);
});

test('I3 within an Enterprise another team is no other company', async () => {
  ears.slack.add('UEVE', { team_id: 'T2', enterprise_user: { enterprise_id: 'E1', teams: ['T2'] } });
  await ears.link(ears.ownerId, 'UEVE');
  const said = message({ user: 'UEVE', team: 'T2' });
  const authorizations = [
    { enterprise_id: 'E1', team_id: 'T1', user_id: BOT, is_bot: true, is_enterprise_install: false },
  ];
  expect((await ears.send(envelope(said, { authorizations, context_enterprise_id: 'E1' }))).status).toBe(200);
  expect(await reasonOf(said)).toMatchObject({ outcome: 'run' });
  ears.slack.add('UMALLORY', { team_id: 'T9', enterprise_user: { enterprise_id: 'E9', teams: ['T9'] } });
  const other = message({ user: 'UMALLORY', team: 'T9' });
  expect((await ears.send(envelope(other, { authorizations, context_enterprise_id: 'E1' }))).status).toBe(200);
  expect(await reasonOf(other)).toEqual({ outcome: 'refused', reason: 'stranger' });
});

test('I3 the Enterprise of somebody who writes through Slack Connect makes them no colleague', async () => {
  ears.slack.add('UFAR', { team_id: 'T9', enterprise_user: { enterprise_id: 'E9', teams: ['T9'] } });
  await ears.link((await ears.member('admin')).id, 'UFAR');
  const said = message({ user: 'UFAR', team: undefined });
  const authorizations = [{ enterprise_id: null, team_id: 'T1', user_id: BOT, is_bot: true }];
  const outer = { team_id: 'T9', enterprise_id: 'E9', context_team_id: 'T1', context_enterprise_id: null };
  expect((await ears.send(envelope(said, { ...outer, authorizations }))).status).toBe(200);
  expect(await reasonOf(said)).toEqual({ outcome: 'refused', reason: 'stranger' });
});

test('the line to somebody we do not know holds a link for them alone: in a channel nobody else sees it', async () => {
  ears.slack.add('ULINK');
  const said = message({ user: 'ULINK', thread_ts: '1771442000.000001' });
  await send(said);
  const [line] = await told();
  expect(line).toMatchObject({ method: 'chat.postEphemeral', args: { user: 'ULINK', thread_ts: said['thread_ts'] } });
  const token = /http:\/\/panel\.test\/link\/([\w-]{20,}) /.exec(String(line?.args['text']))?.[1];
  expect(token).toBeDefined();
  expect(await ears.sql`select external_id from slack_links where external_id = 'ULINK'`).toHaveLength(1);
  ears.slack.add('ULINK2');
  await send(message({ user: 'ULINK2', channel: 'D2', channel_type: 'im', text: 'hi' }));
  expect((await told()).at(-1)).toMatchObject({ method: 'chat.postMessage', args: { channel: 'D2' } });
});

test('a line that did not go out is told next time', async () => {
  ears.slack.add('UAWAY');
  ears.slack.away.add('chat.postEphemeral');
  await send(message({ user: 'UAWAY' }));
  expect(await told()).toHaveLength(1);
  ears.slack.away.clear();
  await send(message({ user: 'UAWAY' }));
  expect(await told()).toHaveLength(2);
});

test('people who go on in a thread without calling the bot are not nagged', async () => {
  const root = message();
  await send(root);
  ears.slack.add('UQUIET');
  const reply = message({ user: 'UQUIET', thread_ts: root['ts'], text: 'nice' });
  await send(reply);
  expect(await reasonOf(reply)).toEqual({ outcome: 'refused', reason: 'unlinked' });
  expect(await told()).toEqual([]);
});

test('a role that only reads, and a channel that is not on the list, are told each time', async () => {
  ears.slack.add('UVI');
  await ears.link((await ears.member('viewer')).id, 'UVI');
  for (let n = 0; n < 2; n++) await send(message({ user: 'UVI' }));
  expect((await told()).map(({ args }) => args['text'])).toEqual(
    Array(2).fill(expect.stringContaining('only lets you read')),
  );
  await ears.sql`update orgs set settings = settings || '{"slack": {"matchEmail": false, "channels": ["C0GENERAL"], "tellApprovers": true}}'`;
  try {
    const elsewhere = message();
    await send(elsewhere);
    expect(await reasonOf(elsewhere)).toEqual({ outcome: 'refused', reason: 'channel' });
    expect((await told()).at(-1)).toMatchObject({
      args: { text: expect.stringMatching(/Admins choose the channels/) },
    });
    for (const change of [
      { channel: 'C0GENERAL' },
      { channel: 'D1', channel_type: 'im' },
      { channel: 'G1', channel_type: 'mpim' },
    ]) {
      const said = message(change);
      await send(said);
      expect(await reasonOf(said)).toMatchObject({ outcome: 'run' });
    }
  } finally {
    await ears.sql`update orgs set settings = settings - 'slack'`;
  }
});

test('a text too long is refused with the limit, and not kept', async () => {
  const said = message({ text: `<@${BOT}> ${'x'.repeat(20_001)}` });
  await send(said);
  expect(await reasonOf(said)).toEqual({ outcome: 'refused', reason: 'text' });
  expect(await told()).toMatchObject([{ args: { text: expect.stringContaining('20000') } }]);
});

test('R5 "stop" in a thread stops what is under way there, and says so privately', async () => {
  const root = message();
  await send(root);
  await send(message({ thread_ts: root['ts'], text: 'stop' }));
  expect(await told()).toMatchObject([{ args: { text: 'Stopping.', user: 'UANA', thread_ts: root['ts'] } }]);
});
