import { z } from 'zod';
import { cut as shorten } from '#core/text.ts';
import { zJson, type JsonObject } from '#core/tools.ts';
import { malformed, timedOut, toModelError } from './errors.ts';
import type { GenerateInput, Generated, Usage, Vendor } from './model.ts';
import { estimateTokens } from './prices.ts';
import { estimateInput } from './seen.ts';

/** Shorter than the activity's own limit, so that the reason is known (research: B2). */
export const MODEL_TIMEOUT_MS = 170_000;

/** For the SDKs, in ms: later than our own clock, which covers the body too and knows to say that the answer was late. */
export const sdkTimeout = (timeoutMs: number): number => timeoutMs + 10_000;

const zArguments = z.record(z.string(), zJson);

interface CallOptions {
  provider: Vendor;
  signal: AbortSignal;
  timeoutMs: number;
}

/**
 * Runs one vendor call. A stop by the caller leaves as the caller's own reason, which Temporal knows as a
 * cancellation; everything else as `ModelError`. The SDKs stop their clock at the headers, so the body has ours.
 */
export async function callVendor<T>(options: CallOptions, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const signal = AbortSignal.any([options.signal, deadline]);
  try {
    options.signal.throwIfAborted();
    return await send(signal);
  } catch (error) {
    options.signal.throwIfAborted();
    if (deadline.aborted) throw timedOut(options.provider, options.timeoutMs);
    throw toModelError(error, options.provider);
  }
}

/** Tool arguments as an object; throws `ModelError` (retry) when they are not. */
export function readArguments(provider: Vendor, value: unknown) {
  const parsed = typeof value === 'string' ? parseJson(value.trim() || '{}') : (value ?? {});
  const json = checked(parsed);
  if (json) return json;
  throw malformed(provider, 'the arguments of a tool call are not a JSON object');
}

function checked(value: unknown): JsonObject | undefined {
  try {
    return zArguments.safeParse(value).data;
  } catch (error) {
    // Nested so deep that walking it runs out of stack.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Some compatible servers report no usage: then it is estimated, so that limits still hold. */
export function estimateUsage(input: GenerateInput, answer: string): Usage {
  return {
    inputTokens: estimateInput(input),
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: estimateTokens(answer),
  };
}

/** No model that keeps to its limit of output writes more; a run uses far fewer (RULES R4). */
const MOST_CALLS = 100;
const TEXT_LENGTH = 200_000;

export type EndReason = 'done' | 'cut' | 'too long' | 'declined';

/** The parts of a vendor's answer → what the product goes on with. A cut answer never leads to a call: its arguments may be cut too. */
export function toGenerated(
  end: EndReason,
  text: string,
  calls: Extract<Generated, { kind: 'tools' }>['calls'],
  rest: { usage: Usage; requestId?: string },
  cut: { outputTokens: number; wasCutInCall: boolean },
): Generated {
  const said = shorten(text.trim(), TEXT_LENGTH);
  const say = (note: string): Generated => ({ kind: 'reply', text: said ? `${said}\n\n${note}` : note, ...rest });
  if (end === 'declined')
    return { kind: 'reply', text: 'The model declined this request. Ask in other words or for less at once.', ...rest };
  if (end === 'too long') return say('The conversation is too long for this model. Start a new thread.');
  if (end === 'cut')
    return say(
      `The model's answer was cut at ${cut.outputTokens} tokens${cut.wasCutInCall ? ', so its tool call was not run' : ''}. Ask for a smaller step.`,
    );
  if (calls.length > 0) return { kind: 'tools', text: said, calls: calls.slice(0, MOST_CALLS), ...rest };
  return said
    ? { kind: 'reply', text: said, ...rest }
    : say('The model gave an empty answer. Ask again in other words.');
}
