import { z } from 'zod';
import type { Content, GenerateContentParameters, GoogleGenAI, Part } from '@google/genai';
import { MODEL_TIMEOUT_MS, callVendor, estimateUsage, readArguments, toGenerated } from './call.ts';
import type { EndReason } from './call.ts';
import { malformed, toModelError } from './errors.ts';
import { toGeminiSchema } from './gemini-schema.ts';
import { idWithSignature, readSignature } from './gemini-signature.ts';
import { toTurns, type AnsweredCall, type HistoryTurn } from './history.ts';
import type { GenerateInput, Generated, Model, ModelImage, Usage } from './model.ts';

interface GeminiOptions {
  apiKey: string;
  /** With or without the version of the API at its end, such as `/v1beta`. */
  baseUrl?: string | undefined;
  model: string;
  timeoutMs?: number;
}

/** Gemini by `generateContent`: full history, nothing kept at the vendor, no retries (Temporal retries). Throws `ModelError`, or the signal's own reason. */
export function createGemini(options: GeminiOptions): Model {
  let client: Promise<GoogleGenAI> | undefined;
  const timeoutMs = options.timeoutMs ?? MODEL_TIMEOUT_MS;
  return {
    provider: 'gemini',
    name: options.model,
    seesImages: true,
    generate: async (input) => {
      client ??= connect(options);
      const sdk = await client;
      const answer: unknown = await callVendor({ provider: 'gemini', signal: input.signal, timeoutMs }, (signal) =>
        sdk.models.generateContent(toRequest(options.model, input, signal)),
      );
      return readAnswer(answer, options.model, input);
    },
  };
}

// The environment is read in core/config.ts only: what the SDK would take from it by itself is set here.
async function connect({ apiKey, baseUrl }: GeminiOptions): Promise<GoogleGenAI> {
  const { GoogleGenAI: Sdk } = await import('@google/genai');
  const address = (baseUrl ?? 'https://generativelanguage.googleapis.com').replace(/\/+$/, '');
  const [, root = address, version] = /^(.*)\/(v\d+[a-z0-9]*)$/.exec(address) ?? [];
  return new Sdk({
    enterprise: false,
    apiKey,
    httpOptions: {
      baseUrl: root,
      // The SDK takes v1; tool schemas in JSON Schema and preview models are promised for v1beta.
      apiVersion: version ?? 'v1beta',
      fetch: fetchOnce,
    },
  });
}

/** The SDK drops headers and details of a failure, and would follow a redirect with the key. */
async function fetchOnce(url: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...init, redirect: 'manual' });
  if (response.ok) return response;
  const text = await response.text();
  throw toModelError({ status: response.status, headers: response.headers, error: parseJson(text) }, 'gemini');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function toRequest(model: string, input: GenerateInput, abortSignal: AbortSignal): GenerateContentParameters {
  return {
    model,
    contents: toTurns(input).flatMap((turn) => toContents(model, turn)),
    config: {
      abortSignal,
      maxOutputTokens: input.limits.outputTokens,
      ...(input.instructions.trim() && { systemInstruction: input.instructions }),
      ...(input.tools.length > 0 && {
        tools: [
          {
            functionDeclarations: input.tools.map((tool) => ({
              name: toGeminiName(tool.name),
              description: tool.description,
              parametersJsonSchema: toGeminiSchema(tool.input),
            })),
          },
        ],
      }),
    },
  };
}

// Here alone a name must begin with a letter or _; ours may begin with a digit, and never with _.
const toGeminiName = (name: string): string => (/^[A-Za-z_]/.test(name) ? name : `_${name}`);
const fromGeminiName = (name: string): string => (/^_[^A-Za-z_]/.test(name) ? name.slice(1) : name);

function toContents(model: string, turn: HistoryTurn): Content[] {
  if (turn.role === 'user')
    return [{ role: 'user', parts: [...(turn.images ?? []).map(toImagePart), { text: turn.text }] }];
  const text: Part[] = turn.text ? [{ text: turn.text }] : [];
  const calls = turn.calls.map((call, index) => toCallPart(model, call, index === 0));
  const results = turn.calls.map(({ givenId, name, result }): Part => {
    const { id } = readSignature(givenId, model);
    return {
      functionResponse: {
        ...(id && { id }),
        name: toGeminiName(name),
        response: result.isError ? { error: result.text } : { output: result.text },
      },
    };
  });
  const said: Content = { role: 'model', parts: [...text, ...calls] };
  return results.length > 0 ? [said, { role: 'user', parts: results }] : [said];
}

