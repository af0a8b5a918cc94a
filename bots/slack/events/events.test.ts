import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { PlatformFailure } from '#core/errors.ts';
import { createEars, envelope, message, type EarsWorld } from '#test/slack/ears.ts';
import type { Json } from '#test/fakes/slack/words.ts';

let ears: EarsWorld;
beforeAll(async () => {
  ears = await createEars();
  await ears.connect();
  await ears.link(ears.ownerId, 'UANA');
  for (const id of ['UANA', 'UBOB', 'UEVE']) ears.slack.add(id);
  for (const id of ['UBOB', 'UEVE']) await ears.link((await ears.member('member')).id, id);
});
afterAll(() => ears.drop());
beforeEach(async () => {
  await ears.settle();
  ears.slack.calls.length = 0;
});

const send = async (body: Json, skewS = 0) => expect((await ears.send(body, { skewS })).status).toBe(200);
const ask = async (user: string, thread_ts?: string): Promise<Json> => {
  const said = message({ user, ...(thread_ts !== undefined && { thread_ts }) });
  await send(envelope(said));
  return said;
};
const stopped = async ({ channel, ts }: Json): Promise<number> =>
  (
    await ears.sql`select 1 from runs r join threads t on t.id = r.thread_id where t.channel = ${channel} and t.thread = ${ts} and r.stop_requested_at is not null`
  ).length;
const stop = (user: string, { channel, ts }: Json) =>
  envelope({ type: 'agent_session_stopped', channel, user, thread_ts: ts, streaming_message_ts: [] });

test('R5 Slack’s Stop button stops what is under way in the thread and may be stopped by that person; once', async () => {
  const root = await ask('UBOB');
  await ask('UEVE', root['ts']);
  await send(stop('UBOB', root));
  expect(await stopped(root)).toBe(1);
  const again = stop('UANA', root);
  await send(again);
  // An owner stops everybody's.
  expect(await stopped(root)).toBe(2);
  expect((await ears.rows()).at(-1)).toMatchObject({
    outcome: 'command',
    reason: 'agent_session_stopped',
    sender_id: 'UANA',
  });
  await ask('UBOB', root['ts']);
  // Delivered late once more, it does not stop what was asked since.
  await send(again, 2);
  expect(await stopped(root)).toBe(2);
  expect(new Set(ears.engine.cancelled).size).toBe(2);
});

test('R5 a stranger’s Stop stops nothing, nor does one of nowhere', async () => {
  const root = await ask('UBOB');
  await send(stop('UNOBODY', root));
  expect((await ears.rows()).at(-1)).toMatchObject({ outcome: 'refused', reason: 'unlinked' });
  await send(stop('UANA', { channel: 'C7', ts: root['ts'] }));
  await send(envelope({ type: 'agent_session_stopped', user: 'UANA' }));
  expect(await stopped(root)).toBe(0);
});

test('who opens the conversation is shown what one can ask; once per opening', async () => {
  const opened = envelope({ type: 'app_home_opened', user: 'UANA', channel: 'D1', tab: 'messages', event_ts: '1.1' });
  await send(opened);
  await send(opened, 1);
  await ears.settle();
  expect(ears.slack.asked('assistant.threads.setSuggestedPrompts')).toMatchObject([
    { channel_id: 'D1', title: expect.any(String), prompts: expect.any(Array) },
  ]);
  const [{ prompts } = { prompts: [] }] = ears.slack.asked('assistant.threads.setSuggestedPrompts');
  expect(prompts).toHaveLength(3);
});

test('who opens the home has it drawn', async () => {
  await send(envelope({ type: 'app_home_opened', user: 'UBOB', channel: 'D1', tab: 'home', event_ts: '1.2' }));
  await ears.settle();
  expect((await ears.rows()).at(-1)).toMatchObject({
    outcome: 'command',
    reason: 'app_home_opened',
    sender_id: 'UBOB',
  });
  expect(ears.engine.opened).toMatchObject([{ orgId: ears.orgId, tenant: 'T1', externalId: 'UBOB' }]);
});

const openHome = async (user: string): Promise<void> => {
  await send(envelope({ type: 'app_home_opened', user, channel: 'D1', tab: 'home', event_ts: '1.2' }));
  await ears.settle();
};
const drawn = (user: string): number => ears.engine.opened.filter(({ externalId }) => externalId === user).length;
const standing = (user: string) => ears.sql`select is_guest, is_stranger from slack_people where external_id = ${user}`;

test('D2 who opens the home is looked up first: a guest is drawn as one, and so is whom Slack hides', async () => {
  ears.slack.add('UNEWGUEST', { is_restricted: true });
  await openHome('UNEWGUEST');
  expect(await standing('UNEWGUEST')).toEqual([{ is_guest: true, is_stranger: false }]);
  await openHome('UHIDDEN');
  expect(await standing('UHIDDEN')).toEqual([{ is_guest: false, is_stranger: true }]);
  expect([drawn('UNEWGUEST'), drawn('UHIDDEN')]).toEqual([1, 1]);
});

