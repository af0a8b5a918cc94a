import type { Json, JsonSchema } from '#core/tools.ts';
import { isObject } from './schema.ts';

const TEXTS = new Set(['title', 'description', 'default', 'example', 'examples', '$comment']);
/** A field's name, not a sentence. */
const NAME = /^[\p{L}\p{N}_.$@:[\]/-]{1,64}$/u;
/** An allowed value of an enum, not a paragraph. */
const VALUE_LENGTH = 60;

/**
 * The schema as a model may read it when its author is outside (RULES T1): names, types, formats, enums, required and bounds stay; every text goes.
 * Only what is shown shrinks: arguments are still checked against the whole.
 */
export function withoutTexts(schema: JsonSchema): JsonSchema {
  const entries = Object.entries(schema).flatMap(([key, value]): [string, Json][] => {
    if (TEXTS.has(key) || key.startsWith('x-')) return [];
    if (key === 'properties' && isObject(value)) return [[key, named(value)]];
    if (key === 'required' && Array.isArray(value))
      return [[key, value.filter((name) => typeof name === 'string' && NAME.test(name))]];
    if (key === 'enum' && Array.isArray(value)) return value.every(isShort) ? [[key, value]] : [];
    return [[key, inner(value)]];
  });
  return Object.fromEntries(entries);
}

function named(properties: JsonSchema): JsonSchema {
  const kept = Object.entries(properties).filter(([name]) => NAME.test(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, inner(value)]));
}

function inner(value: Json): Json {
  if (isObject(value)) return withoutTexts(value);
  return Array.isArray(value) ? value.map(inner) : value;
}

const isShort = (value: Json): boolean => typeof value !== 'string' || value.length <= VALUE_LENGTH;
