import { afterEach, expect, test } from 'vitest';
import { downloadFile } from './download.ts';
import { fileAddress, hookAddress } from './hosts.ts';
import { createRespond } from './respond.ts';
import { closeSlacks, littleSlack } from './slack.fixture.ts';

afterEach(closeSlacks);

const REAL = { SLACK_API_URL: 'https://slack.com/api/' };
const wanted = { token: 'xoxb-1', maxBytes: 1_000 };

test('a file comes with its bytes and type, asked for with the token', async () => {
  const slack = await littleSlack(() => ({ headers: { 'content-type': 'Text/CSV; charset=utf-8' }, body: 'a,b' }));
  const file = await downloadFile({ SLACK_API_URL: slack.api }, `${slack.url}/files-pri/T-F/a.csv`, wanted);
  expect({ ...file, bytes: Buffer.from(file.bytes).toString() }).toEqual({ bytes: 'a,b', mimeType: 'text/csv' });
  expect(slack.asks).toMatchObject([{ token: 'xoxb-1' }]);
});

test('the token is shown to Slack’s own file hosts over https only, however an address is dressed up', () => {
  for (const url of [
    'https://files.slack.com/files-pri/T1-F1/a.png',
    'https://files.slack-gov.com/x',
    'https://slack-files.com/T1-F1',
    // Where files.slack.com leads to, and the hosts of an Enterprise.
    'https://files-origin.slack.com/files-pri/T1-F1/a.png',
    'https://files-edge.slack.com/x',
    'https://acme.enterprise.slack.com/files-pri/T1-F1/a.png',
    'https://acme.slack.com/files-pri/T1-F1/a.png',
  ])
    expect([url, fileAddress(REAL, url)?.href]).toEqual([url, url]);
  const others = [
    'http://files.slack.com/x',
    'https://files.slack.com:8443/x',
    'https://files.slack.com.evil.example/x',
    'https://evil.example/files.slack.com',
    'https://files.slack.com@evil.example/x',
    'https://user@files.slack.com/x',
    'https://evilslack-files.com/x',
    'https://slack.com/x',
    'https://acme.slack.com/?redir=%2Ffiles-pri%2FT1-F1%2Fa.png',
    'https://acme.enterprise.slack.com/x/files-pri/T1-F1/a.png',
    'https://files-evil.slack.com/x',
    'https://acme.slack.com.evil.example/files-pri/T1-F1/a.png',
    'file:///etc/passwd',
    'http://127.0.0.1/x',
    'not an address',
  ];
  for (const url of others) expect([url, fileAddress(REAL, url)]).toEqual([url, undefined]);
});

test('where SLACK_API_URL is another place, files and answers go to that place alone', () => {
  const fake = { SLACK_API_URL: 'http://127.0.0.1:4103/api/' };
  expect(fileAddress(fake, 'http://127.0.0.1:9/x')?.href).toBe('http://127.0.0.1:9/x');
  expect(hookAddress(fake, 'http://127.0.0.1:9/x')?.href).toBe('http://127.0.0.1:9/x');
  expect(fileAddress(fake, 'https://files.slack.com/x')).toBeUndefined();
  expect(hookAddress(fake, 'https://hooks.slack.com/x')).toBeUndefined();
});

test('a Slack on this machine is the same by any name of this machine, and by no other', () => {
  for (const api of ['http://localhost:4103/api/', 'http://127.0.0.1:4103/api/', 'http://[::1]:4103/api/'])
    for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '[::1]'])
      expect(hookAddress({ SLACK_API_URL: api }, `http://${host}:9/x`)?.pathname).toBe('/x');
  const local = { SLACK_API_URL: 'http://localhost:4103/api/' };
  for (const host of ['127.0.0.1.evil.example', 'localhost.evil.example', '10.0.0.1', '0.0.0.0', '[::2]'])
    expect([host, hookAddress(local, `http://${host}/x`), fileAddress(local, `http://${host}/x`)]).toEqual([
      host,
      undefined,
      undefined,
    ]);
  const elsewhere = { SLACK_API_URL: 'http://slack.lan/api/' };
  expect(hookAddress(elsewhere, 'http://slack.lan/x')?.hostname).toBe('slack.lan');
  for (const config of [elsewhere, REAL]) expect(hookAddress(config, 'http://127.0.0.1/x')).toBeUndefined();
});

test('an address elsewhere is refused and nothing is sent', async () => {
  const slack = await littleSlack(() => ({ body: 'x' }));
  await expect(downloadFile(REAL, `${slack.url}/x`, wanted)).rejects.toMatchObject({
    kind: 'refused',
    code: 'not_slack',
  });
  expect(slack.asks).toEqual([]);
});

test('a redirect within Slack is followed; one that leads out is not, and the token does not go there', async () => {
  const slack = await littleSlack(({ method }) => {
    if (method === '/in') return { status: 302, headers: { location: '/file' } };
    if (method === '/out') return { status: 302, headers: { location: 'http://sign-in.invalid/login' } };
    if (method === '/round') return { status: 302, headers: { location: '/round' } };
    return { headers: { 'content-type': 'text/plain' }, body: 'x' };
  });
  const get = (path: string) => downloadFile({ SLACK_API_URL: slack.api }, `${slack.url}${path}`, wanted);
  expect((await get('/in')).mimeType).toBe('text/plain');
  expect(slack.asks.map(({ token }) => token)).toEqual([wanted.token, wanted.token]);
  await expect(get('/out')).rejects.toMatchObject({ kind: 'refused', code: 'not_a_file' });
  await expect(get('/round')).rejects.toMatchObject({ kind: 'refused', code: 'not_a_file' });
});

