import { z } from 'zod';
import type OpenAI from 'openai';
import { MODEL_TIMEOUT_MS, sdkTimeout, callVendor, estimateUsage, readArguments, toGenerated } from './call.ts';
import type { EndReason } from './call.ts';
import { malformed, toModelError } from './errors.ts';
import { toTurns } from './history.ts';
import type { HistoryTurn } from './history.ts';
import type { GenerateInput, Model } from './model.ts';

interface OpenaiOptions {
  apiKey: string;
  /** Any server that speaks chat completions; includes `/v1` where that server has it. */
  baseUrl?: string | undefined;
  model: string;
  timeoutMs?: number;
}

/** OpenAI's own that only read; all others see. */
const BLIND = /^gpt-(3|4$|4-)|^o[13]-mini|audio|realtime|search|codex-mini/;
/** Other servers serve anything: only names that tell. */
const SEEING =
  /gpt-(4o|4\.1|[5-9])|claude-|gemini-|vision|[-_.\d]vl\b|pixtral|llava|llama-?4|gemma-?3|mistral-(small|medium)-?3|internvl|minicpm-v/i;

type TokenLimit = 'max_completion_tokens' | 'max_tokens';
/** Field names that differ between the servers that speak chat completions. */
interface Dialect {
  limitName: TokenLimit;
  knowsCacheKey: boolean;
}

/** OpenAI, and every server compatible with its chat completions: full history, nothing kept there, no retries (Temporal retries). Throws `ModelError`, or the signal's own reason. */
export function createOpenai(options: OpenaiOptions): Model {
  let client: Promise<OpenAI> | undefined;
  const timeoutMs = options.timeoutMs ?? MODEL_TIMEOUT_MS;
  // OpenAI's own models know only the new name, many compatible servers only the old one.
  let dialect: Dialect = { limitName: options.baseUrl ? 'max_tokens' : 'max_completion_tokens', knowsCacheKey: true };
  return {
    provider: 'openai',
    name: options.model,
    seesImages: options.baseUrl ? SEEING.test(options.model) : !BLIND.test(options.model),
    generate: async (input) => {
      client ??= connect(options, timeoutMs);
      const sdk = await client;
      const ask = (spoken: Dialect) =>
        callVendor({ provider: 'openai', signal: input.signal, timeoutMs }, async (signal) => {
          try {
            return await sdk.chat.completions.create(toRequest(options.model, input, spoken), { signal });
          } catch (error) {
            const other = otherDialect(error, spoken);
            if (other) return { other, error };
            throw error;
          }
        });
      // Two names may be wrong, each once.
      let spoken = dialect;
      let refused: unknown;
      for (let tries = 0; tries < 3; tries++) {
        const answer = await ask(spoken);
        if (!answer || !('other' in answer)) {
          // Kept only now: a refusal may quote a request that merely speaks of these names.
          dialect = spoken;
          return readAnswer(answer, answer?._request_id, input);
        }
        spoken = answer.other;
        refused = answer.error;
      }
      throw toModelError(refused, 'openai');
    },
  };
}

// The environment is read in core/config.ts only: what the SDK would take from it by itself is set or switched off here.
async function connect(options: OpenaiOptions, timeoutMs: number): Promise<OpenAI> {
  const { default: Sdk } = await import('openai');
  return new Sdk({
    apiKey: options.apiKey,
    adminAPIKey: null,
    organization: null,
    project: null,
    baseURL: (options.baseUrl ?? 'https://api.openai.com/v1').replace(/\/+$/, ''),
    maxRetries: 0,
    timeout: sdkTimeout(timeoutMs),
    logLevel: 'off',
    // A redirect would carry the prompt to another host.
    fetchOptions: { redirect: 'manual' },
  });
}

