import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Json, JsonObject, JsonSchema } from '#core/tools.ts';
import { type Control, controlsOf, findControl, type Leaf } from './fields.ts';
import { readControls, shownIn } from './read.ts';

const object = (properties: Record<string, JsonSchema>, required: string[] = []): JsonSchema => ({
  type: 'object',
  properties,
  required,
});
const leavesOf = (controls: readonly Control[]): Leaf[] =>
  controls.flatMap((one) => (one.kind === 'group' ? leavesOf(one.controls) : [one]));
const kindsOf = (schema: JsonSchema, args: JsonObject = {}) =>
  Object.fromEntries(leavesOf(controlsOf(schema, args)).map(({ name, kind }) => [name.slice(5), kind]));
/** What the form gives back when these fields are typed and the others are left as they are; browsers send CR LF. */
function readBack(schema: JsonSchema, args: JsonObject, typed: Record<string, string> = {}) {
  const controls = controlsOf(schema, args);
  const shown = new Map(leavesOf(controls).map((leaf) => [leaf.name, shownIn(leaf).replaceAll('\n', '\r\n')]));
  return readControls(controls, (name) => typed[name.slice(5)] ?? shown.get(name) ?? '');
}

test('every kind of argument has a control of its own; anything else is JSON', () => {
  const schema = object({
    text: { type: 'string' },
    amount: { type: 'number' },
    isOpen: { type: 'boolean' },
    currency: { enum: ['EUR', 'USD'] },
    only: { const: 5 },
    tags: { type: 'array', items: { type: 'string' } },
    to: object({ name: { type: 'string' }, 'a/b': { type: ['integer', 'null'] } }),
    maybe: { anyOf: [{ type: 'string' }, { type: 'null' }] },
    lines: { type: 'array', items: { type: 'object' } },
    map: { type: 'object', additionalProperties: { type: 'string' } },
    either: { anyOf: [{ type: 'string' }, { type: 'number' }] },
    any: {},
  });
  expect(kindsOf(schema)).toEqual({
    text: 'text',
    amount: 'number',
    isOpen: 'choice',
    currency: 'choice',
    only: 'choice',
    tags: 'list',
    'to/name': 'text',
    'to/a~1b': 'number',
    maybe: 'text',
    lines: 'json',
    map: 'json',
    either: 'json',
    any: 'json',
  });
});

test('what a plain control would change or hide is edited as JSON, its invisible characters as escapes', () => {
  const schema = object({ a: { type: 'string' }, list: { type: 'array', items: { type: 'string' } } });
  for (const a of ['x\u200by', 'a\rb', '\u202eevil', 'tab\there', 5, null])
    expect(kindsOf(schema, { a, list: ['b'] })).toMatchObject({ a: 'json', list: 'list' });
  expect(kindsOf(schema, { a: 'two\nlines', list: ['a\nb'] })).toEqual({ a: 'lines', list: 'json' });
  expect(kindsOf(schema, { a: 'back\\slash', list: [' a'] })).toEqual({ a: 'text', list: 'json' });
  const [control] = leavesOf(controlsOf(schema, { a: 'x\u200b\u{e0041}"\\' }));
  expect(control && shownIn(control)).toBe(String.raw`"x\u200b\udb40\udc41\"\\"`);
  // An object with more than its schema names.
  expect(kindsOf(object({ to: object({ name: { type: 'string' } }) }), { to: { name: 'a', more: 1 } })).toEqual({
    to: 'json',
  });
});

const json: fc.Arbitrary<Json> = fc.letrec<{ any: Json }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('', ' ', 'a\nb', '\n', '\r\n', 'x\u200b', '5', 'true', 'null', '\\', '\u202e'),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c/d', 'e~'), tie('any'), { maxKeys: 3 }),
  ),
})).any;
const anySchema: fc.Arbitrary<JsonSchema> = fc.letrec<{ any: JsonSchema }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<JsonSchema[]>(
      {},
      { type: 'string' },
      { type: 'number' },
      { type: 'integer' },
      { type: 'boolean' },
      { type: ['string', 'null'] },
      { anyOf: [{ type: 'number' }, { type: 'null' }] },
      { enum: ['', 'a', 5, null] },
      { type: 'array', items: { type: 'string' } },
      { type: ['array', 'null'], items: { type: 'number' } },
    ),
    fc
      .tuple(fc.dictionary(fc.constantFrom('a', 'b', 'c/d', 'e~'), tie('any'), { maxKeys: 3 }), fc.boolean())
      .map(([properties, isRequired]) => object(properties, isRequired ? Object.keys(properties) : [])),
  ),
})).any;

