import canonicalize from 'canonicalize';
import { z } from 'zod';
import { cleanName, humanise, TOOL_NAME_LENGTH, uniqueName } from '#activities/integrations/rest/names.ts';
import { copySchema, isObject, SCHEMA_NODES, type Follow } from '#activities/integrations/rest/schema.ts';
import { UserError } from '#core/errors.ts';
import { sha256 } from '#core/hash.ts';
import { cut, storable } from '#core/text.ts';
import { zJson, type ActionEffect, type Json, type JsonObject, type JsonSchema } from '#core/tools.ts';
import type { StoredModule } from './settings.ts';

/** Modules of one server; each is a tool, and 40 reach a turn (RULES S5). */
const MODULES = 200;
/** What fits into a tool's name beside its connection's slug. */
const NAME_LENGTH = TOOL_NAME_LENGTH - 21;
/** Deeper than any schema that is of use; what walks it may call itself for each level. */
const DEPTH = 200;
/** Characters of all modules as they are stored; references can make much more of a list than it is long. */
const STORED_LENGTH = 4_000_000;
const ID = /^[A-Za-z0-9_.-]{1,64}$/;
const FIELD = /^[A-Za-z0-9_.-]{1,64}$/;

const zItem = z.object({
  id: z.string().optional(),
  name: z.string().catch('').default(''),
  description: z.string().catch('').default(''),
  input_schema: zJson.optional(),
  inputSchema: zJson.optional(),
  output_schema: zJson.optional(),
  outputSchema: zJson.optional(),
  effect: z.string().catch('').default(''),
  version: z.union([z.string(), z.number()]).optional().catch(undefined),
  idempotency: z.string().optional().catch(undefined),
});

export interface Listing {
  modules: StoredModule[];
  skipped: string[];
}

/**
 * What `GET /modules` said → modules as they are stored: `{modules|items: […]}` or a bare array. `known`: accepted ones, which keep their names.
 * `idempotency`: what the connection's settings say about all of them. Throws `UserError` (field `baseUrl`) when it is no list or names nothing usable.
 */
export function readListing(
  document: string | undefined,
  { known, idempotency }: { known: readonly StoredModule[]; idempotency: 'header' | 'none' | null },
): Listing {
  const { items, said } = listIn(document);
  if (items.length > MODULES) throw unusable(`lists ${items.length} modules; at most ${MODULES} can be used`);
  const names = namesFor(known);
  const skipped: string[] = [];
  const modules = new Map<string, StoredModule>();
  let left = STORED_LENGTH;
  for (const item of items) {
    const read = readItem(item, idempotency ?? (said === 'header' ? 'header' : null));
    if (typeof read === 'string') skipped.push(read);
    else if (modules.has(read.id)) skipped.push(`${read.id} is listed twice; the first counts.`);
    else {
      left -= JSON.stringify(read).length;
      if (left < 0) throw unusable(`describes its modules in more than ${STORED_LENGTH} characters`);
      modules.set(read.id, withHash({ ...read, name: names(read.id) }));
    }
  }
  if (modules.size === 0 && known.length === 0)
    throw unusable(skipped[0] === undefined ? 'lists no modules' : `lists no module that can be used: ${skipped[0]}`);
  return { modules: [...modules.values()], skipped: skipped.slice(0, 50) };
}

function listIn(document: string | undefined): { items: readonly Json[]; said: Json | undefined } {
  const json = parse(document ?? '');
  if (isTooDeep(json)) throw unusable(`answered with JSON that is nested more than ${DEPTH} levels deep`);
  if (Array.isArray(json)) return { items: json, said: undefined };
  const items = isObject(json) ? (json['modules'] ?? json['items']) : undefined;
  if (!isObject(json) || !Array.isArray(items)) throw unusable('did not answer with a list: {"modules": […]}');
  return { items, said: json['idempotency'] };
}

function parse(text: string): Json {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, '')) as Json;
  } catch {
    throw unusable('did not answer with JSON');
  }
}

