import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { PlatformFailure } from '#core/errors.ts';
import { fromNetwork } from './failure.ts';
import { closeSlacks, littleSlack } from './slack.fixture.ts';
import { createWeb } from './web.ts';

afterEach(closeSlacks);

const TOKEN = 'xoxb-111-secret';
const lines: string[] = [];
const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
const callAt = (api: string) =>
  createWeb({ config: { SLACK_API_URL: api }, log, timeoutMs: 300 })(TOKEN)('chat.postMessage', { text: 'hello' });

async function failureAt(api: string): Promise<PlatformFailure> {
  const failure = await callAt(api).catch((error: unknown) => error);
  if (!(failure instanceof PlatformFailure)) throw new Error(`expected a PlatformFailure, got ${String(failure)}`);
  return failure;
}
async function failureOf(...says: Parameters<typeof littleSlack>): Promise<PlatformFailure> {
  return failureAt((await littleSlack(...says)).api);
}

test('what Slack answers comes back as it is, and the arguments arrive under our token', async () => {
  const slack = await littleSlack(() => ({ body: { ok: true, ts: '1.2' } }));
  expect(await callAt(slack.api)).toMatchObject({ ok: true, ts: '1.2' });
  expect(slack.asks).toMatchObject([{ method: 'chat.postMessage', token: TOKEN, args: { text: 'hello' } }]);
});

test('E5 a name nobody knows and a port nobody listens on: certainly not sent', async () => {
  expect(await failureAt('http://no-such-host.invalid/api/')).toMatchObject({ kind: 'not_sent', code: 'unreachable' });
  const gone = await littleSlack(() => ({}));
  await closeSlacks();
  expect(await failureAt(gone.api)).toMatchObject({ kind: 'not_sent', code: 'unreachable' });
  expect(await failureAt(gone.api.replace('127.0.0.1', 'localhost'))).toMatchObject({ kind: 'not_sent' });
});

test('E5 a certificate that does not hold ends it before anything is written; a time-out of the connection too', () => {
  for (const code of ['CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'UND_ERR_CONNECT_TIMEOUT'])
    expect(fromNetwork(new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code }) })).kind).toBe(
      'not_sent',
    );
  const late = Object.assign(new Error('x'), { code: 'ETIMEDOUT', syscall: 'read' });
  expect(fromNetwork(new TypeError('fetch failed', { cause: late })).kind).toBe('unclear');
});

test('E5 a line that breaks after the request, an answer cut in half and one that never comes: unclear', async () => {
  expect(await failureOf(() => ({ cut: 'reset' }))).toMatchObject({ kind: 'unclear' });
  expect(await failureOf(() => ({ body: { ok: true }, cut: 'half' }))).toMatchObject({ kind: 'unclear' });
  expect(await failureOf(() => ({ cut: 'stall' }))).toMatchObject({ kind: 'unclear', code: 'timeout' });
});

test('E5 what breaks at Slack may have been done: 500, a gateway’s page, a redirect, and its own words for it', async () => {
  expect(await failureOf(() => ({ status: 500 }))).toMatchObject({ kind: 'unclear', code: 'http_500' });
  const page = { status: 502, headers: { 'content-type': 'text/html' }, body: '<html>bad gateway</html>' };
  expect(await failureOf(() => page)).toMatchObject({ kind: 'unclear', code: 'http_502' });
  expect(await failureOf(() => ({ status: 302, headers: { location: '/' } }))).toMatchObject({ kind: 'unclear' });
  for (const error of ['internal_error', 'fatal_error', 'service_unavailable', 'update_failed'])
    expect(await failureOf(() => ({ body: { ok: false, error } }))).toMatchObject({ kind: 'unclear', code: error });
  expect(await failureOf(() => ({ body: 'null' }))).toMatchObject({ kind: 'unclear' });
});

test('E5 a workspace that Slack is just moving, and a request that arrived in half, are tried again', async () => {
  for (const error of ['team_added_to_org', 'org_login_required', 'external_channel_migrating', 'request_timeout'])
    expect(await failureOf(() => ({ body: { ok: false, error } }))).toMatchObject({ kind: 'not_sent', code: error });
});

