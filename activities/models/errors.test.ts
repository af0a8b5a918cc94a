import { expect, test } from 'vitest';
import { toModelError } from './errors.ts';

const failure = (status: number, error: object = {}, headers: Record<string, string> = {}) => ({
  status,
  headers: new Headers(headers),
  error: { error },
});

test.each([
  [408, 'retry'],
  [409, 'retry'],
  [429, 'retry'],
  [500, 'retry'],
  [503, 'retry'],
  [504, 'retry'],
  [529, 'retry'],
  [400, 'refused'],
  [401, 'refused'],
  [402, 'refused'],
  [403, 'refused'],
  [404, 'refused'],
  [413, 'refused'],
  [422, 'refused'],
] as const)('status %i means: %s', (status, kind) => {
  expect(toModelError(failure(status), 'anthropic')).toMatchObject({ kind, status });
});

test.each([
  { code: 'insufficient_quota' },
  { code: 'billing_hard_limit_reached' },
  { type: 'billing_error' },
  { message: 'Your credit balance is too low to access the API.' },
])('waiting does not help when the money is used up: %j', (error) => {
  const found = toModelError(failure(429, error, { 'retry-after': '5' }), 'openai');
  expect(found).toMatchObject({ kind: 'refused', retryAfterMs: undefined });
  expect(found.message).toContain('Add credit');
});

test('a spending limit of Anthropic is named in its error code', () => {
  expect(toModelError({ ...failure(429), errorCode: 'enforced_spend_limit_reached' }, 'anthropic').kind).toBe(
    'refused',
  );
  expect(toModelError({ ...failure(429), errorCode: 'ramp_limit_exceeded' }, 'anthropic').kind).toBe('retry');
});

test('a conversation that is too long is told apart from a wrong request', () => {
  const found = toModelError(failure(400, { code: 'context_length_exceeded' }), 'openai');
  expect(found.kind).toBe('refused');
  expect(found.message).toContain('Start a new thread.');
});

test('what a failure may cost is known where the vendor says so itself', () => {
  const isFree = (status: number) => toModelError(failure(status), 'anthropic').isFree;
  for (const status of [307, 400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 503, 529])
    expect(isFree(status)).toBe(true);
  // A gateway that gave up on an answer: the vendor may have made it.
  for (const status of [408, 502, 504, 524]) expect(isFree(status)).toBe(false);
  const lost = (code: string) =>
    toModelError(new Error('x', { cause: Object.assign(new Error('y'), { code }) }), 'openai');
  expect(lost('ECONNREFUSED').isFree).toBe(true);
  expect(lost('ECONNRESET').isFree).toBe(false);
});

test('a key that Gemini does not know comes with a 400', () => {
  const details = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' }];
  const found = toModelError(failure(400, { status: 'INVALID_ARGUMENT', details }), 'gemini');
  expect(found).toMatchObject({ kind: 'refused', status: 400 });
  expect(found.message).toContain('Check GEMINI_API_KEY.');
});

test('a quota for the day does not come back by waiting, one for the minute does', () => {
  const quota = (quotaId: string) =>
    toModelError(
      failure(429, { status: 'RESOURCE_EXHAUSTED', details: [{ violations: [{ quotaId }] }, { retryDelay: '12s' }] }),
      'gemini',
    );
  expect(quota('GenerateRequestsPerDayPerProjectPerModel')).toMatchObject({ kind: 'refused', retryAfterMs: undefined });
  expect(quota('GenerateRequestsPerMinutePerProjectPerModel')).toMatchObject({ kind: 'retry', retryAfterMs: 12_000 });
});

test('a failure in a list of one, as Gemini streams it, is read too', () => {
  const found = toModelError({ status: 429, error: [{ error: { details: [{ retryDelay: '3s' }] } }] }, 'gemini');
  expect(found.retryAfterMs).toBe(3_000);
});

test('the vendor decides by x-should-retry', () => {
  expect(toModelError(failure(400, {}, { 'x-should-retry': 'true' }), 'anthropic').kind).toBe('retry');
  expect(toModelError(failure(500, {}, { 'x-should-retry': 'false' }), 'anthropic').kind).toBe('refused');
});

test('Retry-After is read in milliseconds, seconds and dates', () => {
  const wait = (headers: Record<string, string>) => toModelError(failure(429, {}, headers), 'openai').retryAfterMs;
  expect(wait({ 'retry-after-ms': '250', 'retry-after': '9' })).toBe(250);
  expect(wait({ 'retry-after': '1.5' })).toBe(1_500);
  expect(wait({ 'retry-after': new Date(Date.now() - 60_000).toUTCString() })).toBe(0);
  expect(wait({ 'retry-after': new Date(Date.now() + 60_000).toUTCString() })).toBeGreaterThan(50_000);
  expect(wait({ 'retry-after': 'soon' })).toBeUndefined();
  expect(wait({})).toBeUndefined();
});

test("the message is never the vendor's: it may quote the key or the prompt", () => {
  const found = toModelError(
    failure(400, { message: 'sk-123 in: tell me about Bluebird', type: 'sk-123 Bluebird', code: 'bad_thing' }),
    'openai',
  );
  expect(found.message).not.toMatch(/sk-123|Bluebird/);
  expect(found.message).toContain('OpenAI answered 400 bad_thing');
  expect(found.cause).toBeUndefined();
});
