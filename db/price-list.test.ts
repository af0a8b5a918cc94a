import { expect, test } from 'vitest';
import { costOf, dearestCost, priceFor, type PriceOverride } from './price-list.ts';

const own = (more: Partial<PriceOverride> = {}): PriceOverride => ({
  provider: 'anthropic',
  model: 'claude-haiku-4-5',
  inputNanos: 3_000_000_000,
  cachedInputNanos: null,
  cacheWriteNanos: 4_000_000_000,
  outputNanos: 5_000_000_000,
  ...more,
});
const usage = { inputTokens: 1_000_000, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 1_000_000 };

test('a listed model has the prices of the package', () => {
  expect(priceFor('anthropic', 'claude-haiku-4-5', [])).toEqual({
    source: 'package',
    inputNanosPerMillion: 1_000_000_000,
    cachedNanosPerMillion: 100_000_000,
    writeNanosPerMillion: 1_250_000_000,
    outputNanosPerMillion: 5_000_000_000,
  });
  // Long inputs cost more: the page can say so.
  expect(priceFor('gemini', 'gemini-3.1-pro-preview', [])).toMatchObject({
    source: 'package',
    dearerAboveTokens: 200_000,
  });
});

test.each([
  ['anthropic', 'claude-haiku-4-5-20251001', 'claude-haiku-4-5'],
  ['anthropic', 'claude-sonnet-4-20250514', 'claude-sonnet-4-0'],
  ['anthropic', 'claude-3-5-haiku-20241022', 'claude-3-5-haiku-latest'],
  ['openai', 'gpt-5.4-mini-2026-03-17', 'gpt-5.4-mini'],
  ['openai', 'gpt-5-codex', 'gpt-5'],
] as const)('%s/%s is the listed %s', (provider, model, matchedAs) => {
  expect(priceFor(provider, model, [])).toMatchObject({ source: 'package', matchedAs });
});

test.each([
  ['anthropic', 'claude-sonnet-5-5', 'claude-sonnet-5'],
  ['gemini', 'gemini-3.8-flash-super', 'gemini-3.8-flash'],
  ['anthropic', 'claude-haiku-5-5', undefined],
  ['openai', 'local/llama', undefined],
  // Listed without a price.
  ['gemini', 'gemma-4-31b-it', undefined],
] as const)('%s/%s has no known price, and what it was taken for is said: %s', (provider, model, matchedAs) => {
  const price = priceFor(provider, model, []);
  expect(price).toMatchObject({ source: 'unknown', inputNanosPerMillion: null, outputNanosPerMillion: null });
  expect(price.matchedAs).toBe(matchedAs);
  expect(costOf(provider, model, usage, [])).toBeNull();
});

test("the org's own price comes first, for the model it names and no other", () => {
  expect(priceFor('anthropic', 'claude-haiku-4-5', [own()])).toEqual({
    source: 'override',
    inputNanosPerMillion: 3_000_000_000,
    cachedNanosPerMillion: 3_000_000_000,
    writeNanosPerMillion: 4_000_000_000,
    outputNanosPerMillion: 5_000_000_000,
  });
  expect(priceFor('anthropic', 'claude-haiku-4-5-20251001', [own()]).source).toBe('package');
  expect(priceFor('openai', 'claude-haiku-4-5', [own()]).source).toBe('unknown');
  expect(priceFor('anthropic', 'claude-haiku-5-5', [own({ model: 'claude-haiku-5-5' })]).source).toBe('override');
});

test('a cost counts plain, cached, written and output tokens by their prices', () => {
  const used = { inputTokens: 1_000_000, cachedInputTokens: 900_000, cacheWriteTokens: 50_000, outputTokens: 0 };
  expect(costOf('anthropic', 'claude-opus-5-5', used, [])).toBe(200_000_000 + 180_000_000 + 250_000_000);
  expect(costOf('anthropic', 'claude-haiku-4-5', used, [own()])).toBe(150_000_000 + 2_700_000_000 + 200_000_000);
  expect(costOf('rules', 'abetworks-command', used, [])).toBe(0);
});

test('more cached than sent, the mistake of a vendor, breaks nothing', () => {
  const odd = { inputTokens: 10, cachedInputTokens: 20, cacheWriteTokens: 30, outputTokens: 0 };
  expect(costOf('anthropic', 'claude-haiku-4-5', odd, [])).toBe(1_000);
  expect(costOf('anthropic', 'claude-haiku-4-5', odd, [own()])).toBe(30_000);
});

test('R4 the dearest of a vendor counts what the org has set too', () => {
  expect(dearestCost('anthropic', usage, [])).toBe(90_000_000_000);
  const dear = own({ model: 'claude-dear', inputNanos: 100_000_000_000 });
  expect(dearestCost('anthropic', usage, [dear])).toBe(105_000_000_000);
  expect(dearestCost('openai', usage, [dear])).toBe(dearestCost('openai', usage, []));
});
