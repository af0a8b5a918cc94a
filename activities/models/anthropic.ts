import { z } from 'zod';
import type Anthropic from '@anthropic-ai/sdk';
import { MODEL_TIMEOUT_MS, sdkTimeout, callVendor, estimateUsage, readArguments, toGenerated } from './call.ts';
import type { EndReason } from './call.ts';
import { malformed } from './errors.ts';
import { newestOfPerson, toTurns } from './history.ts';
import type { HistoryTurn } from './history.ts';
import type { GenerateInput, Model, ModelImage, Usage } from './model.ts';

interface AnthropicOptions {
  apiKey: string;
  /** With or without `/v1` at its end. */
  baseUrl?: string | undefined;
  model: string;
  timeoutMs?: number;
}

/** Claude by the Messages API: full history, nothing kept at the vendor, no retries (Temporal retries). Throws `ModelError`, or the signal's own reason. */
export function createAnthropic(options: AnthropicOptions): Model {
  let client: Promise<Anthropic> | undefined;
  const timeoutMs = options.timeoutMs ?? MODEL_TIMEOUT_MS;
  return {
    provider: 'anthropic',
    name: options.model,
    // All since Claude 3.
    seesImages: !/claude-(instant|[12]\b)/.test(options.model),
    generate: async (input) => {
      client ??= connect(options, timeoutMs);
      const sdk = await client;
      const request = toRequest(options.model, input);
      const answer = await callVendor({ provider: 'anthropic', signal: input.signal, timeoutMs }, (signal) =>
        sdk.messages.create(request, { signal }),
      );
      return readAnswer(answer, answer?._request_id, input);
    },
  };
}

// The environment is read in core/config.ts only: what the SDK would take from it by itself is set or switched off here.
async function connect(options: AnthropicOptions, timeoutMs: number): Promise<Anthropic> {
  const { default: Sdk } = await import('@anthropic-ai/sdk');
  return new Sdk({
    apiKey: options.apiKey,
    authToken: null,
    baseURL: (options.baseUrl ?? 'https://api.anthropic.com').replace(/\/+$/, '').replace(/\/v1$/, ''),
    maxRetries: 0,
    timeout: sdkTimeout(timeoutMs),
    logLevel: 'off',
    // A redirect would carry the key to another host.
    fetchOptions: { redirect: 'manual' },
  });
}

/** Marks the end of a part that later calls begin with too. The vendor allows four, keeps them 5 minutes, and ignores those of short prompts. */
const CACHED = { cache_control: { type: 'ephemeral' as const } };

function toRequest(model: string, input: GenerateInput): Anthropic.MessageCreateParamsNonStreaming {
  const turns = toTurns(input);
  const newest = newestOfPerson(turns);
  const before = turns.slice(0, newest).flatMap(toMessages);
  const since = turns.slice(newest).flatMap(toMessages);
  return {
    model,
    max_tokens: input.limits.outputTokens,
    // The next request of the thread begins with what stands before this one, the next turn with all of it.
    messages: [...cachedToHere(before), ...cachedToHere(since)],
    // Tools come before the instructions in the vendor's order: this mark covers both.
    ...(input.instructions.trim() && { system: [{ type: 'text', text: input.instructions, ...CACHED }] }),
    ...(input.tools.length > 0 && {
      tools: input.tools.map((tool) => ({
        name: tool.name,
        description: tool.description,
        input_schema: { ...tool.input, type: 'object' as const },
      })),
    }),
  };
}

interface Message {
  role: 'user' | 'assistant';
  content: (
    | Anthropic.ImageBlockParam
    | Anthropic.TextBlockParam
    | Anthropic.ToolUseBlockParam
    | Anthropic.ToolResultBlockParam
  )[];
}

function cachedToHere(messages: readonly Message[]): Message[] {
  const last = messages.at(-1);
  const block = last?.content.at(-1);
  if (!last || !block) return [...messages];
  return [...messages.slice(0, -1), { ...last, content: [...last.content.slice(0, -1), { ...block, ...CACHED }] }];
}

function toMessages(turn: HistoryTurn): Message[] {
  if (turn.role === 'user')
    return [{ role: 'user', content: [...(turn.images ?? []).flatMap(toImage), { type: 'text', text: turn.text }] }];
  const text = turn.text ? [{ type: 'text' as const, text: turn.text }] : [];
  const calls = turn.calls.map(({ id, name, input }) => ({ type: 'tool_use' as const, id, name, input }));
  const results = turn.calls.map(({ id, result }) => ({
    type: 'tool_result' as const,
    tool_use_id: id,
    content: result.text,
    is_error: result.isError,
  }));
  const said: Message = { role: 'assistant', content: [...text, ...calls] };
  return results.length > 0 ? [said, { role: 'user', content: results }] : [said];
}

/** The vendor finds pictures best before the words about them. */
function toImage({ mimeType, base64 }: ModelImage): Anthropic.ImageBlockParam[] {
  const type = IMAGE_TYPES.find((one) => one === mimeType);
  return type ? [{ type: 'image', source: { type: 'base64', media_type: type, data: base64 } }] : [];
}
const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'] as const;

const zCount = z.number().int().min(0).nullish();
const zAnswer = z.object({
  content: z.array(
    z.looseObject({
      type: z.string(),
      text: z.string().optional(),
      id: z.string().optional(),
      name: z.string().optional(),
      input: z.unknown().optional(),
    }),
  ),
  stop_reason: z.string().nullish(),
  usage: z
    .object({
      input_tokens: zCount,
      output_tokens: zCount,
      cache_read_input_tokens: zCount,
      cache_creation_input_tokens: zCount,
    })
    .nullish(),
});

const END_REASONS: Record<string, EndReason> = {
  max_tokens: 'cut',
  model_context_window_exceeded: 'too long',
  refusal: 'declined',
};

function readAnswer(raw: unknown, requestId: string | null | undefined, input: GenerateInput) {
  const parsed = zAnswer.safeParse(raw);
  if (!parsed.success) throw malformed('anthropic', 'it is not a message');
  const { content, stop_reason: stopReason, usage } = parsed.data;
  const text = content.map((block) => (block.type === 'text' ? (block.text ?? '') : '')).join('');
  const end = END_REASONS[stopReason ?? ''] ?? 'done';
  const calls = content
    .filter((block) => block.type === 'tool_use' && end === 'done')
    .map((block) => {
      if (!block.id || !block.name) throw malformed('anthropic', 'a tool call has no id or name');
      return { id: block.id, name: block.name, input: readArguments('anthropic', block.input) };
    });
  const wasCutInCall = end === 'cut' && content.some((block) => block.type === 'tool_use');
  const rest = {
    usage: usage ? readUsage(usage) : estimateUsage(input, JSON.stringify(content)),
    ...(requestId && { requestId }),
  };
  return toGenerated(end, text, calls, rest, { outputTokens: input.limits.outputTokens, wasCutInCall });
}

// Anthropic's input_tokens leaves the cache out; ours counts all of it.
function readUsage(usage: NonNullable<z.infer<typeof zAnswer>['usage']>): Usage {
  const read = usage.cache_read_input_tokens ?? 0;
  const written = usage.cache_creation_input_tokens ?? 0;
  return {
    inputTokens: (usage.input_tokens ?? 0) + read + written,
    cachedInputTokens: read,
    cacheWriteTokens: written,
    outputTokens: usage.output_tokens ?? 0,
  };
}
