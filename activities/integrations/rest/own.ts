import { UserError } from '#core/errors.ts';
import type { Json } from '#core/tools.ts';
import { argumentsOf, type BodyPlace, type Place } from './arguments.ts';
import { humanise } from './names.ts';
import { encodedPath, problemOfPath, variablesOf } from './path.ts';
import { copySchema, isObject, SCHEMA_NODES } from './schema.ts';
import type { RawAction, StoredAction } from './settings.ts';

/** An action written by hand. `field` names it in errors: "actions.0". Throws `UserError`. */
export function readOwnAction(raw: RawAction, field: string, idempotency: 'header' | 'none' | undefined): StoredAction {
  const problem = problemOfPath(raw.path);
  if (problem !== null) throw invalid(`${field}.path`, problem);
  return {
    name: raw.name,
    origin: 'settings',
    title: humanise(raw.name),
    description: raw.description?.trim() ?? '',
    method: raw.method,
    path: encodedPath(raw.path),
    effect: effectOf(raw, field),
    idempotency: raw.idempotency ?? idempotency ?? 'none',
    ...placed(raw, field),
  };
}

/** Arguments named in the path go there, those named in `query` (all others of a GET, HEAD or DELETE) into the query, the rest into a JSON body. */
function placed(raw: RawAction, field: string): ReturnType<typeof argumentsOf> {
  const schema = inputOf(raw, field);
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  const required = new Set(Array.isArray(schema['required']) ? schema['required'] : []);
  const variables = variablesOf(raw.path);
  const queried = raw.query ?? [];
  const others = Object.keys(properties).filter((name) => !variables.includes(name) && !queried.includes(name));
  const isBodiless = raw.method === 'GET' || raw.method === 'HEAD' || raw.method === 'DELETE';
  const place = (name: string, where: Place['in']): Place => {
    const inner = properties[name];
    return {
      name,
      in: where,
      style: where === 'path' ? 'comma' : 'repeat',
      schema: isObject(inner) ? inner : { type: 'string' },
      isRequired: where === 'path' || required.has(name),
    };
  };
  const query = [...queried.filter((name) => !variables.includes(name)), ...(isBodiless ? others : [])];
  const body: BodyPlace = {
    contentType: 'application/json',
    isForm: false,
    isRequired: false,
    isOptional: false,
    schema: {
      type: 'object',
      properties: Object.fromEntries(others.map((name) => [name, properties[name] ?? {}])),
      required: others.filter((name) => required.has(name)),
    },
  };
  const places = [...variables.map((name) => place(name, 'path')), ...query.map((name) => place(name, 'query'))];
  return argumentsOf(places, isBodiless || others.length === 0 ? null : body);
}

function inputOf(raw: RawAction, field: string): ReturnType<typeof copySchema> {
  const follow = (): never => {
    throw invalid(`${field}.input`, 'must not use $ref: write the schema out');
  };
  const schema = copySchema(jsonOf(raw.input ?? {}, `${field}.input`), { follow, nodes: SCHEMA_NODES });
  const isFlat = schema['type'] === undefined || schema['type'] === 'object';
  if (isFlat && schema['anyOf'] === undefined && schema['allOf'] === undefined) return schema;
  throw invalid(`${field}.input`, 'must describe an object with properties, without anyOf, oneOf or allOf around it');
}

/** A reader repeats itself and never waits for approval, so only what can be one may be called one. */
function effectOf(raw: RawAction, field: string): StoredAction['effect'] {
  const usual =
    raw.method === 'GET' || raw.method === 'HEAD' ? 'read' : raw.method === 'DELETE' ? 'destructive' : 'write';
  if (raw.effect === 'read' && usual !== 'read' && raw.method !== 'POST') {
    throw invalid(`${field}.effect`, `a ${raw.method} changes something: say write or destructive`);
  }
  return raw.effect ?? usual;
}

function jsonOf(value: unknown, field: string): Json {
  const text = textOf(value);
  if (text === null || text.length > 100_000) throw invalid(field, 'is too long or nested too deep');
  return JSON.parse(text) as Json;
}

function textOf(value: unknown): string | null {
  try {
    return JSON.stringify(value);
  } catch {
    return null; // Deeper than the stack.
  }
}

const invalid = (field: string, problem: string): UserError =>
  new UserError(`${field}: ${problem}.`, { status: 422, field });
