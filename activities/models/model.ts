import type { JsonObject, JsonSchema } from '#core/tools.ts';

/** A tool as a model sees it. `effect` lets the rules model ask before it guesses; vendors are not told. */
export interface ModelTool {
  name: string;
  description: string;
  input: JsonSchema;
  effect: 'read' | 'write' | 'destructive';
}

export type ModelMessage =
  | { role: 'user'; text: string }
  | { role: 'assistant'; text: string; calls?: readonly ModelToolCall[] }
  | { role: 'tool'; callId: string; name: string; text: string; isError: boolean };

export interface ModelToolCall {
  /** The vendor's own id; only used to answer the call. */
  id: string;
  name: string;
  /** As the model gave it: not validated yet. */
  input: JsonObject;
}

export interface GenerateInput {
  instructions: string;
  /** The full history, oldest first; it ends with a user message or with tool results. */
  messages: readonly ModelMessage[];
  tools: readonly ModelTool[];
  limits: { outputTokens: number };
  signal: AbortSignal;
}

export interface Usage {
  /** All input tokens, cached ones included, whatever the vendor's own way of counting. */
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
}

export type Generated = (
  | { kind: 'reply'; text: string; suggestions?: readonly string[] }
  | { kind: 'tools'; text: string; calls: readonly ModelToolCall[] }
) & { usage: Usage; requestId?: string };

/** The model port: one call, full history, no state kept at the vendor. */
export interface Model {
  readonly provider: 'rules' | 'anthropic' | 'openai' | 'gemini';
  readonly name: string;
  generate(input: GenerateInput): Promise<Generated>;
}

/** What a failed model call means for who retries (research: error table). The message is safe to show: it holds no key and no prompt. */
export class ModelError extends Error {
  /** `retry`: the same model may answer later. `refused`: it never will with this input or key. */
  readonly kind: 'retry' | 'refused';
  readonly retryAfterMs: number | undefined;
  readonly status: number | undefined;
  constructor(
    message: string,
    options: { kind: 'retry' | 'refused'; retryAfterMs?: number; status?: number; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.name = 'ModelError';
    this.kind = options.kind;
    this.retryAfterMs = options.retryAfterMs;
    this.status = options.status;
  }
}