test('too many calls say how long to wait, by status or by word; without a time it is half a minute', async () => {
  const wait = { 'retry-after': '7' };
  expect(await failureOf(() => ({ status: 429, headers: wait }))).toMatchObject({
    kind: 'limited',
    retryAfterMs: 7_000,
  });
  const word = { headers: wait, body: { ok: false, error: 'ratelimited' } };
  expect(await failureOf(() => word)).toMatchObject({ kind: 'limited', code: 'ratelimited', retryAfterMs: 7_000 });
  expect(await failureOf(() => ({ status: 429 }))).toMatchObject({ kind: 'limited', retryAfterMs: 30_000 });
  expect(await failureOf(() => ({ body: { ok: false, error: 'rate_limited' } }))).toMatchObject({
    kind: 'limited',
    retryAfterMs: 30_000,
  });
});

test('a no carries Slack’s word and which argument it means', async () => {
  expect(await failureOf(() => ({ body: { ok: false, error: 'channel_not_found' } }))).toMatchObject({
    kind: 'refused',
    code: 'channel_not_found',
  });
  const blocks = {
    error: 'invalid_blocks',
    response_metadata: { messages: ['[ERROR] too long [json-pointer:/blocks/0]'] },
  };
  expect((await failureOf(() => ({ body: { ok: false, ...blocks } }))).message).toContain('/blocks/0');
  const scope = { ok: false, error: 'missing_scope', needed: 'im:write', provided: 'chat:write' };
  expect((await failureOf(() => ({ body: scope }))).message).toContain('im:write');
});

test('a method that this Slack does not have is refused as unknown, whatever the answer looks like', async () => {
  const answers = [
    { status: 404, headers: { 'content-type': 'text/plain' }, body: '404 Not Found' },
    { status: 404, body: { message: 'Not Found' } },
    { headers: { 'content-type': 'text/html' }, body: '<html>sign in</html>' },
    { body: { ok: false, error: 'unknown_method' } },
  ];
  for (const answer of answers)
    expect(await failureOf(() => answer)).toMatchObject({ kind: 'refused', code: 'unknown_method' });
  expect(await failureOf(() => ({ status: 403 }))).toMatchObject({ kind: 'refused', code: 'http_403' });
});

test('one call is one request: nothing is repeated by the SDK', async () => {
  const slack = await littleSlack(() => ({ status: 500 }));
  await failureAt(slack.api);
  expect(slack.asks).toHaveLength(1);
});

test('a token is in no error and no log line, even if Slack repeats it', async () => {
  const echo = {
    ok: false,
    error: 'invalid_arguments',
    response_metadata: { messages: [`[ERROR] bad ${TOKEN} xoxe.xoxb-1-abc xapp-1-A`] },
  };
  const failures = [
    await failureOf(() => ({ body: echo })),
    await failureOf(() => ({ body: `${TOKEN} is not known` })),
    await failureOf(() => ({ status: 500, body: TOKEN })),
    await failureOf(() => ({ cut: 'reset' })),
  ];
  for (const failure of failures) {
    const said = JSON.stringify({
      own: Object.entries(failure),
      text: failure.message,
      stack: failure.stack,
      cause: String(failure.cause),
    });
    expect(said).not.toMatch(/secret|xoxe\.xoxb-1|xapp-1/);
  }
  expect(lines.join('')).not.toMatch(/111-secret/);
});

test('neither an address nor another token can be slipped in', async () => {
  const slack = await littleSlack(() => ({ body: { ok: true } }));
  const web = createWeb({ config: { SLACK_API_URL: slack.api }, log })(TOKEN);
  await expect(web(`${slack.url}/elsewhere`, {})).rejects.toThrow('is not a method');
  await expect(web('../x', {})).rejects.toThrow('is not a method');
  await expect(web('chat.postMessage', { token: 'xoxb-other' })).rejects.toThrow('names no token');
  expect(slack.asks).toEqual([]);
});
