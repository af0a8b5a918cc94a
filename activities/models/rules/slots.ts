import type { Json, JsonObject, JsonSchema } from '#core/tools.ts';
import { splitName } from './words.ts';

type SlotKind =
  | 'text'
  | 'number'
  | 'integer'
  | 'boolean'
  | 'choice'
  | 'date'
  | 'date-time'
  | 'email'
  | 'url'
  | 'list'
  | 'json';

/** One value a tool takes, found anywhere in its input schema. */
export interface Slot {
  path: readonly string[];
  /** `customer.name`: unique within the tool, shown to people. */
  label: string;
  /** The words of its own name. */
  words: readonly string[];
  kind: SlotKind;
  options: readonly (string | number | boolean)[];
  isRequired: boolean;
  schema: JsonObject;
  /** What a list holds. */
  item: Slot | null;
}

const DEPTH = 3;

/** The slots of an input schema, required ones first; `const` properties are not slots. */
export function slotsOf(schema: JsonSchema): Slot[] {
  const slots = collect(schema, schema, [], true);
  return [...slots.filter((slot) => slot.isRequired), ...slots.filter((slot) => !slot.isRequired)];
}

function collect(root: JsonSchema, node: JsonObject, path: readonly string[], isRequired: boolean): Slot[] {
  const required = Array.isArray(node['required']) ? node['required'] : [];
  return properties(node).flatMap(([name, raw]) => {
    // Names JavaScript treats in its own way cannot be set safely.
    if (name === '__proto__' || !isObject(raw)) return [];
    const property = resolve(root, raw);
    const isNeeded = isRequired && required.includes(name);
    if ('const' in property) return [];
    const inner = [...path, name];
    if (properties(property).length > 0 && inner.length < DEPTH) return collect(root, property, inner, isNeeded);
    return [toSlot(root, property, inner, isNeeded)];
  });
}

function toSlot(root: JsonSchema, schema: JsonObject, path: readonly string[], isRequired: boolean): Slot {
  const name = path.at(-1) ?? '';
  const kind = kindOf(schema);
  const items = kind === 'list' && isObject(schema['items']) ? resolve(root, schema['items']) : null;
  return {
    path,
    label: path.join('.'),
    words: splitName(name),
    kind,
    options: Array.isArray(schema['enum']) ? schema['enum'].filter(isScalar) : [],
    isRequired,
    schema,
    item: items && toSlot(root, items, path, false),
  };
}

function kindOf(schema: JsonObject): SlotKind {
  if (Array.isArray(schema['enum'])) return 'choice';
  const type = Array.isArray(schema['type']) ? schema['type'].find((it) => it !== 'null') : schema['type'];
  if (type === 'number' || type === 'integer' || type === 'boolean') return type;
  if (type === 'array') return 'list';
  if (type !== 'string') return 'json';
  const { format } = schema;
  if (format === 'date' || format === 'date-time' || format === 'email') return format;
  return format === 'uri' || format === 'url' ? 'url' : 'text';
}

/** Follows a local `$ref` and takes the only non-null branch of anyOf / oneOf / allOf. */
function resolve(root: JsonSchema, schema: JsonObject, depth = 0): JsonObject {
  if (depth > 8) return schema;
  if (typeof schema['$ref'] === 'string' && schema['$ref'].startsWith('#/')) {
    let found: Json | undefined = root;
    for (const key of schema['$ref'].slice(2).split('/'))
      found = isObject(found) && Object.hasOwn(found, key) ? found[key] : undefined;
    return isObject(found) ? resolve(root, found, depth + 1) : schema;
  }
  const branches = schema['anyOf'] ?? schema['oneOf'] ?? schema['allOf'];
  if (!Array.isArray(branches)) return schema;
  const real = branches.filter(isObject).filter((branch) => branch['type'] !== 'null');
  return real.length === 1 && real[0] ? resolve(root, real[0], depth + 1) : schema;
}

const properties = (node: JsonObject): [string, Json][] =>
  isObject(node['properties']) ? Object.entries(node['properties']) : [];

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isScalar = (value: Json): value is string | number | boolean => value !== null && typeof value !== 'object';

export type Values = ReadonlyMap<string, Json>;

/** The tool's input from values by label, nested as the schema is; `const` properties that are required are filled in, for they are no choice. */
export function buildInput(schema: JsonSchema, slots: readonly Slot[], values: Values): JsonObject {
  const input: JsonObject = {};
  for (const [path, value] of constants(schema, schema, [])) put(input, path, value);
  for (const slot of slots) {
    const value = values.get(slot.label);
    if (value !== undefined) put(input, slot.path, value);
  }
  return input;
}

function constants(root: JsonSchema, node: JsonObject, path: readonly string[]): [readonly string[], Json][] {
  const required = Array.isArray(node['required']) ? node['required'] : [];
  return properties(node).flatMap(([name, raw]): [readonly string[], Json][] => {
    if (name === '__proto__' || !isObject(raw) || !required.includes(name) || path.length >= DEPTH) return [];
    const property = resolve(root, raw);
    if (property['const'] !== undefined) return [[[...path, name], property['const']]];
    return constants(root, property, [...path, name]);
  });
}

function put(target: JsonObject, path: readonly string[], value: Json): void {
  const [name = '', ...rest] = path;
  if (rest.length === 0) {
    target[name] = value;
    return;
  }
  const next = target[name];
  const inner: JsonObject = isObject(next) ? next : {};
  target[name] = inner;
  put(inner, rest, value);
}

/** "text", "number", "one of draft, sent": how a person is asked for it. */
export function kindInWords(slot: Slot): string {
  if (slot.kind === 'choice') return `one of ${slot.options.slice(0, 8).map(String).join(', ')}`;
  if (slot.kind === 'integer') return 'whole number';
  if (slot.kind === 'boolean') return 'yes or no';
  if (slot.kind === 'email') return 'e-mail address';
  if (slot.kind === 'url') return 'web address';
  if (slot.kind === 'date-time') return 'date and time';
  if (slot.kind === 'list') return 'list, separated by commas';
  return slot.kind === 'json' ? 'JSON' : slot.kind;
}
