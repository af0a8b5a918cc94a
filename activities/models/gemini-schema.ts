import { z } from 'zod';
import { zJson, type Json, type JsonObject, type JsonSchema } from '#core/tools.ts';

/** What Gemini documents for JSON Schema; a keyword it does not know fails the whole request. */
const KEPT = new Set([
  'type',
  'format',
  'title',
  'description',
  'enum',
  'items',
  'prefixItems',
  'minItems',
  'maxItems',
  'minimum',
  'maximum',
  'anyOf',
  'oneOf',
  'properties',
  'additionalProperties',
  'required',
]);
/** Told in words instead. Arguments are checked against the whole schema when the call comes. */
const TOLD = ['pattern', 'minLength', 'maxLength', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'default'];
const MAX_DEPTH = 16;

const zObject = z.record(z.string(), zJson);
const isObject = (value: Json | undefined): value is JsonObject => zObject.safeParse(value).success;

/** A tool's schema as Gemini takes it: references are written out, `allOf` is merged, what it does not know is told in words or left out. */
export function toGeminiSchema(schema: JsonSchema): JsonSchema {
  const found = convert(schema, schema, 0);
  return { ...found, type: 'object', properties: found['properties'] ?? {} };
}

function convert(given: Json | undefined, root: JsonSchema, depth: number): JsonObject {
  // Anything may stand there; the same goes where references run in a circle.
  if (!isObject(given) || depth > MAX_DEPTH) return {};
  const schema = merged(resolved(given, root), root);
  const inner = (value: Json | undefined): JsonObject => convert(value, root, depth + 1);
  const found: JsonObject = {};
  for (const [key, value] of Object.entries(schema)) {
    if (!KEPT.has(key)) continue;
    if (key === 'properties' && isObject(value))
      found[key] = Object.fromEntries(Object.entries(value).map(([name, one]) => [name, inner(one)]));
    else if (['anyOf', 'oneOf', 'prefixItems'].includes(key) && Array.isArray(value)) found[key] = value.map(inner);
    else if (key === 'items' || key === 'additionalProperties') found[key] = isObject(value) ? inner(value) : value;
    else found[key] = value;
  }
  if (schema['const'] !== undefined) found['enum'] = [schema['const']];
  keepValues(found);
  keepRequired(found);
  if (found['type'] === 'array' && !('items' in found)) found['items'] = {};
  const told = TOLD.filter((key) => schema[key] !== undefined).map((key) => `${key}: ${JSON.stringify(schema[key])}`);
  const { description } = found;
  if (told.length > 0)
    found['description'] = `${typeof description === 'string' ? `${description} ` : ''}(${told.join(', ')})`;
  return found;
}

/** Follows `$ref` within the document; what stands beside it stays. */
function resolved(schema: JsonObject, root: JsonSchema): JsonObject {
  let found = schema;
  for (let hops = 0; typeof found['$ref'] === 'string' && hops < MAX_DEPTH; hops++) {
    const { $ref, ...beside } = found;
    const target = typeof $ref === 'string' ? at(root, $ref) : undefined;
    found = { ...(isObject(target) ? target : {}), ...beside };
  }
  return found;
}

function at(root: JsonSchema, reference: string): Json | undefined {
  if (!reference.startsWith('#')) return undefined;
  const names = reference.slice(1).split('/').filter(Boolean);
  let found: Json | undefined = root;
  for (const name of names) {
    const key = decodeURIComponent(name).replaceAll('~1', '/').replaceAll('~0', '~');
    found = isObject(found) ? found[key] : undefined;
  }
  return found;
}

function merged(schema: JsonObject, root: JsonSchema): JsonObject {
  const { allOf, ...rest } = schema;
  if (!Array.isArray(allOf)) return rest;
  const all = [...allOf.filter(isObject).map((one) => merged(resolved(one, root), root)), rest];
  const both = (key: 'properties') => Object.assign({}, ...all.map((one) => (isObject(one[key]) ? one[key] : {})));
  const required = all.flatMap((one) => (Array.isArray(one['required']) ? one['required'] : []));
  return {
    ...Object.assign({}, ...all),
    ...(all.some((one) => isObject(one['properties'])) && { properties: both('properties') }),
    ...(required.length > 0 && { required: [...new Set(required)] }),
  };
}

/** Only texts and numbers may be listed. */
function keepValues(schema: JsonObject): void {
  if (!Array.isArray(schema['enum'])) return;
  const values = schema['enum'].filter((value) => typeof value === 'string' || typeof value === 'number');
  // An empty list, "nothing fits", fails the request as well.
  if (values.length > 0 && values.length === schema['enum'].length) return;
  delete schema['enum'];
  if (values.length > 0 && schema['type'] !== 'boolean') schema['enum'] = values;
}

/** A name that is required and not described fails the request. */
function keepRequired(schema: JsonObject): void {
  if (!Array.isArray(schema['required'])) return;
  const { properties } = schema;
  const known = schema['required'].filter(
    (name) => typeof name === 'string' && isObject(properties) && name in properties,
  );
  delete schema['required'];
  if (known.length > 0) schema['required'] = known;
}
