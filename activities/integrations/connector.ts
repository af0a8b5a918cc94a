import { z } from 'zod';
import { sha256 } from '#core/hash.ts';
import { UserError } from '#core/errors.ts';
import type { ActionEffect, Json, JsonObject, JsonSchema, Payload, PreparedRequest } from '#core/tools.ts';
import canonicalize from 'canonicalize';

/** A response already read and capped; see activities/egress.ts. */
export interface ConnectionResponse {
  status: number;
  headers: { get(name: string): string | null };
  text(): string;
}
/** Goes out through egress, bound to the connection's hosts. Adds nothing by itself. */
export type ConnectionFetch = (
  url: string,
  request: { method: string; headers: Record<string, string>; body?: string },
) => Promise<ConnectionResponse>;

/** What a connection's code gets to act with. `credential` is decrypted for this call only. */
export interface RunContext<Settings = unknown, Credential = unknown> {
  fetch: ConnectionFetch;
  settings: Settings;
  credential: Credential;
  /** The effect's id; sent as Idempotency-Key by those who can. Null for reads. */
  idempotencyKey: string | null;
  /** For whom it acts; absent when nobody's run is behind it, as in a test of the connection. */
  task?: { orgId: string; runId: string; callId: string };
  signal: AbortSignal;
}

export interface ActionResult {
  output: Json;
  /** The other side's id of what was made, for the receipt. */
  externalId?: string;
}

/** A call that did not succeed, classified for the ledger (RULES E5). The message is a sentence for people. */
export class CallFailed extends Error {
  readonly kind: 'not_sent' | 'refused' | 'unclear';
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  /** `not_sent` because nobody answers there: no name, no connection, no TLS. */
  readonly isUnreachable: boolean;
  constructor(
    message: string,
    options: {
      kind: 'not_sent' | 'refused' | 'unclear';
      status?: number;
      retryAfterMs?: number;
      isUnreachable?: boolean;
      cause?: unknown;
    },
  ) {
    super(message, { cause: options.cause });
    this.name = 'CallFailed';
    this.kind = options.kind;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
    this.isUnreachable = options.isUnreachable ?? false;
  }
}

/** What is asked of the outside after an unclear send. `not_found` counts only if the look-up is strongly consistent (RULES E5). */
export type Reconciled = { found: true; result: ActionResult } | { found: false };

/** One thing a connection can do, as the rest of the product sees it. */
export interface Action {
  /** `[A-Za-z0-9_-]`; the tool is called `<connection slug>_<name>`, cut to 64 characters. */
  name: string;
  description: string;
  /** The description came from outside: it is shown to people, not to models (RULES T1). */
  isDescriptionOutside: boolean;
  /** What models read: the description, or our own words when that one came from outside. */
  modelDescription: string;
  effect: ActionEffect;
  input: JsonSchema;
  /** `header`: the other side honours our key, so an unclear send is sent again. `none`: it is asked about (RULES E7). */
  idempotency: 'header' | 'none';
  /** Whether what it answers is outside text, unless the connection is trusted. */
  isResultOutside: boolean;
  /** The other side's own id of it, when it has one: the gateway calls it by that. */
  moduleId?: string;
  /** Why it may not be used as things are now, in a sentence. Left out: it may. */
  off?: string;
  /** How long one call may take; left out, the usual 20 s. */
  timeoutMs?: number;
  /** Validates and normalises arguments. Throws `UserError` naming the field. */
  parse(input: JsonObject): JsonObject;
  /** The HTTP request it will send, fixed now; null for actions that build it themselves from the arguments. */
  prepare(input: JsonObject): PreparedRequest | null;
  /** One line to approve: "Create invoice INV-77 in ERP". */
  preview(input: JsonObject): string;
  /** Runs exactly the payload, with no defaults or transforms applied again (RULES E3). */
  run(context: RunContext, payload: Payload): Promise<ActionResult>;
  reconcile?(context: RunContext, payload: Payload): Promise<Reconciled>;
}

/** One thing that differs between what the other side offers and what was accepted. */
export interface OfferChange {
  /** The other side's id of it, and the name of its action. */
  id: string;
  name: string;
  kind: 'new' | 'changed' | 'removed';
  effect: ActionEffect;
  isOn: boolean;
  /** What is said about it, a part each, as it was accepted and as it is offered. */
  parts: { name: string; before: string; after: string }[];
}

