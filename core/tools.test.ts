import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sha256 } from './hash.ts';
import { zPayload, type Payload } from './tools.ts';

const payload: Payload = {
  v: 1,
  tool: 'erp_createInvoice',
  connection: { id: 'c-1', name: 'ERP', settingsVersion: 3 },
  request: { method: 'POST', url: 'https://erp.example.com/invoices', headers: {}, body: '{"number":"INV-77"}' },
  arguments: { number: 'INV-77', amount: 4200, lines: [{ text: 'Grüße' }, null, true] },
  attachments: [],
  schemaSha256: 'a'.repeat(64),
  policyVersion: 1,
};
const canonical = (value: unknown): string => canonicalize(value) ?? '';

test('A1 a payload reads back from its canonical text byte for byte', () => {
  const text = canonical(payload);
  expect(canonical(zPayload.parse(JSON.parse(text)))).toBe(text);
});

test('A1 arguments of any shape survive the canonical text', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (input) => {
      // A field of that name is refused before it comes to this (activities/turn/propose.ts): no object keeps it safely.
      fc.pre(!JSON.stringify(input).includes('__proto__'));
      const text = canonical({ ...payload, arguments: { input: JSON.parse(JSON.stringify(input)) } });
      expect(canonical(zPayload.parse(JSON.parse(text)))).toBe(text);
    }),
  );
});

test('A1 the order of the keys does not change the hash; any value does', () => {
  const turned = Object.fromEntries(Object.entries(payload).toReversed());
  expect(sha256(canonical(turned))).toBe(sha256(canonical(payload)));
  expect(sha256(canonical({ ...payload, policyVersion: 2 }))).not.toBe(sha256(canonical(payload)));
});

test.each([
  ['another version', { v: 2 }],
  ['no tool', { tool: undefined }],
  ['a fractional policy version', { policyVersion: 1.5 }],
  ['a request without a method', { request: { url: 'x', headers: {}, body: null } }],
  ['arguments that are a list', { arguments: [] }],
])('A1 a payload with %s is refused', (_, change) => {
  expect(zPayload.safeParse({ ...payload, ...change }).success).toBe(false);
});
