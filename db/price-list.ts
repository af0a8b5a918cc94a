import { calcPrice, findProvider } from '@pydantic/genai-prices';
import { nanosFromUsd } from '#core/money.ts';

export type PricedProvider = 'rules' | 'anthropic' | 'openai' | 'gemini';

/** What one call used. `inputTokens` is the whole input: what was read from and written to the vendor's cache is part of it. */
export interface TokenUsage {
  inputTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
  outputTokens: number;
}

/** An org's own price, in nano-USD for a million tokens. Null: as `inputNanos`. */
export interface PriceOverride {
  provider: string;
  model: string;
  inputNanos: number;
  cachedInputNanos: number | null;
  cacheWriteNanos: number | null;
  outputNanos: number;
}

interface Rates {
  inputNanosPerMillion: number;
  cachedNanosPerMillion: number;
  writeNanosPerMillion: number;
  outputNanosPerMillion: number;
}

/**
 * What a model costs now, in nano-USD for a million tokens, and who says so. `free` is the rules model.
 * `unknown` has no numbers (show it as unknown, never as 0); its calls are capped as the vendor's dearest (RULES R4).
 */
export type ModelPrice = {
  /** What the price package calls it, when that is another name. With `unknown`: the model it would have been mistaken for. */
  matchedAs?: string;
  /** The package lists higher prices for calls whose input is longer than this; the numbers here are those below it. */
  dearerAboveTokens?: number;
} & (({ source: 'override' | 'package' | 'free' } & Rates) | ({ source: 'unknown' } & Record<keyof Rates, null>));

const PRICE_LISTS: Record<Exclude<PricedProvider, 'rules'>, string> = {
  anthropic: 'anthropic',
  openai: 'openai',
  gemini: 'google',
};
const FREE: Rates = {
  inputNanosPerMillion: 0,
  cachedNanosPerMillion: 0,
  writeNanosPerMillion: 0,
  outputNanosPerMillion: 0,
};
const UNKNOWN: Record<keyof Rates, null> = {
  inputNanosPerMillion: null,
  cachedNanosPerMillion: null,
  writeNanosPerMillion: null,
  outputNanosPerMillion: null,
};

/** The price of a model: the org's own first, then the package's, else unknown. */
export function priceFor(provider: PricedProvider, model: string, overrides: readonly PriceOverride[]): ModelPrice {
  if (provider === 'rules') return { source: 'free', ...FREE };
  const own = overrideOf(provider, model, overrides);
  if (own) return { source: 'override', ...ratesOf(own) };
  const listed = listedAs(provider, model);
  if (!listed) return { source: 'unknown', ...UNKNOWN };
  const matchedAs = listed.id === model ? {} : { matchedAs: listed.id };
  const input = priceIn(listed.prices, 'input_mtok');
  const output = priceIn(listed.prices, 'output_mtok');
  if (!listed.isSame || !input || !output) return { source: 'unknown', ...matchedAs, ...UNKNOWN };
  const { aboveTokens } = input;
  return {
    source: 'package',
    ...matchedAs,
    ...(aboveTokens !== undefined && { dearerAboveTokens: aboveTokens }),
    inputNanosPerMillion: input.nanos,
    cachedNanosPerMillion: (priceIn(listed.prices, 'cache_read_mtok') ?? input).nanos,
    writeNanosPerMillion: (priceIn(listed.prices, 'cache_write_mtok') ?? input).nanos,
    outputNanosPerMillion: output.nanos,
  };
}

/** Nano-USD for what a call used, by the same prices as `priceFor` (and the package's steps for long inputs); null when unknown. */
export function costOf(
  provider: PricedProvider,
  model: string,
  usage: TokenUsage,
  overrides: readonly PriceOverride[],
): number | null {
  const price = priceFor(provider, model, overrides);
  if (price.source === 'unknown') return null;
  if (price.source === 'package' && provider !== 'rules') return listedCost(provider, model, usage);
  const { read, write, plain } = partsOf(usage);
  const millionths =
    plain * price.inputNanosPerMillion +
    read * price.cachedNanosPerMillion +
    write * price.writeNanosPerMillion +
    usage.outputTokens * price.outputNanosPerMillion;
  return Math.round(millionths / 1e6);
}

