import type { JsonObject, JsonSchema } from '#core/tools.ts';

/** A tool as a model sees it. `effect` lets the rules model ask before it guesses; vendors are not told. */
export interface ModelTool {
  name: string;
  description: string;
  input: JsonSchema;
  effect: 'read' | 'write' | 'destructive';
}

export type ModelMessage =
  | {
      role: 'user';
      text: string;
      /** What came with it, marked as quoted: outside text, never the person's words. The rules model does not read it. */
      attached?: string;
      images?: readonly ModelImage[];
    }
  | { role: 'assistant'; text: string; calls?: readonly ModelToolCall[] }
  | { role: 'tool'; callId: string; name: string; text: string; isError: boolean };

/** A picture, of a type that was told by its bytes. */
export interface ModelImage {
  mimeType: string;
  base64: string;
}

export interface ModelToolCall {
  /** The vendor's own id, and what else it wants back with the call; only used to answer it. */
  id: string;
  name: string;
  /** As the model gave it: not validated yet. */
  input: JsonObject;
}

export interface GenerateInput {
  /** The same for every turn of a thread: a word that changes (a time, a status) would undo the vendor's prompt cache. */
  instructions: string;
  /** What changes from turn to turn, such as the status of other requests: told with the newest message of a person. */
  situation?: string;
  /** The same for all calls of one thread, so that a vendor that shards its prompt cache finds it again. */
  cacheKey?: string;
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
  /** Written to the vendor's prompt cache; part of `inputTokens`, as the cached ones are. */
  cacheWriteTokens: number;
  outputTokens: number;
}

export type Generated = (
  | { kind: 'reply'; text: string; suggestions?: readonly string[] }
  | { kind: 'tools'; text: string; calls: readonly ModelToolCall[] }
) & { usage: Usage; requestId?: string };

/** Who bills for a model: everyone but the rules. */
export type Vendor = Exclude<Model['provider'], 'rules'>;

/** The model port: one call, full history, no state kept at the vendor. */
export interface Model {
  readonly provider: 'rules' | 'anthropic' | 'openai' | 'gemini';
  readonly name: string;
  /** Takes pictures. Without: it is told that there are some. */
  readonly seesImages: boolean;
  generate(input: GenerateInput): Promise<Generated>;
}

interface ModelErrorOptions {
  kind: 'retry' | 'refused';
  retryAfterMs?: number;
  status?: number;
  isFree?: boolean;
  usage?: Usage;
}

/** What a failed model call means for who retries (errors.ts has the table). The message is safe to show: it holds no key and no prompt. */
export class ModelError extends Error {
  /** `retry`: the same model may answer later. `refused`: it never will with this input or key. */
  readonly kind: 'retry' | 'refused';
  readonly retryAfterMs: number | undefined;
  readonly status: number | undefined;
  /** The vendor bills nothing for it. False: it may, so what was reserved for the call stays reserved. */
  readonly isFree: boolean;
  /** What the vendor says it used, although the answer is of no use. */
  readonly usage: Usage | undefined;
  constructor(message: string, options: ModelErrorOptions) {
    super(message);
    this.name = 'ModelError';
    this.kind = options.kind;
    this.retryAfterMs = options.retryAfterMs;
    this.status = options.status;
    this.isFree = options.isFree ?? false;
    this.usage = options.usage;
  }
}
