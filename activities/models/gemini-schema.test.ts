import { expect, test } from 'vitest';
import { toGeminiSchema } from './gemini-schema.ts';

test('what Gemini knows stays as it is', () => {
  const schema = {
    type: 'object',
    properties: {
      when: { type: 'string', format: 'date-time', description: 'When.' },
      kind: { type: ['string', 'null'], enum: ['a', 'b'] },
      rows: { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'number', minimum: 0 }] }, maxItems: 9 },
    },
    required: ['when'],
    additionalProperties: false,
  };
  expect(toGeminiSchema(schema)).toEqual(schema);
});

test('what it would refuse is told in words, or left out', () => {
  expect(
    toGeminiSchema({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: 'x',
      properties: {
        number: { type: 'string', pattern: '^INV-', minLength: 5, description: 'The number.' },
        tags: { type: 'array' },
        fixed: { const: 'eur' },
        isNew: { type: 'boolean', enum: [true, false] },
        maybe: { enum: ['a', null] },
      },
      required: ['number', 'vanished'],
      if: { properties: {} },
      'x-own': 1,
    }),
  ).toEqual({
    type: 'object',
    properties: {
      number: { type: 'string', description: 'The number. (pattern: "^INV-", minLength: 5)' },
      tags: { type: 'array', items: {} },
      fixed: { enum: ['eur'] },
      isNew: { type: 'boolean' },
      maybe: { enum: ['a'] },
    },
    required: ['number'],
  });
});

test('references are written out, and allOf is one schema', () => {
  const money = { type: 'object', properties: { amount: { type: 'number' } }, required: ['amount'] };
  expect(
    toGeminiSchema({
      type: 'object',
      properties: {
        total: { $ref: '#/$defs/Money', description: 'In all.' },
        other: { allOf: [{ $ref: '#/$defs/Money' }, { properties: { note: { type: 'string' } }, required: ['note'] }] },
        gone: { $ref: 'https://example.com/else' },
      },
      $defs: { Money: money },
    }),
  ).toEqual({
    type: 'object',
    properties: {
      total: { ...money, description: 'In all.' },
      other: {
        type: 'object',
        properties: { amount: { type: 'number' }, note: { type: 'string' } },
        required: ['amount', 'note'],
      },
      gone: {},
    },
  });
});

test('a schema that contains itself ends, and one without properties is an object', () => {
  const tree = { type: 'object', properties: { child: { $ref: '#' } } };
  expect(JSON.stringify(toGeminiSchema(tree)).length).toBeLessThan(2_000);
  expect(toGeminiSchema({ $ref: '#' })).toEqual({ type: 'object', properties: {} });
  expect(toGeminiSchema({})).toEqual({ type: 'object', properties: {} });
});

test('a list of no values, which Gemini refuses with the whole request, is left out', () => {
  const schema = { type: 'object', properties: { a: { anyOf: [{ enum: [] }, { type: 'string' }] } } };
  expect(toGeminiSchema(schema)['properties']).toEqual({ a: { anyOf: [{}, { type: 'string' }] } });
});
