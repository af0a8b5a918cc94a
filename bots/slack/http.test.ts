import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sign } from '#test/fakes/slack/send.ts';
import { createEars, envelope, message, post, SECRET, type EarsWorld } from '#test/slack/ears.ts';

let ears: EarsWorld;
beforeAll(async () => {
  ears = await createEars();
  await ears.connect();
  await ears.link(ears.ownerId, 'UANA');
  ears.slack.add('UANA');
});
afterAll(() => ears.drop());

const count = async (): Promise<number> =>
  (await ears.rows()).length + (await ears.sql`select 1 from request_signatures`).length;
const body = () => envelope(message());
const signed = (change: Parameters<typeof sign>[1] | object = {}) => sign(body(), { secret: SECRET, ...change });

test.each([
  ['of another app', () => signed({ secret: 'another secret' })],
  ['of six minutes ago', () => signed({ skewS: -360 })],
  ['of six minutes ahead', () => signed({ skewS: 360 })],
  ['without a time', () => signed({ headers: { 'x-slack-request-timestamp': '' } })],
  ['of a time that is no number', () => signed({ timestamp: '17e8' })],
  ['of a negative time', () => signed({ timestamp: '-1' })],
  ['without a signature', () => signed({ headers: { 'x-slack-signature': '' } })],
  ['with half a signature', () => signed({ headers: { 'x-slack-signature': 'v0=00' } })],
  [
    'with a signature of another version',
    () => {
      const one = signed();
      return {
        ...one,
        headers: { ...one.headers, 'x-slack-signature': (one.headers['x-slack-signature'] ?? '').replace('v0', 'v1') },
      };
    },
  ],
  [
    'with one byte changed',
    () => {
      const one = signed();
      return { ...one, raw: one.raw.replace('INV-77', 'INV-78') };
    },
  ],
  [
    'with a byte added',
    () => {
      const one = signed();
      return { ...one, raw: `${one.raw} ` };
    },
  ],
  [
    'with another time than it was signed with',
    () => {
      const one = signed();
      const at = String(Number(one.headers['x-slack-request-timestamp']) + 1);
      return { ...one, headers: { ...one.headers, 'x-slack-request-timestamp': at } };
    },
  ],
])('I1 a request %s is refused, and leaves nothing', async (_, make) => {
  const before = await count();
  const { raw, headers } = make();
  const answer = await post(ears.receiver, raw, headers);
  expect(answer.status).toBe(401);
  expect(await answer.json()).toMatchObject({ status: 401, detail: expect.stringContaining('signed') });
  expect(await count()).toBe(before);
});

test('I1 a header that comes twice is refused, also when one of the two is right', async () => {
  const before = await count();
  for (const name of ['x-slack-signature', 'x-slack-request-timestamp']) {
    const { raw, headers } = signed();
    const twice = new Headers(headers);
    twice.append(name, name === 'x-slack-signature' ? `v0=${'0'.repeat(64)}` : '1');
    expect((await post(ears.receiver, raw, twice)).status).toBe(401);
  }
  expect(await count()).toBe(before);
});

test('why Slack’s requests are refused is in the log, once a minute: another app’s secret is told from a clock that is off', async () => {
  const why = async (send: () => Promise<unknown>): Promise<string[]> => {
    ears.clock.aheadMs += 60_000;
    ears.logged.length = 0;
    for (const _ of [1, 2]) await send();
    return ears.logged.map((line) => JSON.parse(line).why);
  };
  try {
    expect(await why(() => ears.send(body(), { secret: 'another' }))).toEqual([
      expect.stringMatching(/SIGNING_SECRET/),
    ]);
    expect(await why(() => ears.send(body(), { skewS: -3_600 }))).toEqual([expect.stringMatching(/clock/)]);
    // Whoever only knocks at the address is not worth a line.
    expect(await why(() => post(ears.receiver, '{}', { 'content-type': 'application/json' }))).toEqual([]);
  } finally {
    ears.clock.aheadMs = 0;
  }
});

test('I1 a signature of four minutes ago or ahead still counts: clocks differ', async () => {
  for (const skewS of [-240, 240]) expect((await ears.send(body(), { skewS })).status).toBe(200);
});

test('I1 bytes count, not text: a body that is no UTF-8 is told from one that is', async () => {
  const raw = Buffer.concat([Buffer.from('{"type":"'), Buffer.from([0xff]), Buffer.from('"}')]);
  const { headers } = sign(raw.toString('utf8'), { secret: SECRET });
  expect((await post(ears.receiver, raw, headers)).status).toBe(401);
});

