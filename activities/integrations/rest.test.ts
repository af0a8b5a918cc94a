import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { EgressError } from '#activities/egress.ts';
import type { JsonObject, Payload, PreparedRequest } from '#core/tools.ts';
import type { Action, ConnectionFetch, RunContext } from './connector.ts';
import { rest } from './rest.ts';
import { ERP_30 } from './rest/documents.fixture.ts';

/** The ERP: remembers what it was sent, answers what it is told. */
let erp: Server;
let settings: JsonObject;
let answer: { status: number; headers?: Record<string, string>; body?: string };
const seen: { method: string; url: string; headers: IncomingHttpHeaders; body: string }[] = [];

beforeAll(async () => {
  erp = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const { method = '', url = '', headers } = incoming;
      seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      outgoing.writeHead(answer.status, answer.headers).end(answer.body);
    });
  });
  await new Promise<void>((done) => erp.listen(0, '127.0.0.1', done));
  settings = await rest.compile({
    baseUrl: `http://127.0.0.1:${(erp.address() as AddressInfo).port}/api`,
    openapi: ERP_30,
  });
});
afterAll(() => new Promise((done) => erp.close(done)));
beforeEach(() => {
  seen.length = 0;
  answer = { status: 201, headers: { 'content-type': 'application/json' }, body: '{"id":17}' };
});