function isTooDeep(value: Json): boolean {
  let level: Json[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > DEPTH) return true;
    level = level.flatMap((one) => (isObject(one) ? Object.values(one) : Array.isArray(one) ? one : []));
  }
  return false;
}

/** Accepted modules keep the names they have, so that a new one never takes the place of another's tool. */
function namesFor(known: readonly StoredModule[]): (id: string) => string {
  const byId = new Map(known.map(({ id, name }) => [id, name]));
  const taken = new Set(known.map(({ name }) => name.toLowerCase()));
  return (id) => byId.get(id) ?? uniqueName(cleanName(id) || 'module', taken, NAME_LENGTH);
}

/** A sentence when it cannot be used. */
function readItem(item: Json, idempotency: 'header' | 'none' | null): Omit<StoredModule, 'name' | 'sha256'> | string {
  const parsed = zItem.safeParse(typeof item === 'string' ? { id: item } : item);
  if (!parsed.success) return 'An entry that is no module was left out.';
  const { data } = parsed;
  const id = data.id ?? data.name;
  if (!ID.test(id)) return `“${cut(storable(id), 64)}” was left out: an id is 1 to 64 letters, digits, _ . or -.`;
  try {
    return {
      id,
      label: cut(storable(data.name).trim(), 100) || humanise(id),
      description: cut(storable(data.description).trim(), 2_000),
      effect: effectOf(data.effect),
      idempotency: idempotency ?? (data.idempotency === 'header' ? 'header' : 'none'),
      input: inputOf(data.input_schema ?? data.inputSchema),
      output: outputOf(data.output_schema ?? data.outputSchema),
      version: data.version === undefined ? null : cut(storable(String(data.version)), 50),
    };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return `${id} was left out: ${error.message}`;
  }
}

/** What is not declared may write: only the word itself says otherwise, and an admin accepts it with the rest. */
function effectOf(said: string): ActionEffect {
  const word = said.trim().toLowerCase();
  return word === 'read' || word === 'destructive' ? word : 'write';
}

function inputOf(given: Json | undefined): JsonSchema {
  const schema = copied(given);
  if (schema['type'] !== undefined && schema['type'] !== 'object') throw new UserError('its input is not an object.');
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  const odd = Object.keys(properties).find((name) => !FIELD.test(name));
  if (odd !== undefined)
    throw new UserError(`its input has a field “${cut(odd, 64)}”; names are letters, digits, _ . or -.`);
  return { ...schema, type: 'object', properties };
}

const outputOf = (given: Json | undefined): JsonSchema | null => {
  const schema = given === undefined || given === null ? {} : copied(given);
  return Object.keys(schema).length === 0 ? null : schema;
};

const copied = (given: Json | undefined): JsonSchema =>
  isObject(given) ? copySchema(clean(given), { follow: followIn(given), nodes: SCHEMA_NODES }) : {};

/** Only what the database takes. */
const clean = (schema: JsonObject): JsonObject => {
  const text = JSON.stringify(schema, (_, value: unknown) => (typeof value === 'string' ? storable(value) : value));
  return JSON.parse(text) as JsonObject;
};

/** References within the schema itself, such as `#/$defs/Row`. */
const followIn =
  (root: JsonObject): Follow =>
  (pointer) => {
    const steps = pointer === '#' ? [] : pointer.replace(/^#\//, '').split('/');
    let at: Json | undefined = root;
    for (const step of steps) {
      const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
      at = isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
    }
    if (!pointer.startsWith('#') || at === undefined)
      throw new UserError(`its schema points to “${cut(pointer, 100)}”, which is not in it.`);
    return at;
  };

const withHash = (module: Omit<StoredModule, 'sha256'>): StoredModule => {
  const { version: _, name: __, ...accepted } = module;
  return { ...module, sha256: sha256(canonicalize(accepted) ?? '') };
};

const unusable = (problem: string): UserError =>
  new UserError(`baseUrl: GET /modules ${problem}.`.replace(/\.\.$/, '.'), { status: 422, field: 'baseUrl' });
