import { z } from 'zod';
import type { JsonSchema } from '#core/tools.ts';

export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type Method = (typeof METHODS)[number];

const zEffect = z.enum(['read', 'write', 'destructive']);
const zIdempotency = z.enum(['header', 'none']);

/** Where the other system lives. Everything that is ever called is under it: the document's own `servers` choose nothing. */
export const zBaseUrl = z
  .string({ error: 'is missing: the address of the system, such as https://erp.example.com/api' })
  .max(2_000)
  .refine((text) => problemOf(text) === null, { error: (issue) => problemOf(String(issue.input)) ?? 'is not valid' });

const zRawAction = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_-]{1,43}$/, 'must be 1 to 43 letters, digits, _ or -'),
  description: z.string().max(2_000).optional(),
  method: z.enum(METHODS),
  path: z.string().max(500),
  effect: zEffect.optional(),
  /** JSON Schema of the arguments: those of the path and of `query` go there, the rest into the body (GET, HEAD and DELETE: into the query). */
  input: z.record(z.string(), z.unknown()).optional(),
  query: z.array(z.string().min(1).max(200)).max(100).optional(),
  idempotency: zIdempotency.optional(),
});
export type RawAction = z.infer<typeof zRawAction>;

/** Settings as a person or script sends them (DESIGN "Outside contract"). */
export const zRawSettings = z.strictObject({
  baseUrl: zBaseUrl,
  /** The document itself, its JSON or YAML text, or its https address. */
  openapi: z
    .union([z.string().min(1), z.record(z.string(), z.unknown())], {
      error: 'must be an OpenAPI document (an object, or its JSON or YAML text) or its address',
    })
    .optional(),
  actions: z.array(zRawAction).max(500).optional(),
  idempotency: zIdempotency.optional(),
  trusted: z.boolean().optional(),
  /** The actions switched on, by name; `reads`: those that only read. Left out: all. */
  enabled: z
    .union([z.literal('reads'), z.array(z.string().max(64)).max(500)], {
      error: 'must be "reads" or a list of action names',
    })
    .optional(),
});
export type RawSettings = z.infer<typeof zRawSettings>;

const zParam = z.object({
  /** The argument that fills it. */
  arg: z.string(),
  /** Its name on the wire. */
  name: z.string(),
  in: z.enum(['path', 'query', 'header']),
  /** How arrays and objects are written: `repeat` a=1&a=2, `deep` a[b]=1, `json` one JSON text, else joined by the character. */
  style: z.enum(['repeat', 'comma', 'space', 'pipe', 'deep', 'json']),
});
export type Param = z.infer<typeof zParam>;

const zBody = z.object({
  contentType: z.string(),
  isForm: z.boolean(),
  isRequired: z.boolean(),
  /** The argument that is the body, or null when the body is an object made of `fields`. */
  whole: z.string().nullable(),
  fields: z.array(z.object({ arg: z.string(), name: z.string() })),
});
export type Body = z.infer<typeof zBody>;

const zStoredAction = z.object({
  name: z.string(),
  /** Written by an admin, or taken from a document, which is outside text unless trusted (RULES T1). */
  origin: z.enum(['settings', 'document']),
  title: z.string(),
  description: z.string(),
  method: z.enum(METHODS),
  path: z.string(),
  effect: zEffect,
  idempotency: zIdempotency,
  params: z.array(zParam),
  body: zBody.nullable(),
  // Made by this folder only; a deep check of some 500 schemas at every turn would cost more than it finds.
  input: z.custom<JsonSchema>((value) => typeof value === 'object' && value !== null && !Array.isArray(value)),
});
export type StoredAction = z.infer<typeof zStoredAction>;

/** Settings as `compile` leaves them in the database: plain JSON, nothing more to resolve. */
export const zStoredSettings = z.object({
  baseUrl: z.string(),
  trusted: z.boolean(),
  enabled: z.array(z.string()),
  actions: z.array(zStoredAction),
  /** What the document offers and we cannot call, a sentence each; at most 50. */
  skipped: z.array(z.string()),
});
export type StoredSettings = z.infer<typeof zStoredSettings>;

/** The one spelling of a base address: no slash at the end. */
export const normalBaseUrl = (text: string): string => new URL(text.trim()).href.replace(/\/+$/, '');

function problemOf(text: string): string | null {
  const url = URL.parse(text.trim());
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    return 'is not a web address: write it as https://erp.example.com/api';
  }
  if (url.username !== '' || url.password !== '') return 'must not hold a user name or password: use the credential';
  if (url.search !== '' || url.hash !== '' || /[?#]/.test(text)) return 'must not hold a query (?) or fragment (#)';
  return null;
}
