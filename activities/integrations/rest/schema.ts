import { UserError } from '#core/errors.ts';
import { cut } from '#core/text.ts';
import type { Json, JsonObject, JsonSchema } from '#core/tools.ts';

/** Looks a `#/…` pointer up in the document. Throws `UserError` when it leads nowhere. */
export type Follow = (pointer: string) => Json;

/** What may still be copied for one operation; whatever is beyond becomes `{}`, "anything", and the other side checks it. */
export interface SchemaBudget {
  follow: Follow;
  nodes: number;
}
export const SCHEMA_NODES = 2_000;
/** Each so many characters of a node's own words count as one more: a reference repeats them for next to nothing. */
const WORDS_PER_NODE = 500;
// Levels and references passed, together.
const DEPTH = 24;
const TYPES = new Set(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null']);
const FORMATS = new Set(
  'date-time date time duration email hostname ipv4 ipv6 uri uri-reference uuid int32 int64 float double decimal byte binary password'.split(
    ' ',
  ),
);
const NUMBERS = [
  'minimum',
  'maximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
];

/**
 * A JSON Schema of ours from one of a document (OpenAPI 3.0 or 3.1): a tree without `$ref`, circles cut to `{}`, known keywords only.
 * Left to the other side: `pattern` and `patternProperties` (a hostile one hangs a regex engine), `uniqueItems` (quadratic), `not`;
 * `oneOf` becomes `anyOf`, because a cut branch would match too. `readOnly` properties are not arguments and are dropped.
 */
export function copySchema(value: Json | undefined, budget: SchemaBudget, trail: readonly string[] = []): JsonSchema {
  if (value === false) return { enum: [] };
  budget.nodes -= 1;
  if (!isObject(value) || budget.nodes < 0 || trail.length > DEPTH) return {};
  const found = followed(value, budget.follow, trail);
  if (found === null) return {};
  const { schema, trail: deeper } = found;
  const own = words(schema);
  budget.nodes -= Math.floor(JSON.stringify(own).length / WORDS_PER_NODE);
  if (budget.nodes < 0) return {};
  const copy = (inner: Json | undefined) => copySchema(inner, budget, [...deeper, '']);
  const copied: JsonSchema = {
    ...own,
    ...bounds(schema),
    ...objectPart(schema, copy),
    ...arrayPart(schema, copy),
    ...choices(schema, copy),
  };
  const types = typesOf(schema, copied);
  if (types.length > 0) copied['type'] = types.length === 1 ? (types[0] ?? 'null') : types;
  const isNullable = schema['nullable'] === true;
  if (!isNullable) return copied;
  if (types.length === 0) return Object.keys(copied).length === 0 ? {} : { anyOf: [copied, { type: 'null' }] };
  if (!types.includes('null')) copied['type'] = [...types, 'null'];
  if (Array.isArray(copied['enum']) && !copied['enum'].includes(null)) copied['enum'] = [...copied['enum'], null];
  return copied;
}

/** The object behind a chain of `$ref`s, words beside a `$ref` kept, and the pointers passed; null for a circle. */
export function followed(
  value: JsonObject,
  follow: Follow,
  trail: readonly string[],
): { schema: JsonObject; trail: readonly string[] } | null {
  let schema = value;
  const passed = [...trail];
  while (typeof schema['$ref'] === 'string') {
    const { $ref: pointer, ...beside } = schema;
    if (passed.includes(pointer)) return null;
    passed.push(pointer);
    const target = follow(pointer);
    if (!isObject(target)) throw new UserError(`"${cut(pointer, 100)}" does not lead to an object.`, { status: 422 });
    schema = { ...target, ...beside };
  }
  return { schema, trail: passed };
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const listOf = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);

/** `__proto__` is no name a JSON object keeps everywhere it goes. */
const isName = (name: string): boolean => name !== '' && name !== '__proto__' && name.length <= 200;

function words(schema: JsonObject): JsonSchema {
  const copied: JsonSchema = {};
  const { title, description, format } = schema;
  if (typeof title === 'string' && title !== '') copied['title'] = cut(title, 100);
  if (typeof description === 'string' && description !== '') copied['description'] = cut(description, 500);
  if (typeof format === 'string' && FORMATS.has(format)) copied['format'] = format;
  if (schema['default'] !== undefined && JSON.stringify(schema['default']).length <= 2_000) {
    copied['default'] = schema['default'];
  }
  const allowed = schema['const'] === undefined ? schema['enum'] : [schema['const']];
  if (
    Array.isArray(allowed) &&
    allowed.length > 0 &&
    allowed.length <= 500 &&
    allowed.every((it) => !isStructure(it))
  ) {
    copied['enum'] = allowed;
  }
  return copied;
}

function bounds(schema: JsonObject): JsonSchema {
  const copied: JsonSchema = {};
  for (const name of NUMBERS) {
    const bound = schema[name];
    if (typeof bound === 'number' && (name === 'minimum' || name === 'maximum' || bound >= 0)) copied[name] = bound;
  }
  if (copied['multipleOf'] === 0) delete copied['multipleOf'];
  for (const [name, plain] of [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const) {
    const bound = schema[name];
    if (typeof bound === 'number') copied[name] = bound;
    // OpenAPI 3.0: a boolean beside the bound.
    if (bound !== true || copied[plain] === undefined) continue;
    copied[name] = copied[plain];
    delete copied[plain];
  }
  return copied;
}

function objectPart(schema: JsonObject, copy: (inner: Json | undefined) => JsonSchema): JsonSchema {
  const copied: JsonSchema = {};
  const properties = isObject(schema['properties']) ? Object.entries(schema['properties']) : [];
  const kept = properties.filter(
    ([name, inner]) => isName(name) && inner !== false && !(isObject(inner) && inner['readOnly'] === true),
  );
  if (kept.length > 0) copied['properties'] = Object.fromEntries(kept.map(([name, inner]) => [name, copy(inner)]));
  const dropped = new Set(properties.map(([name]) => name).filter((name) => !kept.some(([other]) => other === name)));
  const required = listOf(schema['required']).filter(
    (name) => typeof name === 'string' && isName(name) && !dropped.has(name),
  );
  if (required.length > 0) copied['required'] = [...new Set(required)];
  const additional = schema['additionalProperties'];
  if (schema['patternProperties'] !== undefined) return copied;
  if (typeof additional === 'boolean') copied['additionalProperties'] = additional;
  else if (additional !== undefined) copied['additionalProperties'] = copy(additional);
  return copied;
}

function arrayPart(schema: JsonObject, copy: (inner: Json | undefined) => JsonSchema): JsonSchema {
  const copied: JsonSchema = {};
  if (Array.isArray(schema['prefixItems'])) copied['prefixItems'] = schema['prefixItems'].slice(0, 50).map(copy);
  if (isObject(schema['items'])) copied['items'] = copy(schema['items']);
  else if (listOf(schema['type']).includes('array') || schema['type'] === 'array') copied['items'] = {};
  return copied;
}

function choices(schema: JsonObject, copy: (inner: Json | undefined) => JsonSchema): JsonSchema {
  const all = listOf(schema['allOf']).slice(0, 50).map(copy);
  const sets = [schema['anyOf'], schema['oneOf']].filter((set) => Array.isArray(set) && set.length > 0);
  const [first, second] = sets.map((set) => ({ anyOf: listOf(set).slice(0, 50).map(copy) }));
  const copied: JsonSchema = {};
  if (first !== undefined && second === undefined) copied['anyOf'] = first.anyOf;
  else if (first !== undefined && second !== undefined) all.push(first, second);
  if (all.length > 0) copied['allOf'] = all;
  return copied;
}

function typesOf(schema: JsonObject, copied: JsonSchema): string[] {
  const given = typeof schema['type'] === 'string' ? [schema['type']] : listOf(schema['type']);
  const types = given.filter((type): type is string => typeof type === 'string' && TYPES.has(type));
  if (types.length > 0) return [...new Set(types)];
  return copied['properties'] === undefined || copied['anyOf'] !== undefined || copied['allOf'] !== undefined
    ? []
    : ['object'];
}

const isStructure = (value: Json): boolean => typeof value === 'object' && value !== null;