/** For connectors whose other side says itself what it can do, and may change that, or be down. */
export interface Watched {
  /** Asks what there is: the document that `compile` takes. Settings may be raw or stored. Throws `UserError` or `CallFailed`. */
  list(context: RunContext<JsonObject>): Promise<string>;
  /** Asks whether it works; throws `CallFailed` when it does not. */
  probe(context: RunContext<JsonObject>): Promise<void>;
  /** What differs from the accepted settings, as it is stored, with `sha256`; null when nothing does. Throws `UserError` for an unreadable list. */
  compare(settings: JsonObject, document: string): JsonObject | null;
  changes(settings: JsonObject, offered: JsonObject): OfferChange[];
  /** The settings once what is offered is accepted. `enabled`: the names that are on; left out, what was on stays so and what is new is on. */
  accept(settings: JsonObject, offered: JsonObject, enabled?: readonly string[]): JsonObject;
}

/** Settings as a person or script sends them → settings as stored. May be asynchronous (parsing an OpenAPI document); never does I/O. */
export interface Connector {
  id: string;
  title: string;
  description: string;
  settings: z.ZodType;
  credential: z.ZodType;
  /** Set when the raw settings name a document to fetch first: its URL. The text is fetched through egress and given to `compile`. */
  documentUrl?(raw: unknown): string | null;
  /** Set when the other side is asked what it can do, and watched from then on. */
  watched?: Watched;
  compile(raw: unknown, document?: string): Promise<JsonObject>;
  /** Hosts (`host:port`) its credential may be sent to. */
  hosts(settings: JsonObject): string[];
  actions(
    settings: JsonObject,
    connection: { name: string; isTrusted: boolean; offered?: JsonObject | null },
  ): Action[];
  /** A harmless call; says in a sentence what answered. Throws `UserError` or `CallFailed`. */
  test(context: RunContext<JsonObject>): Promise<string>;
}

export const schemaHash = (action: Action): string =>
  sha256(
    canonicalize({ name: action.name, description: action.description, effect: action.effect, input: action.input }) ??
      '',
  );

interface StaticAction<I extends z.ZodType, O extends z.ZodType, C> {
  description: string;
  effect: ActionEffect;
  input: I;
  output: O;
  preview(input: z.output<I>): string;
  run(context: RunContext<JsonObject, C>, input: z.output<I>): Promise<{ output: z.output<O>; externalId?: string }>;
  isResultOutside?: boolean;
}

/** Keeps each action's types together without a cast. */
export const action = <I extends z.ZodType, O extends z.ZodType, C>(
  definition: StaticAction<I, O, C>,
): StaticAction<I, O, C> => definition;

/** A connector whose actions are code. One file, one line in integrations/index.ts. */
export function defineConnector<C extends z.ZodType>(definition: {
  id: string;
  title: string;
  description: string;
  credential: C;
  hosts?: string[];
  // oxlint-disable-next-line typescript/no-explicit-any -- each action has its own types; they meet again only as JSON
  actions: Record<string, StaticAction<any, any, z.output<C>>>;
}): Connector {
  const actions = Object.entries(definition.actions).map(([name, it]): Action => ({
    name,
    description: it.description,
    isDescriptionOutside: false,
    modelDescription: it.description,
    effect: it.effect,
    input: z.toJSONSchema(it.input, { io: 'input' }) as JsonSchema,
    idempotency: 'none',
    isResultOutside: it.isResultOutside ?? true,
    parse: (input) => parseWith(it.input, input) as JsonObject,
    prepare: () => null,
    preview: (input) => it.preview(input),
    run: async (context, payload) => {
      const result = await it.run(context as RunContext<JsonObject, z.output<C>>, payload.arguments);
      return { ...result, output: it.output.parse(result.output) as Json };
    },
  }));
  return {
    id: definition.id,
    title: definition.title,
    description: definition.description,
    settings: z.object({}),
    credential: definition.credential,
    compile: async () => ({}),
    hosts: () => definition.hosts ?? [],
    actions: () => actions,
    test: async () => `${definition.title} is ready.`,
  };
}

/** Parses with a sentence for an error, naming the field. */
export function parseWith<T extends z.ZodType>(schema: T, input: unknown, prefix = ''): z.output<T> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = [prefix, ...(issue?.path ?? [])].filter((part) => part !== '').join('.');
  throw new UserError(`${field || 'input'}: ${issue?.message ?? 'is not valid'}`, { status: 422, field });
}
