import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { PlatformFailure } from '#core/errors.ts';
import { createEars, envelope, mentionOf, message, type EarsWorld } from '#test/slack/ears.ts';
import type { Json } from '#test/fakes/slack/words.ts';

let ears: EarsWorld;
/** Slack's word for why it does not say who somebody is. */
let no: PlatformFailure | undefined;
beforeAll(async () => {
  ears = await createEars();
  await ears.connect();
  const { call } = ears.slack.port;
  ears.slack.port.call = async (at, method, args) => {
    if (method === 'users.info' && no) throw no;
    return call(at, method, args);
  };
});
afterAll(() => ears.drop());
beforeEach(async () => {
  await ears.settle();
  no = undefined;
  ears.clock.aheadMs += 120_000;
  ears.slack.calls.length = 0;
  ears.logged.length = 0;
});

const refuses = (code: string): void => void (no = new PlatformFailure('refused', code));
/** Signed by the clock that the ears go by. */
const send = (body: Json) => ears.send(body, { skewS: Math.round(ears.clock.aheadMs / 1000) });
const rowOf = async ({ channel, ts }: Json) =>
  (await ears.sql`select outcome, reason, run_id from inbound_events where source_key = ${`${channel}:${ts}`}`)[0];
const say = async (user: string, change: Json = {}) => {
  const said = message({ user, ...change });
  const { status } = await send(envelope(said));
  return { said, status, row: await rowOf(said) };
};
const told = async (): Promise<Json[]> => {
  await ears.settle();
  return ears.slack.calls.filter(({ method }) => method.startsWith('chat.')).map(({ args }) => args);
};
const alerts = (): Json[] => ears.logged.map((line): Json => JSON.parse(line)).filter(({ alert }) => alert === true);
const REFUSED = { outcome: 'refused', reason: 'not_looked_up', run_id: null };

test.each(['missing_scope', 'account_inactive', 'token_revoked', 'not_installed', 'access_denied'])(
  'I3 a request of a member whom Slack will not tell us about (%s) is stored as refused, and they are told why',
  async (code) => {
    const user = `U${code.replaceAll('_', '').toUpperCase()}`;
    await ears.link((await ears.member('admin')).id, user);
    refuses(code);
    const { said, status, row } = await say(user);
    expect([status, row]).toEqual([200, REFUSED]);
    // The same text once more: the other event, and a repeat.
    expect((await send(envelope(mentionOf(said)))).status).toBe(200);
    expect(await told()).toMatchObject([{ user, channel: 'C1', text: expect.stringContaining(code) }]);
    expect(alerts()).toMatchObject([{ level: 50, orgId: ears.orgId, tenant: 'T1', code }]);
    expect(JSON.stringify(await ears.rows())).not.toContain('INV-77');
    expect(ears.logged.join('')).not.toContain('INV-77');
  },
);

test('I3 somebody who is nobody’s account is told the same, and gets no link', async () => {
  refuses('missing_scope');
  expect((await say('USOMEBODY')).row).toEqual(REFUSED);
  expect(await told()).toMatchObject([{ text: expect.stringMatching(/missing_scope/) }]);
  expect(JSON.stringify(await told())).not.toContain('/link/');
});

test('I3 what Slack said long ago does not count once it refuses to say more', async () => {
  await ears.link((await ears.member('admin')).id, 'UOLD');
  ears.slack.add('UOLD');
  expect((await say('UOLD')).row).toMatchObject({ outcome: 'run' });
  await ears.sql`update slack_people set fetched_at = now() - interval '11 minutes' where external_id = 'UOLD'`;
  ears.clock.aheadMs += 61_000;
  refuses('missing_scope');
  expect((await say('UOLD')).row).toEqual(REFUSED);
  // Nothing is left of it once Slack speaks again.
  no = undefined;
  expect((await say('UOLD')).row).toMatchObject({ outcome: 'run' });
});

test('one line a minute alerts the operator, for each workspace and word of Slack’s', async () => {
  refuses('missing_scope');
  for (const user of ['U1', 'U2', 'U3']) await say(user);
  refuses('access_denied');
  await say('U1');
  expect(alerts().map(({ code }) => code)).toEqual(['missing_scope', 'access_denied']);
  ears.clock.aheadMs += 61_000;
  await say('U1');
  expect(alerts().map(({ code }) => code)).toEqual(['missing_scope', 'access_denied', 'access_denied']);
});

test('I3 whom Slack hides from us stays a stranger, and that is nobody’s alarm', async () => {
  refuses('user_not_found');
  await ears.link((await ears.member('admin')).id, 'UHIDDEN');
  expect((await say('UHIDDEN', { team: undefined })).row).toMatchObject({ outcome: 'refused', reason: 'stranger' });
  expect(alerts()).toEqual([]);
});

test('I2 a text that was stored as not for us is refused all the same once Slack says that it mentions the bot', async () => {
  refuses('missing_scope');
  const said = message({ user: 'ULATE', text: 'post it' });
  await send(envelope(said));
  expect(await rowOf(said)).toMatchObject({ outcome: 'ignored' });
  await send(envelope(mentionOf(said)));
  expect(await rowOf(said)).toEqual(REFUSED);
  expect(await told()).toHaveLength(1);
});

test.each([
  ['cannot be reached', new PlatformFailure('not_sent', 'unreachable')],
  ['asks to wait', new PlatformFailure('limited', 'ratelimited', { retryAfterMs: 1_000 })],
  ['says nothing clear', new PlatformFailure('unclear', 'http_500')],
])('I1 while Slack %s, the request of a member comes again, unstored and without an alert', async (_, failure) => {
  const user = `U${failure.kind.toUpperCase()}`;
  await ears.link((await ears.member('member')).id, user);
  no = failure;
  expect(await say(user)).toMatchObject({ status: 503, row: undefined });
  expect(alerts()).toEqual([]);
  no = undefined;
  ears.slack.add(user);
  expect((await say(user)).row).toMatchObject({ outcome: 'run' });
});

test('I1 while Slack cannot be asked, somebody who may be a member by their e-mail address is heard later', async () => {
  const settings = { slack: { matchEmail: true, channels: [], tellApprovers: true } };
  await ears.sql`update orgs set settings = settings || ${ears.sql.json(settings)}`;
  ears.clock.aheadMs += 61_000;
  await ears.member('member', 'may@acme.test');
  no = new PlatformFailure('not_sent', 'unreachable');
  expect(await say('UMAY')).toMatchObject({ status: 503, row: undefined });
  no = undefined;
  ears.slack.add('UMAY', { profile: { email: 'may@acme.test' } });
  expect((await say('UMAY')).row).toMatchObject({ outcome: 'run' });
});
