import { UserError } from '#core/errors.ts';
import { cut } from '#core/text.ts';
import type { Json, JsonObject } from '#core/tools.ts';
import { argumentsOf, type BodyPlace, type Place } from './arguments.ts';
import { isHeaderName, isReservedHeader } from './credential.ts';
import type { ApiDocument } from './document.ts';
import { ACTION_NAME_LENGTH, cleanName, humanise, uniqueName } from './names.ts';
import { encodedPath, problemOfPath, variablesOf } from './path.ts';
import { copySchema, followed, isObject, listOf, SCHEMA_NODES, type SchemaBudget } from './schema.ts';
import { METHODS, type Method, type Param, type StoredAction } from './settings.ts';

/** One `paths./x.get` of a document, named but not yet read. */
export interface Operation {
  name: string;
  method: Method;
  path: string;
  operation: JsonObject;
  /** Parameters of the whole path. */
  shared: Json[];
}

/** Every operation with a name of its own, in the document's order. `taken`: names already in use. */
export function operationsOf({ root, follow }: ApiDocument, taken: Set<string>): Operation[] {
  const paths = isObject(root['paths']) ? Object.entries(root['paths']) : [];
  return paths.flatMap(([path, value]) => {
    const item = isObject(value) ? followed(value, follow, [])?.schema : undefined;
    if (item === undefined || !path.startsWith('/')) return [];
    return METHODS.flatMap((method): Operation[] => {
      const operation = item[method.toLowerCase()];
      if (!isObject(operation)) return [];
      const given = typeof operation['operationId'] === 'string' ? cleanName(operation['operationId']) : '';
      const name = given || cleanName(`${method.toLowerCase()}_${path}`) || 'operation';
      const unique = uniqueName(name, taken, ACTION_NAME_LENGTH);
      return [{ name: unique, method, path, operation, shared: listOf(item['parameters']) }];
    });
  });
}

/** The operation as it is stored. `idempotency` overrides what it declares (RULES E7). Throws `UserError` when it cannot be called as it is written. */
export function readOperation(
  { name, method, path, operation, shared }: Operation,
  { root, follow }: ApiDocument,
  idempotency: 'header' | 'none' | undefined,
): StoredAction {
  const problem = problemOfPath(path);
  if (problem !== null) throw unusable(`its path ${problem}`);
  const budget: SchemaBudget = { follow, nodes: SCHEMA_NODES };
  const parameters = parametersOf([...shared, ...listOf(operation['parameters'])], budget);
  const credentials = apiKeyNames(root, budget);
  const places = parameters.flatMap((parameter) => placeOf(parameter, budget, credentials));
  const missing = variablesOf(path).filter(
    (name) => !places.some((place) => place.in === 'path' && place.name === name),
  );
  const paths = missing.map((name): Place => ({
    name,
    in: 'path',
    style: 'comma',
    schema: { type: 'string' },
    isRequired: true,
  }));
  const known = new Set(variablesOf(path));
  const used = [...paths, ...places].filter((place) => place.in !== 'path' || known.has(place.name));
  const honoursKey = parameters.some((it) => it['in'] === 'header' && lower(it['name']) === 'idempotency-key');
  return {
    name,
    origin: 'document',
    title: humanise(name),
    description: describe(operation),
    method,
    path: encodedPath(path),
    effect: method === 'GET' || method === 'HEAD' ? 'read' : method === 'DELETE' ? 'destructive' : 'write',
    idempotency: idempotency ?? (honoursKey ? 'header' : 'none'),
    ...argumentsOf(used, bodyOf(method, operation, budget)),
  };
}

/** The operation's own parameters win over the path's of the same place and name. */
function parametersOf(list: readonly Json[], { follow }: SchemaBudget): JsonObject[] {
  const found = new Map<string, JsonObject>();
  for (const value of list) {
    const parameter = isObject(value) ? followed(value, follow, [])?.schema : undefined;
    if (parameter === undefined || typeof parameter['name'] !== 'string' || typeof parameter['in'] !== 'string')
      continue;
    found.set(`${parameter['in']} ${parameter['name']}`, parameter);
  }
  return [...found.values()];
}