test('a sign-in page is no file, a missing one is missing, and a broken line says so', async () => {
  const says = async (answer: object) => {
    const slack = await littleSlack(() => answer);
    return downloadFile({ SLACK_API_URL: slack.api }, `${slack.url}/f`, wanted);
  };
  const page = { headers: { 'content-type': 'text/html; charset=utf-8' }, body: '<html>Sign in</html>' };
  await expect(says(page)).rejects.toMatchObject({ code: 'not_a_file' });
  await expect(says({ status: 404 })).rejects.toMatchObject({ code: 'file_not_found' });
  await expect(says({ status: 403 })).rejects.toMatchObject({ kind: 'refused', code: 'http_403' });
  await expect(says({ status: 503 })).rejects.toMatchObject({ kind: 'unclear' });
  await expect(says({ status: 429, headers: { 'retry-after': '3' } })).rejects.toMatchObject({
    kind: 'limited',
    retryAfterMs: 3_000,
  });
  await expect(says({ body: 'abc', cut: 'half', headers: { 'content-type': 'text/plain' } })).rejects.toMatchObject({
    kind: 'unclear',
  });
});

test('nothing is read past the limit, whether the length is told or not, and the caller may give up', async () => {
  const big = 'x'.repeat(1_001);
  const told = await littleSlack(() => ({ headers: { 'content-type': 'text/plain' }, body: big }));
  const get = (slack: typeof told, more: object = {}) =>
    downloadFile({ SLACK_API_URL: slack.api }, `${slack.url}/f`, { ...wanted, ...more });
  await expect(get(told)).rejects.toMatchObject({ kind: 'refused', code: 'file_too_large' });
  expect((await get(told, { maxBytes: 1_001 })).bytes).toHaveLength(1_001);
  // The length that is told is that of the packed bytes.
  const gzip = await littleSlack(async () => {
    const { gzipSync } = await import('node:zlib');
    return { headers: { 'content-type': 'text/plain', 'content-encoding': 'gzip' }, body: gzipSync(big) };
  });
  await expect(get(gzip)).rejects.toMatchObject({ code: 'file_too_large' });
  const slow = await littleSlack(() => ({ cut: 'stall' }));
  await expect(get(slow, { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
    kind: 'unclear',
    code: 'timeout',
  });
});

test('A7 an answer goes to a response_url as JSON, without any token', async () => {
  const slack = await littleSlack(() => ({ headers: { 'content-type': 'text/plain' }, body: 'ok' }));
  await createRespond({ SLACK_API_URL: slack.api })(`${slack.url}/actions/T1/1/secret`, {
    text: 'no',
    response_type: 'ephemeral',
  });
  expect(slack.asks).toMatchObject([
    { method: '/actions/T1/1/secret', token: null, args: { body: '{"text":"no","response_type":"ephemeral"}' } },
  ]);
});

test('A7 only Slack’s own hook hosts are answered, redirects are not followed, and a used-up address says so', async () => {
  for (const url of ['https://hooks.slack.com/actions/T/1/x', 'https://hooks.slack-gov.com/x'])
    expect(hookAddress(REAL, url)?.href).toBe(url);
  for (const url of [
    'http://hooks.slack.com/x',
    'https://hooks.slack.com.evil.example/x',
    'https://slack.com/x',
    'https://evil.example/hooks.slack.com',
  ])
    await expect(createRespond(REAL)(url, {})).rejects.toMatchObject({ kind: 'refused', code: 'not_slack' });
  const slack = await littleSlack(({ method }) => {
    if (method === '/redirect') return { status: 302, headers: { location: '/elsewhere' } };
    if (method === '/broken') return { cut: 'reset' };
    if (method === '/as-object') return { status: 404, body: { ok: false, error: 'expired_url' } };
    if (method === '/invalid') return { body: { ok: false, error: 'invalid_blocks' } };
    if (method === '/fine') return { body: { ok: true } };
    if (method === '/word') return { body: 'ok' };
    return method === '/used' ? { status: 404, body: 'used_url' } : { status: 500, body: 'x' };
  });
  const respond = createRespond({ SLACK_API_URL: slack.api });
  await expect(respond(`${slack.url}/used`, {})).rejects.toMatchObject({ kind: 'refused', code: 'used_url' });
  await expect(respond(`${slack.url}/as-object`, {})).rejects.toMatchObject({ kind: 'refused', code: 'expired_url' });
  // Then it is told in another way, not lost.
  await expect(respond(`${slack.url}/invalid`, {})).rejects.toMatchObject({ kind: 'refused', code: 'invalid_blocks' });
  await respond(`${slack.url}/fine`, {});
  await respond(`${slack.url}/word`, {});
  await expect(respond(`${slack.url}/500`, {})).rejects.toMatchObject({ kind: 'unclear' });
  await expect(respond(`${slack.url}/broken`, {})).rejects.toMatchObject({ kind: 'unclear' });
  await expect(respond(`${slack.url}/redirect`, {})).rejects.toMatchObject({ kind: 'refused', code: 'http_302' });
  expect(slack.asks.map(({ method }) => method)).not.toContain('/elsewhere');
});
