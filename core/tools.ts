import { z } from 'zod';

export const EFFECTS = ['read', 'write', 'destructive'] as const;
export type ActionEffect = (typeof EFFECTS)[number];

/** JSON that Postgres and RFC 8785 can carry. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };
export const zJson: z.ZodType<Json> = z.json();

/** A JSON Schema object, as handed to models. */
export type JsonSchema = { [key: string]: Json };

/** The HTTP request a write will send, fixed when it is proposed. No secret is in it: authorization and the idempotency key are added when it is sent. */
const zPreparedRequest = z.object({
  method: z.string(),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  body: z.string().nullable(),
});
export type PreparedRequest = z.infer<typeof zPreparedRequest>;

/** What an approval binds (RULES A1). Stored as RFC 8785 text; its sha256 is what a person approves. */
export const zPayload = z.object({
  v: z.literal(1),
  tool: z.string(),
  connection: z.object({ id: z.string(), name: z.string(), settingsVersion: z.int() }).nullable(),
  request: zPreparedRequest.nullable(),
  arguments: z.record(z.string(), zJson),
  attachments: z.array(z.object({ name: z.string(), sha256: z.string() })),
  schemaSha256: z.string(),
  policyVersion: z.int(),
});
export type Payload = z.infer<typeof zPayload>;
