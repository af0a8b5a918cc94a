import * as fc from 'fast-check';
import type { InputBlock, KnownBlock } from '@slack/types';
import { expect, test } from 'vitest';
import type { Json, JsonObject, JsonSchema } from '#core/tools.ts';
import { complaintsOfView } from '#activities/chat/render/slack/limits.fixture.ts';
import { plainFrom } from '#activities/chat/render/slack/plain.ts';
import type { FieldValues } from '#activities/chat/render/slack/types.ts';
import { editBlockOf, type EditForm, editModal, readEdit } from './edit.ts';
import { readReason } from './frame.ts';

const object = (properties: Record<string, JsonSchema>, required: string[] = []): JsonSchema => ({
  type: 'object',
  properties,
  required,
});
const modalOf = (form: EditForm) => {
  const view = editModal({ ...form, summary: 'Create invoice', editUrl: 'https://abet.example/e', meta: { id: 'x' } });
  expect(complaintsOfView(view)).toEqual([]);
  return view;
};
const inputs = (form: EditForm): InputBlock[] =>
  modalOf(form).blocks.filter((block): block is InputBlock => block.type === 'input');

/** What Slack sends when these fields, by label, are changed and the others are left as they were; it trims. */
function submitted(form: EditForm, typed: Record<string, string | null> = {}): FieldValues {
  return Object.fromEntries(
    inputs(form).map(({ block_id: id = '', label, element }) => {
      const given = typed[label.text];
      if (element.type === 'static_select') {
        const chosen =
          given === undefined ? element.initial_option : element.options?.find(({ text }) => text.text === given);
        return [id, { value: { selected_option: chosen ? { value: chosen.value } : null } }];
      }
      const initial =
        'initial_value' in element && typeof element.initial_value === 'string' ? element.initial_value : null;
      return [id, { value: { value: given === undefined ? (initial?.trim() ?? null) : given } }];
    }),
  );
}
const readBack = (form: EditForm, typed?: Record<string, string | null>) => readEdit(submitted(form, typed), form);

const schema = object(
  {
    amount: { type: 'number' },
    big: { type: 'integer' },
    note: { type: 'string', description: 'Printed on it' },
    isOpen: { type: 'boolean' },
    currency: { enum: ['EUR', 'USD', ''] },
    to: object({ name: { type: 'string' } }, ['name']),
    lines: { type: 'array', items: { type: 'object' } },
  },
  ['amount', 'currency'],
);
const args = { amount: 4200.5, big: 7, note: 'two\nlines', currency: 'EUR', lines: [{ net: 1 }] };

test('A4 every kind of argument has the field that fits it, labelled with where it is', () => {
  expect(
    inputs({ schema, args }).map(({ label, element, optional }) => [label.text, element.type, optional ?? false]),
  ).toEqual([
    ['amount', 'number_input', false],
    ['currency', 'static_select', false],
    ['big', 'number_input', true],
    ['note', 'plain_text_input', true],
    ['isOpen', 'static_select', true],
    ['to.name', 'plain_text_input', false],
    ['lines', 'plain_text_input', true],
    ['Why', 'plain_text_input', true],
  ]);
});

test('A4 what is typed is read as its kind, and what is left alone stays', () => {
  expect(readBack({ schema, args }, { 'to.name': null })).toEqual({ input: args });
  expect(
    readBack(
      { schema, args },
      { amount: '12.25', currency: 'USD', isOpen: 'false', 'to.name': 'Bo', note: 'x', lines: '[]', big: null },
    ),
  ).toEqual({ input: { amount: 12.25, currency: 'USD', isOpen: false, to: { name: 'Bo' }, note: 'x', lines: [] } });
});

test('what cannot be read is said at its field', () => {
  const read = readBack({ schema, args }, { amount: 'twelve', lines: '{"a":', 'to.name': null });
  const blockOf = (label: string): string =>
    inputs({ schema, args }).find((one) => one.label.text === label)?.block_id ?? '';
  expect(read).toEqual({
    errors: {
      [blockOf('amount')]: 'This must be a number, such as 12 or 4.50.',
      [blockOf('lines')]: expect.stringContaining('This is not valid JSON'),
    },
  });
  expect(editBlockOf({ schema, args }, 'to.name')).toBe(blockOf('to.name'));
  expect(editBlockOf({ schema, args }, 'lines.0.net')).toBe(blockOf('lines'));
  expect(editBlockOf({ schema, args }, undefined)).toBe('field:0');
});

