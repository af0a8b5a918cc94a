import { expect, test } from 'vitest';
import { estimateTokens, priceOf, worstCaseNanos } from './prices.ts';

const million = { inputTokens: 1_000_000, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 1_000_000 };

test('a known model costs what its vendor lists, cached input less', () => {
  expect(priceOf('anthropic', 'claude-haiku-4-5', million)).toBe(6_000_000_000);
  expect(priceOf('anthropic', 'claude-haiku-4-5-20251001', million)).toBe(6_000_000_000);
  expect(priceOf('openai', 'gpt-5.4-mini', { ...million, cachedInputTokens: 900_000 })).toBe(4_642_500_000);
});

test('a model that only looks like a known one has no known price', () => {
  expect(priceOf('anthropic', 'claude-sonnet-5-5', million)).toBeNull();
  expect(priceOf('anthropic', 'claude-haiku-5-5', million)).toBeNull();
  expect(priceOf('openai', 'local/llama', million)).toBeNull();
});

test('R4 an unknown price counts as the dearest of its vendor', () => {
  const unknown = worstCaseNanos('anthropic', 'claude-haiku-5-5', 1_000, 1_000);
  // $15 in and $75 out for a million, and a quarter more for what is written to the cache.
  expect(unknown).toBe(93_750_000);
  expect(unknown).toBeGreaterThan(worstCaseNanos('anthropic', 'claude-haiku-4-5', 1_000, 1_000));
  expect(worstCaseNanos('openai', 'local/llama', 1_000, 1_000)).toBe(90_000_000);
  expect(worstCaseNanos('gemini', 'gemini-unheard-of', 1_000, 1_000)).toBeGreaterThan(0);
});

test('the rules cost nothing, and a strange count from a vendor breaks nothing', () => {
  expect(priceOf('rules', 'abetworks-command', million)).toBe(0);
  expect(worstCaseNanos('rules', 'abetworks-command', 1_000, 1_000)).toBe(0);
  expect(
    priceOf('openai', 'gpt-5.4-mini', { ...million, inputTokens: 10, cachedInputTokens: 20, outputTokens: 0 }),
  ).toBe(750);
});

test('an estimate is above what tokenizers count', () => {
  expect(estimateTokens('')).toBe(0);
  expect(estimateTokens('The quick brown fox jumps over the lazy dog.')).toBeGreaterThanOrEqual(10);
  expect(estimateTokens('{"a":1,"b":[2,3]}')).toBeGreaterThanOrEqual(13);
  expect(estimateTokens('请把发票发给客户')).toBeGreaterThanOrEqual(8);
});