// Models that no call of ours can reach: withdrawn by the vendor, or not served by chat completions (o1-pro costs ten times the next).
const OUT_OF_REACH = /-pro\b|^gpt-4\.5-preview|^gpt-4-32k|davinci/;

/** Nano-USD that `usage` would cost with the dearest known model of a vendor, the org's own prices included (RULES R4). */
export function dearestCost(
  provider: Exclude<PricedProvider, 'rules'>,
  usage: TokenUsage,
  overrides: readonly PriceOverride[],
): number {
  const listed = (findProvider({ providerId: PRICE_LISTS[provider] })?.models ?? [])
    .map(({ id }) => id)
    .filter((id) => provider !== 'openai' || !OUT_OF_REACH.test(id))
    .map((id) => listedCost(provider, id, usage) ?? 0);
  const own = overrides
    .filter((one) => one.provider === provider)
    .map((one) => costOf(provider, one.model, usage, overrides) ?? 0);
  return Math.max(0, ...listed, ...own);
}

const overrideOf = (provider: string, model: string, overrides: readonly PriceOverride[]): PriceOverride | undefined =>
  overrides.find((one) => one.provider === provider && one.model === model);

const ratesOf = (own: PriceOverride): Rates => ({
  inputNanosPerMillion: own.inputNanos,
  cachedNanosPerMillion: own.cachedInputNanos ?? own.inputNanos,
  writeNanosPerMillion: own.cacheWriteNanos ?? own.inputNanos,
  outputNanosPerMillion: own.outputNanos,
});

/** More cached than sent would be the vendor's mistake: it is cut to what was sent. */
function partsOf(usage: TokenUsage): { read: number; write: number; plain: number } {
  const read = Math.min(usage.cachedInputTokens, usage.inputTokens);
  const write = Math.min(usage.cacheWriteTokens, usage.inputTokens - read);
  return { read, write, plain: usage.inputTokens - read - write };
}

function listedCost(provider: Exclude<PricedProvider, 'rules'>, model: string, usage: TokenUsage): number | null {
  const { read, write } = partsOf(usage);
  const found = calcPrice(
    {
      input_tokens: usage.inputTokens,
      cache_read_tokens: read,
      cache_write_tokens: write,
      output_tokens: usage.outputTokens,
    },
    model,
    { providerId: PRICE_LISTS[provider] },
  );
  return found && nanosFromUsd(found.total_price);
}

type Listed = NonNullable<ReturnType<typeof calcPrice>>;

/** What the package takes a model for, at today's prices. `isSame` is false when it only looks alike. */
function listedAs(provider: Exclude<PricedProvider, 'rules'>, model: string) {
  const found = calcPrice({}, model, { providerId: PRICE_LISTS[provider] });
  if (!found) return null;
  return { id: found.model.id, prices: found.model_price, isSame: isSameModel(found.model, model) };
}

/**
 * The list matches by prefix ("claude-sonnet-5-5" finds "claude-sonnet-5"), so only a name it spells out,
 * or a dated snapshot of one, counts as known.
 */
function isSameModel({ id, match }: Listed['model'], model: string): boolean {
  const undated = model.replace(/[-@]\d{8}$|-\d{4}-\d{2}-\d{2}$|-latest$/, '');
  return [model, undated].some((name) => name === id || `${name}-latest` === id || spells(match, name));
}

function spells(match: Listed['model']['match'], name: string): boolean {
  if ('or' in match) return match.or.some((one) => spells(one, name));
  if ('equals' in match) return match.equals === name;
  if ('starts_with' in match) return match.starts_with === name;
  return false;
}

/** A price of the package as nano-USD: a number, or steps by the length of the input. */
function priceIn(prices: Listed['model_price'], key: string): { nanos: number; aboveTokens?: number } | null {
  const price = prices[key];
  if (price === undefined) return null;
  if (typeof price === 'number') return { nanos: nanosFromUsd(price) };
  const [step] = price.tiers;
  return { nanos: nanosFromUsd(price.base), ...(step && { aboveTokens: step.start }) };
}
