import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '#core/ids.ts';
import { idleClient } from '#test/web/client.ts';
import { addCalculator, addRows, type Rows } from '#test/web/rows.ts';
import { addOrg, createWorld, type Person, type World } from '#test/web/world.ts';

let world: World;
let owner: Person;
let rows: Rows;
let writes: { method: string; path: string }[];
beforeAll(async () => {
  world = await createWorld(idleClient());
  owner = await addOrg(world);
  rows = await addRows(world, owner);
  const connectionId = await addCalculator(world, owner);
  writes = [
    { method: 'POST', path: '/api/v1/requests' },
    { method: 'POST', path: `/api/v1/approvals/${rows.approvalId}/decision` },
    { method: 'POST', path: `/api/v1/effects/${rows.effectId}/resolution` },
    { method: 'POST', path: '/api/v1/connections' },
    { method: 'POST', path: `/api/v1/connections/${connectionId}/credential` },
    { method: 'POST', path: '/api/v1/members' },
    { method: 'PATCH', path: `/api/v1/members/${owner.memberId}` },
    { method: 'POST', path: '/api/v1/invitations/accept' },
    { method: 'POST', path: '/api/v1/api-keys' },
    { method: 'PATCH', path: '/api/v1/settings' },
  ];
});
afterAll(() => world.drop());

const send = (body: string, options: { path?: string; method?: string; type?: string } = {}) =>
  world.call(options.path ?? '/api/v1/requests', {
    as: owner,
    method: options.method ?? 'POST',
    body,
    ...(options.type !== undefined && { headers: { 'content-type': options.type } }),
  });
const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

test.each<[string, string, number, string | undefined]>([
  ['no JSON at all', 'hello', 400, undefined],
  ['half of it', '{"text": "hel', 400, undefined],
  ['something after it', '{"text": "hello"} x', 400, undefined],
  ['an array', '[]', 422, 'body'],
  ['null', 'null', 422, 'body'],
  ['a missing field', '{}', 422, 'text'],
  ['a wrong type', '{"text": 7}', 422, 'text'],
  ['an object for text', '{"text": {"path": "/etc/passwd"}}', 422, 'text'],
  ['only spaces', '{"text": "  \\n "}', 422, 'text'],
  ['NUL', '{"text": "a\\u0000b"}', 422, 'text'],
  ['half a surrogate pair', '{"text": "a\\ud800b"}', 422, 'text'],
  ['NUL deep inside something unknown', '{"text": "hello", "x": [{"y": {"z": ["\\u0000"]}}]}', 422, 'x.0.y.z.0'],
  ['NUL in a name', '{"text": "hello", "x": {"a\\u0000": 1}}', 422, 'x'],
  ['__proto__', '{"text": "hello", "__proto__": {"isAdmin": true}}', 422, 'body'],
  ['an infinite number', '{"text": "hello", "x": 1e999}', 422, 'x'],
  ['20,000 levels', `{"text": "hello", "x": ${nested(20_000)}}`, 422, 'body'],
  ['600,000 values', `{"text": "hello", "x": [${'1,'.repeat(500_000)}1]}`, 422, 'body'],
  ['a text that is too long', JSON.stringify({ text: 'x'.repeat(20_001) }), 422, 'text'],
  ['a bad thread id', '{"text": "hello", "threadId": "x"}', 422, 'threadId'],
  ['a body over 1 MiB', JSON.stringify({ text: 'x'.repeat(1024 * 1024) }), 413, undefined],
])('%s is refused with the field named', async (_, body, status, field) => {
  const answer = await send(body);
  expect([answer.status, answer.json.field]).toEqual([status, field]);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.json).toMatchObject({
    type: 'about:blank',
    title: expect.any(String),
    status,
    detail: expect.any(String),
  });
  expect(answer.json.requestId).toBe(answer.headers.get('x-request-id'));
});

test('right-to-left marks, emoji and 20,000 characters are text like any other', async () => {
  for (const text of ['\u202eabc', '👩‍👩‍👧‍👦', 'x'.repeat(20_000), '=cmd|calc', "'; drop table runs; --"]) {
    expect((await send(JSON.stringify({ text }))).status).toBe(202);
  }
});

test('a body that is not JSON by its type is 415, bytes that are not UTF-8 are 400', async () => {
  for (const type of [
    'application/x-www-form-urlencoded',
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/jsonx',
  ])
    expect([type, (await send('{"text":"hello"}', { type })).status]).toEqual([type, 415]);
  const latin = await world.app.request('/api/v1/requests', {
    method: 'POST',
    headers: { authorization: `Bearer ${owner.key}`, 'content-type': 'application/json' },
    body: Buffer.from('{"text":"caf\u00e9"}', 'latin1'),
  });
  expect(latin.status).toBe(400);
  expect((await world.call('/api/v1/requests', { method: 'POST', as: owner })).status).toBeLessThan(500);
});

test('a connection may bring a document of up to 6 MiB', async () => {
  const body = (size: number) =>
    JSON.stringify({ connector: 'nope', name: 'x', settings: { openapi: 'x'.repeat(size) } });
  expect((await send(body(5 * 1024 * 1024), { path: '/api/v1/connections' })).status).toBe(422);
  expect((await send(body(6 * 1024 * 1024), { path: '/api/v1/connections' })).status).toBe(413);
});

