import { calcPrice, findProvider } from '@pydantic/genai-prices';
import { nanosFromUsd } from '#core/money.ts';
import type { Model, Usage } from './model.ts';

type Provider = Model['provider'];

const PRICE_LISTS: Record<Exclude<Provider, 'rules'>, string> = {
  anthropic: 'anthropic',
  openai: 'openai',
  gemini: 'google',
};

/**
 * Nano-USD for what a call used; null when the price is not known (never 0: show it as unknown).
 * The price list matches by prefix ("claude-sonnet-5-5" finds "claude-sonnet-5"), so only the very model,
 * or a dated snapshot of it, counts as known.
 */
export function priceOf(provider: Provider, model: string, usage: Usage): number | null {
  if (provider === 'rules') return 0;
  const found = lookUp(provider, model, usage);
  if (!found) return null;
  const suffix = model.startsWith(found.id) ? model.slice(found.id.length) : 'another model';
  return /^(-\d{8}|-\d{4}-\d{2}-\d{2})?$/.test(suffix) ? found.nanos : null;
}

/** Nano-USD to reserve before a call (RULES R4): the whole input uncached and the whole output allowed; an unknown price counts as the vendor's dearest. */
export function worstCaseNanos(provider: Provider, model: string, inputTokens: number, outputTokens: number): number {
  if (provider === 'rules') return 0;
  const usage = { inputTokens, cachedInputTokens: 0, outputTokens };
  return priceOf(provider, model, usage) ?? dearest(provider, usage);
}

// Models that no call of ours can reach: withdrawn by the vendor, or not served by chat completions (o1-pro costs ten times the next).
const OUT_OF_REACH = /-pro\b|^gpt-4\.5-preview|^gpt-4-32k|davinci/;

function dearest(provider: Exclude<Provider, 'rules'>, usage: Usage): number {
  const models = findProvider({ providerId: PRICE_LISTS[provider] })?.models ?? [];
  const ids = models.map((model) => model.id).filter((id) => provider !== 'openai' || !OUT_OF_REACH.test(id));
  return Math.max(0, ...ids.map((id) => lookUp(provider, id, usage)?.nanos ?? 0));
}

function lookUp(provider: Exclude<Provider, 'rules'>, model: string, usage: Usage) {
  const found = calcPrice(
    {
      input_tokens: usage.inputTokens,
      // More cached than sent would be the vendor's mistake; the list refuses it.
      cache_read_tokens: Math.min(usage.cachedInputTokens, usage.inputTokens),
      output_tokens: usage.outputTokens,
    },
    model,
    { providerId: PRICE_LISTS[provider] },
  );
  return found && { id: found.model.id, nanos: nanosFromUsd(found.total_price) };
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