/** The vendor knows no GIF. */
const toImagePart = ({ mimeType, base64 }: ModelImage): Part =>
  mimeType === 'image/gif'
    ? { text: '[A GIF picture came with this message; this model cannot see it.]' }
    : { inlineData: { mimeType, data: base64 } };

function toCallPart(model: string, call: AnsweredCall, isFirst: boolean): Part {
  const { id, signature } = readSignature(call.givenId, model, { isFirst });
  return {
    functionCall: { ...(id && { id }), name: toGeminiName(call.name), args: call.input },
    ...(signature && { thoughtSignature: signature }),
  };
}

const zCount = z.number().int().min(0).nullish();
const zPart = z.looseObject({
  text: z.string().nullish(),
  thought: z.boolean().nullish(),
  thoughtSignature: z.string().nullish(),
  functionCall: z.object({ id: z.string().nullish(), name: z.string().min(1), args: z.unknown() }).nullish(),
});
const zAnswer = z.object({
  candidates: z
    .array(
      z.object({
        content: z.object({ parts: z.array(zPart).nullish() }).nullish(),
        finishReason: z.string().nullish(),
      }),
    )
    .nullish(),
  promptFeedback: z.object({ blockReason: z.string().nullish() }).nullish(),
  responseId: z.string().nullish(),
  usageMetadata: z
    .object({
      promptTokenCount: zCount,
      cachedContentTokenCount: zCount,
      toolUsePromptTokenCount: zCount,
      candidatesTokenCount: zCount,
      thoughtsTokenCount: zCount,
    })
    .nullish(),
});

const DECLINED = /SAFETY|RECITATION|BLOCKLIST|PROHIBITED_CONTENT|SPII|LANGUAGE/;
/** The model broke off in the middle of a call it could not write down: it may do better when asked again. */
const BROKEN = /^(MALFORMED_|UNEXPECTED_TOOL_CALL|TOO_MANY_TOOL_CALLS)/;

function readAnswer(raw: unknown, model: string, input: GenerateInput): Generated {
  const parsed = zAnswer.safeParse(raw);
  if (!parsed.success) throw malformed('gemini', 'it is not an answer of generateContent');
  const { candidates, promptFeedback, usageMetadata, responseId } = parsed.data;
  const [candidate] = candidates ?? [];
  const blocked = promptFeedback?.blockReason;
  if (!candidate && !blocked) throw malformed('gemini', 'it holds no candidate');
  const parts = candidate?.content?.parts ?? [];
  const usage = usageMetadata ? readUsage(usageMetadata) : estimateUsage(input, JSON.stringify(parts));
  const reason = candidate?.finishReason ?? '';
  if (BROKEN.test(reason)) throw malformed('gemini', `it broke off (${reason.slice(0, 40)})`, usage);
  const end = endOf(reason, candidate === undefined);
  const made = parts.flatMap(({ functionCall, thoughtSignature }) =>
    functionCall ? [{ ...functionCall, thoughtSignature }] : [],
  );
  const calls = (end === 'done' ? made : []).map(({ id, name, args, thoughtSignature }, index) => ({
    id: idWithSignature({ id, signature: thoughtSignature, model, index }),
    name: fromGeminiName(name),
    input: readArguments('gemini', args),
  }));
  const text = parts.map((part) => (part.thought ? '' : (part.text ?? ''))).join('');
  const rest = { usage, ...(responseId && { requestId: responseId.slice(0, 200) }) };
  return toGenerated(end, text, calls, rest, {
    outputTokens: input.limits.outputTokens,
    wasCutInCall: end === 'cut' && made.length > 0,
  });
}

function endOf(reason: string, isBlocked: boolean): EndReason {
  if (isBlocked || DECLINED.test(reason)) return 'declined';
  return reason === 'MAX_TOKENS' ? 'cut' : 'done';
}

/** The prompt's count includes what came from the cache, and leaves out what the vendor's own tools read; thoughts are billed as output. */
const readUsage = (usage: NonNullable<z.infer<typeof zAnswer>['usageMetadata']>): Usage => ({
  inputTokens: (usage.promptTokenCount ?? 0) + (usage.toolUsePromptTokenCount ?? 0),
  cachedInputTokens: usage.cachedContentTokenCount ?? 0,
  cacheWriteTokens: 0,
  outputTokens: (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0),
});