test('Slack’s handshake is answered when it is signed, and leaves nothing', async () => {
  const before = await count();
  const handshake = { type: 'url_verification', token: 'x', challenge: 'a challenge' };
  const answer = await ears.send(handshake);
  expect([answer.status, await answer.json()]).toEqual([200, { challenge: 'a challenge' }]);
  expect((await ears.send(handshake, { secret: 'another' })).status).toBe(401);
  expect((await ears.send({ type: 'url_verification' })).status).toBe(400);
  const check = await post(ears.receiver, 'ssl_check=1&token=x', {
    'content-type': 'application/x-www-form-urlencoded',
  });
  expect(check.status).toBe(200);
  expect(await count()).toBe(before);
});

test.each([
  ['no JSON', '{"type":', {}, 400],
  ['a JSON text', '"event_callback"', {}, 400],
  ['a JSON list', '[]', {}, 400],
  ['nothing', '', {}, 400],
  ['an event without a type', '{}', {}, 400],
  ['XML', '<a/>', { headers: { 'content-type': 'application/xml' } }, 400],
  ['no type at all', '{}', { headers: { 'content-type': '' } }, 400],
  ['an empty form', '', { form: true as const }, 400],
  ['a form of something else', 'a=b', { form: true as const }, 400],
  ['a payload that is no JSON', 'payload=%7B', { form: true as const }, 400],
  ['a payload that is null', 'payload=null', { form: true as const }, 400],
  ['a payload without a type', 'payload=%7B%7D', { form: true as const }, 400],
  ['more than a megabyte', JSON.stringify({ type: 'x', text: 'x'.repeat(1_100_000) }), {}, 413],
  ['compressed bytes', gzipSync('{}').toString('latin1'), {}, 400],
])('%s is answered with what is wrong, and leaves nothing', async (_, raw, options, status) => {
  const before = await count();
  const answer = await ears.send(raw, options);
  expect(answer.status).toBe(status);
  expect(await answer.json()).toMatchObject({ status, detail: expect.stringMatching(/^[A-Z].+\.$/) });
  expect(await count()).toBe(before);
});

test('a body that claims to be small is cut off where it is too long', async () => {
  const part = new Uint8Array(100_000).fill(32);
  let sent = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull: (stream) => {
      sent += 1;
      stream.enqueue(part);
    },
  });
  const { headers } = signed();
  const request = new Request('http://panel.test/slack/events', {
    method: 'POST',
    headers,
    body: endless,
    duplex: 'half',
  });
  expect((await ears.receiver.http(request)).status).toBe(413);
  expect(sent).toBeLessThan(20);
});

test('only POST is taken, and only where the signing secret is set', async () => {
  const answer = await ears.receiver.http(new Request('http://panel.test/slack/events'));
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
});

// Values that have broken something somewhere.
const odd = fc.oneof(
  fc.constantFrom(null, '', 'x', 0, -1, 1e308, true, [], {}, 'U1', '1.1', 'C1', '\u0000', '\ud800', '__proto__'),
  fc.constantFrom('x'.repeat(5000), '<@UBOT> hi', { id: 'U1' }, [null], [{ id: null }], [{ is_share: true, text: 7 }]),
);
const fields = ['type', 'subtype', 'user', 'bot_id', 'text', 'ts', 'thread_ts', 'channel', 'channel_type', 'files'];
const more = ['attachments', 'hidden', 'tab', 'tokens', 'item', 'reaction', 'event_ts', 'team', 'edited', 'links'];
const types = ['message', 'app_mention', 'app_home_opened', 'agent_session_stopped', 'tokens_revoked', 'user_change'];
const event = fc
  .tuple(
    fc.dictionary(fc.constantFrom(...fields, ...more), odd, { maxKeys: 20 }),
    fc.option(fc.constantFrom(...types), { nil: undefined }),
  )
  .map(([all, type]) => (type === undefined ? all : { ...all, type }));
const outer = ['type', 'team_id', 'context_team_id', 'authorizations', 'event_id', 'user', 'actions', 'view', 'team'];
const anything = fc
  .tuple(
    fc.dictionary(fc.constantFrom(...outer, 'trigger_id', 'container', 'enterprise'), odd),
    fc.oneof(event, odd),
    fc.boolean(),
  )
  .map(([all, inner, isWhole]) =>
    isWhole ? envelope({}, { ...all, event: inner, type: 'event_callback' }) : { ...all, event: inner },
  );

test('whatever is signed and sent, nobody is answered with a failure of ours', async () => {
  let n = 0;
  await fc.assert(
    fc.asyncProperty(anything, fc.constantFrom(false, 'payload' as const, true), async (body, form) => {
      n += 1;
      const texts =
        form === true
          ? Object.fromEntries(Object.entries(body).map(([key, value]) => [key, JSON.stringify(value)]))
          : body;
      const answer = await ears.send(form === true ? { command: '/abet', ...texts } : texts, { form });
      expect(answer.status).toBeLessThan(500);
    }),
    { numRuns: 400 },
  );
  expect(n).toBeGreaterThan(0);
  const seen = await ears.sql`select count(*)::int as n from inbound_events`;
  expect(seen[0]?.['n']).toBeGreaterThan(10);
}, 60_000);
