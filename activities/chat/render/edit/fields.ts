import type { Json, JsonObject, JsonSchema } from '#core/tools.ts';
import { escapeInvisible } from '#core/text.ts';

// A form for arguments, from their JSON schema and what they are now. What a plain control could not give back exactly is edited as JSON.

interface Place {
  /** Where in the arguments. */
  path: string[];
  /** The form field's name: `arg:` and the path as a JSON pointer. */
  name: string;
  label: string;
  hint: string;
  isRequired: boolean;
}
export interface Leaf extends Place {
  kind: 'text' | 'lines' | 'number' | 'choice' | 'list' | 'json';
  isNullable: boolean;
  /** What it is now; undefined: it is left out. */
  value: Json | undefined;
  /** Of a choice. */
  choices: Json[];
  /** Of a list: what each line is. Of a number: integer or number. */
  type: string;
}
export interface Group extends Place {
  kind: 'group';
  controls: Control[];
  isPresent: boolean;
}
export type Control = Leaf | Group;

const DEPTH = 4;
const LONG = 80;
const SCALARS = ['string', 'number', 'integer', 'boolean'];

/** The controls of all the arguments; `body` of a call that is no plain object is one control of JSON. */
export function controlsOf(schema: JsonSchema, args: JsonObject): Control[] {
  const whole = controlOf(schema, args, { path: [], label: 'Arguments', isRequired: true });
  return whole.kind === 'group' ? whole.controls : [whole];
}

/** The control of the argument that an error names, `customer.email`, or of the nearest one around it. */
export function findControl(controls: readonly Control[], field: string): Leaf | undefined {
  const leaves = (all: readonly Control[]): Leaf[] =>
    all.flatMap((one) => (one.kind === 'group' ? leaves(one.controls) : [one]));
  return leaves(controls)
    .filter(({ path }) => path.length > 0 && `${field}.`.startsWith(`${path.join('.')}.`))
    .sort((a, b) => b.path.length - a.path.length)[0];
}

function controlOf(
  given: JsonSchema,
  value: Json | undefined,
  at: { path: string[]; label: string; isRequired: boolean },
): Control {
  const { schema, isNullable } = withoutNull(given);
  const place = { ...at, name: `arg:${at.path.map((part) => `/${pointerPart(part)}`).join('')}` };
  const leaf = (kind: Leaf['kind'], more: { choices?: Json[]; type?: string } = {}): Leaf => ({
    ...place,
    kind,
    isNullable,
    value,
    choices: more.choices ?? [],
    type: more.type ?? '',
    hint: hintOf(schema, kind, more.type),
  });
  const isOpen = value === undefined || (value === null && isNullable);
  const choices = choicesOf(schema);
  if (choices && (isOpen || choices.some((one) => one === value))) return leaf('choice', { choices });
  const type = typeOf(schema);
  if ((type === 'number' || type === 'integer') && (isOpen || typeof value === 'number'))
    return leaf('number', { type });
  if (type === 'string' && isOpen) return leaf('text');
  if (type === 'string' && typeof value === 'string' && isTypable(value))
    return leaf(value.includes('\n') || value.length > LONG ? 'lines' : 'text');
  const itemType = isObject(schema['items']) ? typeOf(schema['items']) : '';
  if (type === 'array' && SCALARS.includes(itemType) && (isOpen || isListable(value, itemType)))
    return leaf('list', { type: itemType });
  const properties = plainProperties(schema);
  if (!properties || at.path.length >= DEPTH || isNullable || !fitsPlain(properties, value)) return leaf('json');
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const object = isObject(value) ? value : {};
  return {
    ...place,
    kind: 'group',
    hint: hintOf(schema, 'group'),
    isPresent: value !== undefined,
    // Stored schemas keep no order of their own.
    controls: requiredFirst(Object.entries(properties), required).map(([name, inner]) =>
      controlOf(inner, Object.hasOwn(object, name) ? object[name] : undefined, {
        path: [...at.path, name],
        label: name,
        isRequired: required.includes(name),
      }),
    ),
  };
}

const requiredFirst = <T>(entries: [string, T][], required: readonly Json[]): [string, T][] =>
  entries.toSorted(([a], [b]) => Number(required.includes(b)) - Number(required.includes(a)));