/** How to ask again when a name was not known: a refused request is not billed. Undefined: that was not why. */
function otherDialect(error: unknown, { limitName, knowsCacheKey }: Dialect): Dialect | undefined {
  if (!(error instanceof Error) || !('status' in error) || (error.status !== 400 && error.status !== 422))
    return undefined;
  if (knowsCacheKey && error.message.includes('prompt_cache_key')) return { limitName, knowsCacheKey: false };
  if (!new RegExp(`\\b${limitName}\\b`).test(error.message) || /too large|less than|at most/i.test(error.message))
    return undefined;
  return { limitName: limitName === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens', knowsCacheKey };
}

function toRequest(model: string, input: GenerateInput, { limitName, knowsCacheKey }: Dialect) {
  const system = input.instructions.trim() ? [{ role: 'system' as const, content: input.instructions }] : [];
  return {
    model,
    [limitName]: input.limits.outputTokens,
    ...(knowsCacheKey && input.cacheKey && { prompt_cache_key: input.cacheKey }),
    messages: [...system, ...toTurns(input).flatMap(toMessages)],
    ...(input.tools.length > 0 && {
      tools: input.tools.map((tool) => ({
        type: 'function' as const,
        function: { name: tool.name, description: tool.description, parameters: { ...tool.input, type: 'object' } },
      })),
    }),
  };
}

function toMessages(turn: HistoryTurn): OpenAI.ChatCompletionMessageParam[] {
  if (turn.role === 'user') {
    if (!turn.images) return [{ role: 'user', content: turn.text }];
    const images = turn.images.map(({ mimeType, base64 }) => ({
      type: 'image_url' as const,
      image_url: { url: `data:${mimeType};base64,${base64}` },
    }));
    return [{ role: 'user', content: [{ type: 'text', text: turn.text }, ...images] }];
  }
  if (turn.calls.length === 0) return [{ role: 'assistant', content: turn.text }];
  const calls = turn.calls.map(({ id, name, input }) => ({
    id,
    type: 'function' as const,
    function: { name, arguments: JSON.stringify(input) },
  }));
  const results = turn.calls.map(({ id, result }) => ({
    role: 'tool' as const,
    tool_call_id: id,
    // Chat completions have no error flag.
    content: result.isError ? `Error: ${result.text}` : result.text,
  }));
  return [{ role: 'assistant', content: turn.text || null, tool_calls: calls }, ...results];
}

const zCount = z.number().int().min(0).nullish();
const zAnswer = z.object({
  choices: z
    .array(
      z.object({
        finish_reason: z.string().nullish(),
        message: z.object({
          content: z.string().nullish(),
          refusal: z.string().nullish(),
          tool_calls: z
            .array(
              z.object({
                id: z.string().nullish(),
                function: z.object({ name: z.string(), arguments: z.unknown().optional() }),
              }),
            )
            .nullish(),
        }),
      }),
    )
    .min(1),
  usage: z
    .object({
      prompt_tokens: zCount,
      completion_tokens: zCount,
      prompt_tokens_details: z.object({ cached_tokens: zCount, cache_write_tokens: zCount }).nullish(),
    })
    .nullish(),
});
// Some gateways report a failure inside a 200.
const zFailure = z.object({ error: z.object({ code: z.unknown().optional() }) });

const END_REASONS: Record<string, EndReason> = { length: 'cut', content_filter: 'declined' };

function readAnswer(raw: unknown, requestId: string | null | undefined, input: GenerateInput) {
  const failure = zFailure.safeParse(raw);
  if (failure.success) {
    const status = Number(failure.data.error.code);
    throw toModelError({ status: status >= 400 && status < 600 ? status : 502, error: failure.data.error }, 'openai');
  }
  const parsed = zAnswer.safeParse(raw);
  const choice = parsed.data?.choices[0];
  if (!parsed.success || !choice) throw malformed('openai', 'it is not a chat completion');
  const { message } = choice;
  const end = message.refusal ? 'declined' : (END_REASONS[choice.finish_reason ?? ''] ?? 'done');
  const made = message.tool_calls ?? [];
  const calls =
    end === 'done'
      ? made.map((call, index) => ({
          id: call.id || `call_${index + 1}`,
          name: call.function.name,
          input: readArguments('openai', call.function.arguments),
        }))
      : [];
  const { usage } = parsed.data;
  const rest = {
    usage: usage
      ? {
          inputTokens: usage.prompt_tokens ?? 0,
          cachedInputTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
          cacheWriteTokens: usage.prompt_tokens_details?.cache_write_tokens ?? 0,
          outputTokens: usage.completion_tokens ?? 0,
        }
      : estimateUsage(input, JSON.stringify(message)),
    ...(requestId && { requestId }),
  };
  return toGenerated(end, message.content ?? '', calls, rest, {
    outputTokens: input.limits.outputTokens,
    wasCutInCall: end === 'cut' && made.length > 0,
  });
}
