import { validate, type OutputUnit } from '@cfworker/json-schema';
import { UserError } from '#core/errors.ts';
import { RUN_LIMITS } from '#core/limits.ts';
import { cut, isStorable } from '#core/text.ts';
import type { Json, JsonObject, JsonSchema } from '#core/tools.ts';
import { isObject } from './schema.ts';

const DEPTH = 32;

/**
 * Arguments, checked and with the schema's defaults filled in: here and nowhere else, before they are hashed (RULES A1, E3).
 * Throws `UserError` whose message and `field` name the argument.
 */
export function parseArguments(schema: JsonSchema, input: JsonObject): JsonObject {
  checkStorable(input, [], 0);
  const filled = withDefaults(schema, input);
  if (!isObject(filled)) throw invalid([], 'must be an object');
  if (JSON.stringify(filled).length > RUN_LIMITS.toolInputLength) {
    throw invalid([], `the arguments must be at most ${RUN_LIMITS.toolInputLength} characters`);
  }
  const problem = problemWith(schema, filled);
  if (problem !== null) throw problem;
  return filled;
}

/** What is wrong with a value, naming where; null: nothing. */
export function problemWith(schema: JsonSchema, value: Json): UserError | null {
  const { valid, errors } = validate(value, schema, '2020-12');
  return valid ? null : sentence(errors, schema);
}

function checkStorable(value: Json, at: readonly string[], depth: number): void {
  if (depth > DEPTH) throw invalid(at.slice(0, 3), `is nested more than ${DEPTH} levels deep`);
  if (typeof value === 'string' && !isStorable(value)) throw invalid(at, 'holds a NUL character or broken Unicode');
  if (typeof value === 'number' && !Number.isFinite(value)) throw invalid(at, 'is not a number that can be sent');
  if (Array.isArray(value)) value.forEach((item, index) => checkStorable(item, [...at, String(index)], depth + 1));
  if (!isObject(value)) return;
  for (const [name, inner] of Object.entries(value)) {
    if (!isStorable(name) || name === '__proto__') throw invalid(at, 'has a field whose name cannot be used');
    checkStorable(inner, [...at, name], depth + 1);
  }
}

function withDefaults(schema: Json | undefined, value: Json): Json {
  if (!isObject(schema)) return value;
  if (Array.isArray(value)) return value.map((item) => withDefaults(schema['items'], item));
  if (!isObject(value)) return value;
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  const given = Object.entries(value).map(([name, inner]): [string, Json] => [
    name,
    Object.hasOwn(properties, name) ? withDefaults(properties[name], inner) : inner,
  ]);
  const missing = Object.entries(properties).flatMap(([name, inner]): [string, Json][] =>
    isObject(inner) && inner['default'] !== undefined && !Object.hasOwn(value, name) ? [[name, inner['default']]] : [],
  );
  return Object.fromEntries([...given, ...missing]);
}

/** These only say that something inside them is wrong. */
const WRAPPERS = new Set(['properties', 'additionalProperties', 'items', 'prefixItems', 'allOf']);

function sentence(errors: readonly OutputUnit[], schema: JsonSchema): UserError {
  const error = errors.find(({ keyword }) => !WRAPPERS.has(keyword)) ?? errors[0];
  if (error === undefined) return invalid([], 'is not valid');
  const at = pathOf(error.instanceLocation);
  if (error.keyword === 'required') return invalid([...at, quoted(error.error)], 'is missing');
  if (error.keyword === 'false') return invalid(at, unknownField(at, schema));
  if (error.keyword === 'anyOf') return invalid(at, 'matches none of the forms it may have');
  if (error.keyword === 'type')
    return invalid(at, `must be ${quotedAll(error.error).slice(1).join(' or ') || 'of another type'}`);
  if (error.keyword === 'enum')
    return invalid(at, `must be one of ${cut(error.error.slice(error.error.indexOf('[')), 300)}`);
  return invalid(at, cut(error.error.replace(/^Instance /, 'it ').replace(/\.$/, ''), 300));
}

function unknownField(at: readonly string[], schema: JsonSchema): string {
  const known = isObject(schema['properties']) ? Object.keys(schema['properties']) : [];
  if (at.length !== 1) return 'is not a known field';
  return known.length === 0
    ? 'is not a known field: there are none'
    : `is not a known field. Known: ${cut(known.join(', '), 300)}`;
}

/** `#/lines/0/a~1b` → ["lines", "0", "a/b"]. */
const pathOf = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => decode(part).replaceAll('~1', '/').replaceAll('~0', '~'));

function decode(part: string): string {
  try {
    return decodeURI(part);
  } catch {
    return part;
  }
}

const quotedAll = (text: string): string[] => [...text.matchAll(/"([^"]*)"/g)].map((match) => match[1] ?? '');
const quoted = (text: string): string => /"(.*)"\.?$/s.exec(text)?.[1] ?? '';

function invalid(at: readonly string[], problem: string): UserError {
  const field = cut(at.filter((part) => part !== '').join('.'), 200) || 'input';
  return new UserError(`${field}: ${problem}.`, { status: 422, field });
}
