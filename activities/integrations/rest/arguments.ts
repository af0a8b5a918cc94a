import type { Json, JsonObject, JsonSchema } from '#core/tools.ts';
import { argumentName, uniqueName } from './names.ts';
import { isObject, listOf } from './schema.ts';
import type { Body, Param } from './settings.ts';

/** Something an operation takes, before it has an argument's name. */
export interface Place {
  name: string;
  in: Param['in'];
  style: Param['style'];
  schema: JsonSchema;
  isRequired: boolean;
}
export interface BodyPlace {
  contentType: string;
  isForm: boolean;
  isRequired: boolean;
  /** `required: false` was written down: what the body requires counts only when there is one. */
  isOptional: boolean;
  schema: JsonSchema;
}
export interface Arguments {
  input: JsonSchema;
  params: Param[];
  body: Body | null;
}

const NAME_LENGTH = 64;

/** One flat object of arguments: the parameters and the body's own properties. When two would share a name, or the body is no plain object, it stays whole under `body`. */
export function argumentsOf(places: readonly Place[], body: BodyPlace | null): Arguments {
  const taken = new Set<string>();
  const properties: [string, JsonSchema][] = [];
  const required: string[] = [];
  const add = (arg: string, schema: JsonSchema, isRequired: boolean): string => {
    properties.push([arg, schema]);
    if (isRequired) required.push(arg);
    return arg;
  };
  const params = places.map((place): Param => {
    const arg = add(unique(place.name, taken), place.schema, place.isRequired);
    return { arg, name: place.name, in: place.in, style: place.style };
  });
  return { params, body: body === null ? null : bodyOf(body, taken, add), input: finish() };

  function finish(): JsonSchema {
    const input: JsonSchema = {
      type: 'object',
      properties: Object.fromEntries(properties),
      additionalProperties: false,
    };
    return required.length > 0 ? { ...input, required } : input;
  }
}

function bodyOf(
  { contentType, isForm, isRequired, isOptional, schema }: BodyPlace,
  taken: Set<string>,
  add: (arg: string, schema: JsonSchema, isRequired: boolean) => string,
): Body {
  const flat = flatObject(schema);
  const names = flat === null ? [] : Object.keys(flat.properties);
  const isFree = names.every((name) => !taken.has(argumentName(name).toLowerCase()));
  if (flat === null || names.length === 0 || !isFree) {
    const arg = add(unique('body', taken), schema, isRequired);
    return { contentType, isForm, isRequired, whole: arg, fields: [] };
  }
  const fields = Object.entries(flat.properties).map(([name, inner]) => ({
    arg: add(unique(name, taken), inner, !isOptional && flat.required.has(name)),
    name,
  }));
  return { contentType, isForm, isRequired, whole: null, fields };
}

/** The properties of a plain object, those of `allOf` members taken together; null when it is anything else. */
function flatObject(schema: JsonSchema): { properties: Record<string, JsonSchema>; required: Set<string> } | null {
  if (schema['anyOf'] !== undefined || schema['enum'] !== undefined || isObject(schema['additionalProperties']))
    return null;
  if (schema['type'] !== undefined && schema['type'] !== 'object') return null;
  const parts = listOf(schema['allOf']).map((part) => (isObject(part) ? flatObject(part) : null));
  if (parts.includes(null)) return null;
  const all = [own(schema), ...parts.filter((part) => part !== null)];
  return {
    properties: Object.fromEntries(all.flatMap((part) => Object.entries(part.properties))),
    required: new Set(all.flatMap((part) => [...part.required])),
  };
}

function own(schema: JsonObject): { properties: Record<string, JsonSchema>; required: Set<string> } {
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  const schemas = Object.entries(properties).filter((entry): entry is [string, JsonSchema] => isObject(entry[1]));
  return { properties: Object.fromEntries(schemas), required: new Set(listOf(schema['required']).filter(isText)) };
}

const unique = (name: string, taken: Set<string>): string => uniqueName(argumentName(name), taken, NAME_LENGTH);
const isText = (value: Json): value is string => typeof value === 'string';