/** "a string or null" in either of its spellings → the string. */
function withoutNull(schema: JsonSchema): { schema: JsonSchema; isNullable: boolean } {
  const types = schema['type'];
  if (Array.isArray(types) && types.includes('null') && types.length === 2)
    return { schema: { ...schema, type: types.find((one) => one !== 'null') ?? 'null' }, isNullable: true };
  const { anyOf, ...rest } = schema;
  if (!Array.isArray(anyOf) || anyOf.length !== 2) return { schema, isNullable: false };
  const other = anyOf.filter(isObject).find((one) => one['type'] !== 'null');
  const hasNull = anyOf.filter(isObject).some((one) => one['type'] === 'null');
  return other && hasNull ? { schema: { ...rest, ...other }, isNullable: true } : { schema, isNullable: false };
}

function choicesOf(schema: JsonSchema): Json[] | null {
  if (schema['const'] !== undefined && isScalar(schema['const'])) return [schema['const']];
  if (Array.isArray(schema['enum']) && schema['enum'].every(isScalar))
    return schema['enum'].filter((one) => one !== null);
  return schema['type'] === 'boolean' ? [true, false] : null;
}

/** A browser gives it back as it was, and who edits sees all of it. */
const isTypable = (text: string): boolean =>
  escapeInvisible(text.replaceAll('\n', '')) === text.replaceAll('\n', '').replaceAll('\\', '\\\\');

const isListable = (value: Json | undefined, type: string): boolean =>
  Array.isArray(value) &&
  value.every((item) =>
    typeof item === 'string'
      ? type === 'string' && item.trim() === item && item !== '' && !item.includes('\n') && isTypable(item)
      : typeof item === (type === 'integer' ? 'number' : type),
  );

/** The properties of an object that is nothing but its properties. */
function plainProperties(schema: JsonSchema): Record<string, JsonSchema> | null {
  const isMore = ['anyOf', 'oneOf', 'allOf', '$ref', 'patternProperties', 'not', 'if'].some((word) => schema[word]);
  const properties = schema['properties'];
  if (schema['type'] !== 'object' || isMore || !isObject(properties) || isObject(schema['additionalProperties']))
    return null;
  const entries = Object.entries(properties);
  return Object.fromEntries(entries.map(([name, inner]) => [name, isObject(inner) ? inner : {}]));
}

const fitsPlain = (properties: object, value: Json | undefined): boolean =>
  value === undefined || (isObject(value) && Object.keys(value).every((name) => Object.hasOwn(properties, name)));

const KIND_HINTS: Record<Control['kind'], string> = {
  text: '',
  lines: '',
  number: 'A number',
  choice: '',
  list: 'One per line',
  json: 'JSON',
  group: '',
};
const TEXT_AS_JSON = 'Text in JSON quotes, so that hidden characters show';
const LIMITS: [string, (limit: string) => string][] = [
  ['minimum', (n) => `at least ${n}`],
  ['maximum', (n) => `at most ${n}`],
  ['minLength', (n) => `at least ${n} characters`],
  ['maxLength', (n) => `at most ${n} characters`],
  ['pattern', (text) => `as ${text}`],
  ['format', (text) => text],
];

function hintOf(schema: JsonSchema, kind: Control['kind'], type = ''): string {
  const said = schema['description'] ?? schema['title'];
  const limits = LIMITS.flatMap(([word, words]) => {
    const limit = schema[word];
    return typeof limit === 'string' || typeof limit === 'number' ? [words(String(limit).slice(0, 100))] : [];
  });
  const isText = kind === 'json' && schema['type'] === 'string';
  const shape = type === 'integer' && kind === 'number' ? 'A whole number' : isText ? TEXT_AS_JSON : KIND_HINTS[kind];
  return [
    typeof said === 'string' ? escapeInvisible(said).slice(0, 300) : '',
    [shape, ...limits].filter(Boolean).join(', '),
  ]
    .filter(Boolean)
    .join(' · ');
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const typeOf = ({ type }: JsonSchema): string => (typeof type === 'string' ? type : '');
const isScalar = (value: Json): boolean => value === null || typeof value !== 'object';
const pointerPart = (part: string): string => part.replaceAll('~', '~0').replaceAll('/', '~1');
