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
