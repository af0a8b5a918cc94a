import { z } from 'zod';
import { isHeaderValue } from '#activities/integrations/rest/credential.ts';
import { zBaseUrl } from '#activities/integrations/rest/settings.ts';
import { UserError } from '#core/errors.ts';
import { cut } from '#core/text.ts';
import { EFFECTS, type JsonObject, type JsonSchema } from '#core/tools.ts';

const zIdempotency = z.enum(['header', 'none']);

/** Settings as a person or script sends them (DESIGN "Outside contract"). */
export const zRawSettings = z.strictObject({
  baseUrl: zBaseUrl,
  trusted: z.boolean().optional(),
  /** `header`: it honours our Idempotency-Key, whatever its list says. */
  idempotency: zIdempotency.optional(),
  /** The modules switched on, by id or action name; `reads`: those that say that they only read. Left out: all. */
  enabled: z
    .union([z.literal('reads'), z.array(z.string().max(64)).max(200)], {
      error: 'must be "reads" or a list of module ids',
    })
    .optional(),
});

/** All that is needed to ask it something: raw and stored settings both hold it. */
export const zPlace = z.object({ baseUrl: zBaseUrl });

/** `X-API-Key`; servers without one take `{}` or `{type: "none"}`. */
export const zModuleCredential = z
  .strictObject({
    type: z.literal('none').optional(),
    apiKey: z
      .string()
      .max(8_000, 'must be at most 8000 characters')
      .refine(isHeaderValue, 'may hold only printable ASCII characters, without line breaks or spaces around it')
      .optional(),
  })
  .default({});
export type ModuleCredential = z.infer<typeof zModuleCredential>;

const zSchema = z.custom<JsonSchema>((value) => typeof value === 'object' && value !== null && !Array.isArray(value));

const zStoredModule = z.object({
  /** The server's own id. */
  id: z.string(),
  /** The action's name, made of the id; it stays when other modules come and go. */
  name: z.string(),
  /** What the server says about it: outside text unless trusted (RULES T1). */
  label: z.string(),
  description: z.string(),
  effect: z.enum(EFFECTS),
  idempotency: zIdempotency,
  input: zSchema,
  output: zSchema.nullable(),
  version: z.string().nullable(),
  /** Of everything above but the version: what an admin accepted. */
  sha256: z.string(),
});
export type StoredModule = z.infer<typeof zStoredModule>;
export const zModules = z.array(zStoredModule);

export const zStoredSettings = z.object({
  baseUrl: z.string(),
  trusted: z.boolean(),
  idempotency: zIdempotency.nullable(),
  /** Names of the actions that are on. */
  enabled: z.array(z.string()),
  modules: zModules,
  /** What it lists and we cannot call, a sentence each. */
  skipped: z.array(z.string()),
  sha256: z.string(),
});
export type StoredSettings = z.infer<typeof zStoredSettings>;

/** The names that are on. Throws `UserError` for one that is not there. */
export function enabledOf(
  wanted: z.infer<typeof zRawSettings>['enabled'],
  modules: readonly Pick<StoredModule, 'id' | 'name' | 'effect'>[],
): string[] {
  if (wanted === undefined) return modules.map(({ name }) => name);
  if (wanted === 'reads') return modules.filter(({ effect }) => effect === 'read').map(({ name }) => name);
  const names = wanted.map((one) => {
    const found = modules.find(({ id, name }) => id === one || name === one);
    if (found) return found.name;
    const known = cut(modules.map(({ id }) => id).join(', '), 500);
    throw new UserError(`enabled: there is no module "${cut(one, 64)}". There are: ${known}.`, {
      status: 422,
      field: 'enabled',
    });
  });
  return [...new Set(names)];
}

/** For a column of JSON: what is not there is left out, so that it reads back equal. */
export const asJson = (settings: StoredSettings): JsonObject => JSON.parse(JSON.stringify(settings)) as JsonObject;