test.each([
  ['/api/v1/runs?limit=0', 422, 'limit'],
  ['/api/v1/runs?limit=101', 422, 'limit'],
  ['/api/v1/runs?limit=abc', 422, 'limit'],
  ['/api/v1/runs?limit=1&limit=2', 422, 'limit'],
  ['/api/v1/runs?limit=', 422, 'limit'],
  ['/api/v1/runs?cursor=zzz', 422, 'cursor'],
  ['/api/v1/runs?cursor=%00', 422, 'cursor'],
  ['/api/v1/runs?cursor=o80000000', 422, 'cursor'],
  ['/api/v1/audit?cursor=o80000000', 422, 'cursor'],
  [`/api/v1/runs?cursor=o0${'f'.repeat(43)}`, 200, undefined],
  [`/api/v1/runs?cursor=n0${'f'.repeat(43)}`, 200, undefined],
  ['/api/v1/audit?cursor=zzz', 422, 'cursor'],
  ['/api/v1/runs?status=nope', 422, 'status'],
  ['/api/v1/effects?runId=nope', 422, 'runId'],
  ['/api/v1/approvals?status=%00', 422, 'status'],
  ['/api/v1/runs/%00', 404, undefined],
  ['/api/v1/runs/%', 404, undefined],
  ['/api/v1/runs/%ED%A0%80', 404, undefined],
  ['/api/v1/runs/..%2f..%2fetc', 404, undefined],
  ['/api/v1/runs/1', 404, undefined],
  ['/api/v1/nothing', 404, undefined],
  ['/api/v1/', 404, undefined],
  ['/api', 404, undefined],
])('GET %s is %d', async (path, status, field) => {
  const answer = await world.call(path, { as: owner });
  expect([answer.status, answer.json?.field]).toEqual([status, field]);
});

test('an id may be written in capitals', async () => {
  expect((await world.call(`/api/v1/runs/${rows.runId.toUpperCase()}`, { as: owner })).status).toBe(200);
});

test('a cursor far beyond any row is an empty page', async () => {
  const thread = rows.threadId;
  const cursor = 'o00000000';
  const huge = 'o7fffffff';
  expect((await world.call(`/api/v1/threads/${thread}/messages?cursor=${cursor}`, { as: owner })).json.items).toEqual(
    [],
  );
  expect(
    (await world.call(`/api/v1/threads/${thread}/messages?cursor=${huge}`, { as: owner })).json.items,
  ).toHaveLength(1);
  expect((await world.call(`/api/v1/audit?cursor=${cursor}`, { as: owner })).json.items).toEqual([]);
});

test.each([
  ['PUT', '/api/v1/requests', 'POST'],
  ['DELETE', '/api/v1/runs', 'GET, HEAD'],
  ['POST', '/api/v1/audit', 'GET, HEAD'],
  ['PUT', `/api/v1/members/${newId()}`, 'GET, HEAD, PATCH'],
  ['OPTIONS', '/api/v1/runs', 'GET, HEAD'],
  ['POST', '/openapi.json', 'GET, HEAD'],
  ['POST', '/health/live', 'GET, HEAD'],
])('%s %s is 405 and says what is allowed', async (method, path, allow) => {
  const answer = await world.call(path, { method, as: owner });
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow]);
});

test('every answer carries the headers that keep a browser safe', async () => {
  for (const path of ['/openapi.json', '/docs', '/api/v1/runs', '/nothing', '/health/live']) {
    const { headers } = await world.call(path);
    expect(headers.get('content-security-policy')).toContain("script-src 'self';");
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('content-security-policy')).not.toContain('unsafe');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('same-origin');
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('strict-transport-security')).toBeNull();
  }
});

// Keys and values that real bodies have, so that generated ones get past the first check now and then.
const field = fc.constantFrom(
  'text',
  'threadId',
  'decision',
  'payloadSha256',
  'comment',
  'outcome',
  'externalId',
  'connector',
  'name',
  'settings',
  'credential',
  'visibility',
  'email',
  'role',
  'status',
  'token',
  'password',
  'scope',
  'baseUrl',
  'openapi',
  'actions',
  'type',
  'trusted',
  'path',
  'method',
);
const word = fc.constantFrom(
  'approve',
  'sent',
  'rest',
  'calculator',
  'module',
  'org',
  'a@example.test',
  'viewer',
  'active',
  'full',
  'bearer',
  'GET',
  'https://example.test',
  '0'.repeat(64),
  '__proto__',
  'constructor',
  '\u0000',
  '\ud800',
  '\u202e',
  newId(),
);
const value = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    word,
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(field, fc.string()), tie('any'), { maxKeys: 5 }),
  ),
})).any;

test('1,500 generated bodies on every write: never our fault, and always a problem document when refused', async () => {
  const shape = fc.dictionary(field, value, { maxKeys: 6 });
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.oneof(shape, value), async (pick, body) => {
      const target = writes[pick % writes.length] ?? { method: 'POST', path: '/api/v1/requests' };
      const answer = await world.call(target.path, { ...target, as: owner, body: JSON.stringify(body) ?? '' });
      expect([target.path, answer.text, answer.status < 500]).toEqual([target.path, answer.text, true]);
      const isProblem = answer.headers.get('content-type') === 'application/problem+json';
      expect(isProblem).toBe(answer.status >= 400);
    }),
    { numRuns: 1500 },
  );
});

test('generated query strings and paths are never our fault', async () => {
  const paths = ['runs', 'threads', 'approvals', 'effects', 'connections', 'members', 'api-keys', 'audit'];
  const names = fc.constantFrom('limit', 'cursor', 'status', 'runId', 'threadId', 'state', 'x');
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...paths),
      names,
      fc.string({ unit: 'grapheme' }),
      fc.boolean(),
      async (path, name, text, isPath) => {
        const tail = isPath ? `/${encodeURIComponent(text)}` : `?${name}=${encodeURIComponent(text)}`;
        const answer = await world.call(`/api/v1/${path}${tail}`, { as: owner });
        expect([tail, answer.status < 500]).toEqual([tail, true]);
      },
    ),
    { numRuns: 400 },
  );
});