test('A4 whatever the schema and the arguments, a form that is sent back untouched changes nothing', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom('a', 'b', 'c/d', 'e~'), anySchema, { maxKeys: 4 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'c/d', 'e~'), json, { maxKeys: 4 }),
      (properties, args) => {
        const leaves = leavesOf(controlsOf(object(properties), args));
        // A schema that wants what is not there gets it, as null, or asks for it.
        fc.pre(!leaves.some(({ isNullable, isRequired, value }) => isNullable && isRequired && value === undefined));
        const { input, problems } = readBack(object(properties), args);
        const isAskedFor = [...(problems?.values() ?? [])].every((text) => /is missing|choose one/.test(text));
        expect(problems ? isAskedFor : input).toEqual(problems ? true : args);
      },
    ),
    {
      numRuns: 1_500,
      examples: [
        [{ a: { type: 'number' } }, { a: -9_007_199_254_740_992 }],
        [{ a: { type: 'array', items: { type: 'number' } } }, { a: [1e300, 9_007_199_254_740_992] }],
      ],
    },
  );
});

test('what is typed is read as its kind; empty optional fields are left out', () => {
  const schema = object(
    {
      amount: { type: 'number' },
      note: { type: 'string' },
      isOpen: { type: 'boolean' },
      tags: { type: 'array', items: { type: 'integer' } },
      to: object({ name: { type: 'string' } }, ['name']),
      vat: { type: ['string', 'null'] },
      data: {},
    },
    ['amount'],
  );
  const args = { amount: 1, note: 'x', isOpen: true, tags: [1], vat: null };
  expect(
    readBack(schema, args, {
      amount: ' 4.50 ',
      note: '',
      isOpen: 'false',
      tags: '1\r\n\r\n 22 ',
      'to/name': 'Bo',
      vat: 'DE1',
      data: '{"a":[1]}',
    }).input,
  ).toEqual({ amount: 4.5, isOpen: false, tags: [1, 22], to: { name: 'Bo' }, vat: 'DE1', data: { a: [1] } });
  expect(readBack(schema, args, { isOpen: '', tags: '' }).input).toEqual({ amount: 1, note: 'x', tags: [], vat: null });
});

test('what cannot be read is named by field, all at once', () => {
  const schema = object(
    {
      amount: { type: 'number' },
      big: { type: 'integer' },
      kind: { enum: ['a'] },
      flags: { type: 'array', items: { type: 'boolean' } },
      deep: {},
      bad: {},
    },
    ['amount', 'kind'],
  );
  const { problems } = readBack(
    schema,
    {},
    {
      amount: '12,5',
      big: '12345678901234567890',
      flags: 'yes',
      deep: '['.repeat(60_000) + ']'.repeat(60_000),
      bad: '{"a":',
    },
  );
  expect(Object.fromEntries(problems ?? [])).toEqual({
    'arg:/amount': 'must be a number, such as 12 or 4.50',
    'arg:/big': 'has too many digits to be sent exactly',
    'arg:/kind': 'choose one',
    'arg:/flags': 'each line must be true or false',
    'arg:/deep': 'is nested more than 30 levels deep',
    'arg:/bad': expect.stringContaining('is not valid JSON'),
  });
});

test('arguments that are no plain object are one field of JSON', () => {
  const controls = controlsOf({ type: 'object' }, { a: 1 });
  expect(controls).toMatchObject([{ kind: 'json', name: 'arg:' }]);
  expect(readControls(controls, () => '[1]').problems?.get('arg:')).toBe('must be a JSON object');
  expect(readControls(controls, () => '{"b":2}').input).toEqual({ b: 2 });
});

test('an error that names an argument is shown at it, or at the nearest around it', () => {
  const controls = controlsOf(object({ to: object({ name: { type: 'string' } }), lines: {} }), {});
  expect(findControl(controls, 'to.name')?.name).toBe('arg:/to/name');
  expect(findControl(controls, 'lines.0.net')?.name).toBe('arg:/lines');
  expect(findControl(controls, 'linesman')).toBeUndefined();
  expect(findControl(controls, 'input')).toBeUndefined();
});
