import { costOf, dearestCost, type PriceOverride } from '#db/price-list.ts';
import type { Model, Usage } from './model.ts';

type Provider = Model['provider'];

/** Nano-USD for what a call used, the org's own prices first; null when the price is not known (never 0: show it as unknown). */
export const priceOf = (
  provider: Provider,
  model: string,
  usage: Usage,
  overrides: readonly PriceOverride[] = [],
): number | null => costOf(provider, model, usage, overrides);

/**
 * Nano-USD to reserve before a call (RULES R4): the whole input, as plain tokens or all written to the cache, whichever
 * is dearer, and the whole output allowed; an unknown price counts as the vendor's dearest.
 */
export function worstCaseNanos(
  provider: Provider,
  model: string,
  inputTokens: number,
  outputTokens: number,
  overrides: readonly PriceOverride[] = [],
): number {
  if (provider === 'rules') return 0;
  const nanos = [0, inputTokens].map((cacheWriteTokens) => {
    const usage = { inputTokens, cachedInputTokens: 0, cacheWriteTokens, outputTokens };
    return priceOf(provider, model, usage, overrides) ?? dearestCost(provider, usage, overrides);
  });
  return Math.max(...nanos);
}

/**
 * Tokens a text takes at most, roughly: a third of its letters and spaces, one per digit or sign, and three per four
 * bytes outside ASCII. Above what the vendors' tokenizers count for prose, JSON and CJK; used for reservations only.
 */
export function estimateTokens(text: string): number {
  const bytes = Buffer.byteLength(text);
  const plain = text.replaceAll(/[^A-Za-z\s]/g, '').length;
  const ascii = text.replaceAll(/[\u0080-\uffff]/g, '').length;
  const other = Buffer.byteLength(text) - ascii;
  return bytes === 0 ? 0 : Math.ceil(plain / 3 + (ascii - plain) + other * 0.75);
}
