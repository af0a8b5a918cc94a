import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { PlatformFailure } from '#core/errors.ts';
import { createEars, envelope, mentionOf, message, type EarsWorld } from '#test/slack/ears.ts';
import type { Json } from '#test/fakes/slack/words.ts';

let ears: EarsWorld;
let call: EarsWorld['slack']['port']['call'];
beforeAll(async () => {
  ears = await createEars();
  await ears.connect();
  await ears.link(ears.ownerId, 'UANA');
  ears.slack.add('UANA');
  ({ call } = ears.slack.port);
});
afterAll(() => ears.drop());
beforeEach(async () => {
  await ears.settle();
  ears.slack.calls.length = 0;
  ears.slack.port.call = call;
  await allow();
});

let count = 0;
/** A channel that nobody has heard of yet. */
const newChannel = (kind: Json, letter = 'C'): string => {
  const id = `${letter}KIND${++count}`;
  ears.slack.channels.set(id, { id, is_im: false, is_mpim: false, is_private: false, ...kind });
  return id;
};
const allow = (...channels: string[]) =>
  ears.sql`update orgs set settings = settings || ${ears.sql.json({ slack: { matchEmail: false, channels, tellApprovers: true } })}`;
const mention = (channel: string, change: Json = {}): Json => mentionOf(message({ channel, ...change }));
const send = async (event: Json) =>
  expect((await ears.send(envelope(event), { skewS: ears.clock.aheadMs / 1000 })).status).toBe(200);
/** How the thread of a message is kept; undefined: there is none. */
const isKeptDirect = async ({ channel, ts }: Json): Promise<boolean | undefined> =>
  (await ears.sql`select is_direct from threads where channel = ${channel} and thread = ${ts}`)[0]?.['is_direct'];
const asked = (): number => ears.slack.asked('conversations.info').length;
const refusing = (failure: PlatformFailure) => {
  ears.slack.port.call = async (at, method, args) => {
    const answer = await call(at, method, args);
    if (method === 'conversations.info') throw failure;
    return answer;
  };
};

test.each([
  ['C', 'the mention first', [1, 0]],
  ['C', 'the message first', [0, 1]],
  ['G', 'the mention first', [1, 0]],
])('D3 I2 what is said in a group conversation (%s…) is private, %s, and one run', async (letter, _, order) => {
  const channel = newChannel({ is_mpim: true, is_private: true }, letter);
  const said = message({ channel, channel_type: 'mpim' });
  const both = [said, mentionOf(said)];
  for (const at of order) await send(both[at] ?? said);
  expect(await isKeptDirect(said)).toBe(true);
  expect(await ears.sql`select outcome from inbound_events where source_key = ${`${channel}:${said['ts']}`}`).toEqual([
    { outcome: 'run' },
  ]);
});

test.each([
  ['a public channel', {}],
  ['a private channel', { is_private: true }],
])('what is said in %s is not, and Slack is asked once in ten minutes', async (_, kind) => {
  const channel = newChannel(kind);
  for (const change of [{}, { type: 'message' }, {}]) {
    const said = { ...mention(channel), ...change };
    await send(said);
    expect(await isKeptDirect(said)).toBe(false);
  }
  expect(asked()).toBe(1);
  ears.clock.aheadMs += 11 * 60_000;
  await send(mention(channel));
  expect(asked()).toBe(2);
});

test('Slack is not asked where the event, an event before it, or the id tells', async () => {
  const said = message({ channel: newChannel({ is_mpim: true }), channel_type: 'channel' });
  await send(said);
  const after = mention(said['channel']);
  await send(after);
  expect(await isKeptDirect(after)).toBe(false);
  for (const channel_type of ['im', 'app_home', undefined]) {
    const direct = message({ channel: newChannel({}, 'D'), channel_type });
    await send(direct);
    expect(await isKeptDirect(direct)).toBe(true);
  }
  expect(asked()).toBe(0);
});

test('D3 while Slack cannot say it is private; as soon as it can, what it says counts', async () => {
  const channel = newChannel({});
  ears.slack.away.add('conversations.info');
  const early = mention(channel);
  await send(early);
  expect(await isKeptDirect(early)).toBe(true);
  ears.slack.away.clear();
  const later = mention(channel);
  await send(later);
  expect(await isKeptDirect(later)).toBe(false);
});

test('D3 without the scope it is private, nothing fails, and Slack is not asked each time', async () => {
  refusing(new PlatformFailure('refused', 'missing_scope'));
  const channel = newChannel({});
  for (const said of [mention(channel), mention(channel)]) {
    await send(said);
    expect(await isKeptDirect(said)).toBe(true);
  }
  expect(asked()).toBe(1);
});

test('a Slack that is slow to say keeps nobody waiting beyond the acknowledgement', async () => {
  let answer = (): void => {};
  ears.slack.port.call = async (at, method, args) => {
    if (method === 'conversations.info') await new Promise<void>((resolve) => (answer = resolve));
    return call(at, method, args);
  };
  const said = mention(newChannel({}));
  const started = performance.now();
  await send(said);
  expect(performance.now() - started).toBeLessThan(2_500);
  expect(await isKeptDirect(said)).toBe(true);
  answer();
});

test('a channel that is not on the org’s list stays closed while Slack cannot say what it is', async () => {
  const listed = newChannel({});
  await allow(listed);
  ears.clock.aheadMs += 61_000;
  ears.slack.away.add('conversations.info');
  const said = [mention(newChannel({})), mention(listed)];
  for (const each of said) await send(each);
  ears.slack.away.clear();
  expect(await Promise.all(said.map(isKeptDirect))).toEqual([undefined, true]);
  const among = mention(newChannel({ is_mpim: true }));
  await send(among);
  expect(await isKeptDirect(among)).toBe(true);
});