const send: ConnectionFetch = async (url, request) => {
  const response = await fetch(url, {
    ...request,
    redirect: 'manual',
    headers: { connection: 'close', ...request.headers },
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text: () => text };
};
const contextWith = (more: Partial<RunContext> = {}): RunContext<JsonObject> => ({
  fetch: send,
  credential: { type: 'bearer', token: 'tok-12345678' },
  idempotencyKey: 'effect-1',
  signal: new AbortController().signal,
  ...more,
  settings,
});
const named = (name: string): Action =>
  rest.actions(settings, { name: 'ERP', isTrusted: false }).find((it) => it.name === name)!;
const payloadOf = (request: PreparedRequest | null): Payload => ({
  v: 1,
  tool: 'erp_x',
  connection: null,
  request,
  arguments: {},
  attachments: [],
  schemaSha256: '',
  policyVersion: 1,
});
function run(name: string, input: JsonObject, more: Partial<RunContext> = {}) {
  const action = named(name);
  return action.run(contextWith(more), payloadOf(action.prepare(action.parse(input))));
}
const invoice = { number: 'INV-77', amount: 5 };
const failing = (error: Error): { fetch: ConnectionFetch } => ({
  fetch: async () => {
    throw error;
  },
});

test('E3 E7 a write sends the stored bytes, the credential and the key, and gives the receipt', async () => {
  const body = '{ "amount":5.0,  "number":"INV-77" }';
  const request = { ...named('createInvoice').prepare(invoice)!, body };
  await expect(named('createInvoice').run(contextWith(), payloadOf(request))).resolves.toEqual({
    output: { id: 17 },
    externalId: '17',
  });
  expect(seen).toHaveLength(1);
  expect(seen[0]).toMatchObject({
    method: 'POST',
    url: '/api/invoices',
    body,
    headers: {
      authorization: 'Bearer tok-12345678',
      'idempotency-key': 'effect-1',
      'content-type': 'application/json',
    },
  });
});

test('E7 the key is sent even where nobody promised to honour it', async () => {
  await run('deleteInvoice', { id: '9' });
  expect(named('deleteInvoice').idempotency).toBe('none');
  expect(seen[0]?.headers['idempotency-key']).toBe('effect-1');
});

test('a read sends no key and gives no receipt', async () => {
  await expect(run('getInvoice', { id: '9' }, { idempotencyKey: null })).resolves.toEqual({ output: { id: 17 } });
  expect(seen[0]?.headers['idempotency-key']).toBeUndefined();
});

test('an answer without a body gives its status, and Location gives the receipt', async () => {
  answer = { status: 201, headers: { location: '/api/invoices/88' } };
  await expect(run('createInvoice', invoice)).resolves.toEqual({ output: { status: 201 }, externalId: '88' });
});

test('VI.61 the credential goes nowhere but under the base address, whatever was stored', async () => {
  const request = named('createInvoice').prepare(invoice)!;
  const origin = new URL(request.url).origin;
  for (const url of [
    'https://evil.example/api/x',
    `${origin}/other`,
    `${origin}/api/../x`,
    `${origin}/apix`,
    origin.replace('//', '//a@') + '/api/x',
    origin.replace('//', '//:b@') + '/api/x',
  ]) {
    const stolen = named('createInvoice').run(contextWith(), payloadOf({ ...request, url }));
    await expect(stolen).rejects.toMatchObject({ name: 'CallFailed', kind: 'refused' });
  }
  expect(seen).toHaveLength(0);
});

test.for([
  [400, 'refused', 'refused', 'did not accept the arguments'],
  [401, 'refused', 'refused', 'rotate it under Connections'],
  [403, 'refused', 'refused', 'rotate it under Connections'],
  [404, 'refused', 'refused', 'does not have what this asks for'],
  [409, 'refused', 'refused', 'conflicts'],
  [418, 'refused', 'refused', 'refused the request (418)'],
  [422, 'refused', 'refused', 'did not accept the arguments'],
  [302, 'refused', 'refused', 'redirect'],
  [408, 'unclear', 'not_sent', 'gave up waiting'],
  [429, 'not_sent', 'not_sent', 'slow down'],
  [500, 'unclear', 'not_sent', 'error of its own'],
  [503, 'unclear', 'not_sent', 'error of its own'],
] as const)('E5 %i is %s for a write and %s for a read', async ([status, write, read, words]) => {
  answer = {
    status,
    headers: { 'content-type': 'application/problem+json' },
    body: '{"error":{"message":"Period\\n is closed"}}',
  };
  const message = expect.stringContaining(words);
  await expect(run('createInvoice', invoice)).rejects.toMatchObject({
    name: 'CallFailed',
    kind: write,
    status,
    message,
  });
  await expect(run('getInvoice', { id: '9' })).rejects.toMatchObject({
    kind: read,
    message: expect.stringContaining('It said: “Period is closed”'),
  });
});

test('E5 429 says when to come back', async () => {
  answer = { status: 429, headers: { 'retry-after': '7' } };
  await expect(run('createInvoice', invoice)).rejects.toMatchObject({ kind: 'not_sent', retryAfterMs: 7_000 });
  answer = { status: 429, headers: { 'retry-after': 'soon' } };
  await expect(run('createInvoice', invoice)).rejects.toMatchObject({ retryAfterMs: undefined });
  answer = { status: 429, headers: { 'retry-after': '999999999' } };
  await expect(run('createInvoice', invoice)).rejects.toMatchObject({ retryAfterMs: 3_600_000 });
});

test.for([
  ['blocked', 'refused', 'refused'],
  ['not_sent', 'not_sent', 'not_sent'],
  ['unclear', 'unclear', 'not_sent'],
  ['too_large', 'unclear', 'refused'],
] as const)('E5 egress says %s: a write is %s, a read is %s', async ([kind, write, read]) => {
  const fails = failing(new EgressError(kind, 'The line went dead.'));
  await expect(run('createInvoice', invoice, fails)).rejects.toMatchObject({
    name: 'CallFailed',
    kind: write,
    message: 'The line went dead.',
  });
  await expect(run('getInvoice', { id: '1' }, fails)).rejects.toMatchObject({ kind: read });
});

test('an error nobody knows rises as it is', async () => {
  await expect(run('createInvoice', invoice, failing(new TypeError('bug')))).rejects.toThrow(TypeError);
});

test('a credential the other side repeats is hidden from answers and errors', async () => {
  answer = { status: 200, body: '{"echo":"Bearer tok-12345678"}' };
  await expect(run('getInvoice', { id: '1' })).resolves.toEqual({ output: { echo: 'Bearer [credential]' } });
  answer = { status: 401, headers: { 'content-type': 'text/plain' }, body: 'bad token tok-12345678' };
  await expect(run('getInvoice', { id: '1' })).rejects.toMatchObject({
    message: expect.stringContaining('“bad token [credential]”'),
  });
});

test('“Test connection” says what answered, and fails on a refused credential', async () => {
  answer = { status: 200, body: '[]' };
  await expect(rest.test(contextWith())).resolves.toMatch(/^127\.0\.0\.1:\d+ answers: GET \/invoices gave 200\.$/);
  expect(seen[0]).toMatchObject({
    method: 'GET',
    url: '/api/invoices?filter%5Bstatus%5D=open',
    headers: { authorization: 'Bearer tok-12345678' },
  });
  answer = { status: 404 };
  await expect(rest.test(contextWith())).resolves.toContain('answers');
  for (const status of [401, 403, 500]) {
    answer = { status };
    await expect(rest.test(contextWith())).rejects.toMatchObject({ name: 'CallFailed', status });
  }
});