test('D2 an open home is drawn anew when its owner becomes a guest, and only then', async () => {
  const change = async (user: string, flags: Json): Promise<void> => {
    const event = { type: 'user_change', user: { id: user, team_id: 'T1', name: 'x', ...flags }, event_ts: '1.1' };
    await send(envelope(event));
    await ears.settle();
  };
  for (const id of ['UOPEN', 'UNOTOPEN']) {
    ears.slack.add(id);
    await send(envelope(message({ user: id })));
  }
  await ears.settle();
  await ears.sql`insert into slack_homes (id, org_id, tenant, external_id, shows, opened_at, updated_at)
    values (gen_random_uuid(), ${ears.orgId}, 'T1', 'UOPEN', 'x', now(), now())`;
  await change('UOPEN', { real_name: 'Renamed' });
  expect(drawn('UOPEN')).toBe(0);
  await change('UOPEN', { is_restricted: true });
  expect(drawn('UOPEN')).toBe(1);
  await change('UOPEN', { is_restricted: true, real_name: 'Renamed again' });
  await change('UNOTOPEN', { is_restricted: true });
  expect([drawn('UOPEN'), drawn('UNOTOPEN')]).toEqual([1, 0]);
});

test('revoked tokens of people are not ours', async () => {
  await send(envelope({ type: 'tokens_revoked', tokens: { oauth: ['U1'], bot: [] } }));
  expect(await ears.sql`select status from slack_installations`).toEqual([{ status: 'active' }]);
});

test.each([
  ['app_uninstalled', { type: 'app_uninstalled' }, 'uninstalled'],
  ['tokens_revoked', { type: 'tokens_revoked', tokens: { bot: ['UBOT'] } }, 'revoked'],
])(
  'I1 after %s nobody there is heard any more; a late replay does not take away what was installed since',
  async (_, event, status) => {
    const gone = await createEars({ tenant: 'T2' });
    try {
      await gone.connect();
      await gone.link(gone.ownerId, 'UANA');
      const at = { team_id: 'T2', context_team_id: 'T2', authorizations: [], event_time: Date.now() / 1000 };
      const bye = envelope(event, at);
      expect((await gone.send(bye)).status).toBe(200);
      expect(await gone.sql`select status from slack_installations`).toEqual([{ status }]);
      expect(await gone.sql`select 1 from tenants where platform = 'slack'`).toEqual([]);
      expect(gone.slack.forgotten).toEqual(['T2']);
      expect((await gone.send(envelope(message({ team: 'T2' }), at))).status).toBe(200);
      expect((await gone.rows()).at(-1)).toMatchObject({ outcome: 'refused', reason: 'unknown_tenant' });
      await gone.sql`insert into tenants (id, org_id, platform, tenant) values (gen_random_uuid(), ${gone.orgId}, 'slack', 'T2')`;
      await gone.sql`update slack_installations set status = 'active'`;
      expect((await gone.send(bye, { skewS: 2 })).status).toBe(200);
      expect(await gone.sql`select status from slack_installations`).toEqual([{ status: 'active' }]);
      expect(await gone.sql`select 1 from tenants where platform = 'slack'`).toHaveLength(1);
    } finally {
      await gone.drop();
    }
  },
);

test('an uninstall that comes after the app was installed again takes nothing away, unless its token no longer works', async () => {
  const gone = await createEars({ tenant: 'T2' });
  const bye = (type: string, hoursAgo = 1) =>
    envelope(
      { type, tokens: { bot: ['UBOT'] } },
      { team_id: 'T2', context_team_id: 'T2', authorizations: [], event_time: Date.now() / 1000 - hoursAgo * 3600 },
    );
  const status = async () => (await gone.sql`select status from slack_installations`)[0]?.['status'];
  try {
    await gone.connect();
    for (const type of ['app_uninstalled', 'tokens_revoked']) expect((await gone.send(bye(type))).status).toBe(200);
    expect(await status()).toBe('active');
    expect((await gone.rows()).map(({ reason }) => reason)).toEqual(['late', 'late']);
    // Slack is asked, and cannot say: it shall come again.
    gone.slack.away.add('auth.test');
    expect((await gone.send(bye('app_uninstalled'))).status).toBe(503);
    gone.slack.port.call = async () => {
      throw new PlatformFailure('refused', 'account_inactive');
    };
    expect((await gone.send(bye('app_uninstalled'))).status).toBe(200);
    expect(await status()).toBe('uninstalled');
    // Slack repeats nothing for so long: it is no repeat.
    gone.slack.port.call = async () => ({ ok: true });
    await gone.sql`insert into tenants (id, org_id, platform, tenant) values (gen_random_uuid(), ${gone.orgId}, 'slack', 'T2')`;
    await gone.sql`update slack_installations set status = 'active'`;
    expect((await gone.send(bye('app_uninstalled', 48), { to: gone.another() })).status).toBe(200);
    expect(await status()).toBe('uninstalled');
  } finally {
    await gone.drop();
  }
});