/** Names under which the document's API keys travel: they are the credential's, not arguments. */
function apiKeyNames(root: JsonObject, { follow }: SchemaBudget): Set<string> {
  const components = isObject(root['components']) ? root['components'] : {};
  const schemes = isObject(components['securitySchemes']) ? Object.values(components['securitySchemes']) : [];
  const names = schemes.flatMap((value) => {
    const scheme = isObject(value) ? followed(value, follow, [])?.schema : undefined;
    return scheme?.['type'] === 'apiKey' ? [`${lower(scheme['in'])} ${lower(scheme['name'])}`] : [];
  });
  return new Set(names);
}

function placeOf(parameter: JsonObject, budget: SchemaBudget, credentials: ReadonlySet<string>): Place[] {
  const { name, in: place } = parameter;
  if (place !== 'path' && place !== 'query' && place !== 'header') return [];
  if (
    typeof name !== 'string' ||
    name === '' ||
    name === '__proto__' ||
    credentials.has(`${place} ${name.toLowerCase()}`)
  )
    return [];
  if (
    place === 'header' &&
    (!isHeaderName(name) || isReservedHeader(name) || /^(authorization|cookie|accept)$/i.test(name))
  ) {
    return [];
  }
  const content = isObject(parameter['content']) ? Object.values(parameter['content'])[0] : undefined;
  const described = isObject(content) ? content['schema'] : parameter['schema'];
  const schema = copySchema(described, budget);
  if (Object.keys(schema).length === 0) schema['type'] = 'string';
  const { description } = parameter;
  if (typeof description === 'string' && description !== '') schema['description'] = cut(description, 500);
  const isRequired = place === 'path' || parameter['required'] === true;
  return [{ name, in: place, style: isObject(content) ? 'json' : styleOf(parameter, place), schema, isRequired }];
}

function styleOf(parameter: JsonObject, place: Param['in']): Param['style'] {
  if (place !== 'query') return 'comma';
  if (parameter['style'] === 'deepObject') return 'deep';
  if (parameter['style'] === 'spaceDelimited') return 'space';
  if (parameter['style'] === 'pipeDelimited') return 'pipe';
  return parameter['explode'] === false ? 'comma' : 'repeat';
}

function bodyOf(method: Method, operation: JsonObject, budget: SchemaBudget): BodyPlace | null {
  const value = operation['requestBody'];
  if (method === 'GET' || method === 'HEAD' || !isObject(value)) return null;
  const body = followed(value, budget.follow, [])?.schema;
  const content = isObject(body?.['content']) ? Object.entries(body['content']) : [];
  if (body === undefined || content.length === 0) return null;
  const [type, media] = content.find(([type]) => isJson(type)) ?? content.find(([type]) => isForm(type)) ?? [];
  if (type === undefined)
    throw unusable(
      `its body is ${cut(content.map(([type]) => type).join(', '), 100)}, and only JSON and form bodies can be sent`,
    );
  return {
    contentType: /^[\w.+-]+\/[\w.+-]+$/.test(type) ? type : 'application/json',
    isForm: isForm(type),
    isRequired: body['required'] === true,
    isOptional: body['required'] === false,
    schema: copySchema(isObject(media) ? media['schema'] : undefined, budget),
  };
}

const isJson = (type: string): boolean => /^(application\/json|\*\/\*|[\w.-]+\/[\w.+-]+\+json)\s*(;|$)/i.test(type);
const isForm = (type: string): boolean => /^application\/x-www-form-urlencoded\s*(;|$)/i.test(type);

function describe(operation: JsonObject): string {
  const parts = [operation['summary'], operation['description']].flatMap((part) =>
    typeof part === 'string' && part.trim() !== '' ? [part.trim()] : [],
  );
  return cut([...new Set(parts)].join('\n'), 2_000);
}

const lower = (value: Json | undefined): string => (typeof value === 'string' ? value.toLowerCase() : '');
const unusable = (problem: string): UserError => new UserError(`${problem}.`, { status: 422, field: 'openapi' });