test('what is wrong with a request that has no arguments is said at a field that is there', () => {
  const form = { schema: object({}), args: {} };
  const there = inputs(form).map(({ block_id }) => block_id);
  expect(there).toContain(editBlockOf(form, undefined));
});

test('A4 numbers that a field would change stay what they are', () => {
  for (const value of [9_007_199_254_740_991, 1e300, -0.000_001, 1e21, 0.1 + 0.2]) {
    const form = { schema: object({ n: { type: 'number' } }), args: { n: value } };
    expect(readBack(form)).toEqual({ input: form.args });
  }
});

test('A4 text with blanks at its end is edited in quotes, since Slack trims', () => {
  const form = { schema: object({ s: { type: 'string' } }), args: { s: ' padded \n' } };
  expect(readBack(form)).toEqual({ input: form.args });
});

test('a choice of very many, or of very long ones, is typed', () => {
  const many = { schema: object({ c: { enum: Array.from({ length: 150 }, (_, at) => `c${at}`) } }), args: { c: 'c3' } };
  expect(inputs(many)[0]?.element.type).toBe('plain_text_input');
  expect(readBack(many)).toEqual({ input: { c: 'c3' } });
  expect(readBack(many, { c: 'c149' })).toEqual({ input: { c: 'c149' } });
  expect(readBack(many, { c: 'nope' })).toEqual({ errors: { 'field:0': 'Please choose one of the list.' } });
});

test('too many fields are one field of JSON, and too much JSON is left to the panel', () => {
  const keys = Array.from({ length: 25 }, (_, at) => `k${at}`);
  const wide = {
    schema: object(Object.fromEntries(keys.map((key) => [key, { type: 'string' }]))),
    args: { k1: 'a\u200bb' },
  };
  expect(inputs(wide).map(({ label }) => label.text)).toEqual(['Arguments', 'Why']);
  expect(readBack(wide)).toEqual({ input: wide.args });
  expect(readBack(wide, { Arguments: '[1]' })).toEqual({ errors: { 'field:0': 'This must be a JSON object.' } });
  const long = { schema: object({ s: { type: 'string' } }), args: { s: 'x'.repeat(4_000) } };
  const view = modalOf(long);
  expect(view.submit).toBeUndefined();
  expect(plainFrom(view.blocks as KnownBlock[])).toContain('too long to be edited in Slack');
  expect(JSON.stringify(view.blocks)).toContain('https://abet.example/e');
});

test('a reason is trimmed', () => {
  expect(readReason({ reason: { value: { value: '  because ' } } })).toBe('because');
  expect(readReason({})).toBe('');
});

const json: fc.Arbitrary<Json> = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('', ' ', 'a\n', '\u200b', '5', 'none', 'choice:0', '\u202e'),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.string(), { maxLength: 3 }),
);
const someSchema = fc.constantFrom<JsonSchema[]>(
  {},
  { type: 'string' },
  { type: 'number' },
  { type: 'integer' },
  { type: 'boolean' },
  { type: ['string', 'null'] },
  { enum: ['', 'a', 5, null, 'none', 'choice:0'] },
  { type: 'array', items: { type: 'string' } },
);

test('A4 whatever the schema and the arguments, a modal that is sent back untouched changes nothing', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom('a', 'b/c', 'd~'), someSchema),
      fc.dictionary(fc.constantFrom('a', 'b/c', 'd~'), json),
      (properties, given: JsonObject) => {
        const form = { schema: object(properties), args: given };
        const isEditable = modalOf(form).submit !== undefined;
        expect(isEditable ? readBack(form) : { input: given }).toEqual({ input: given });
      },
    ),
    { numRuns: 1_000, seed: 3 },
  );
});
