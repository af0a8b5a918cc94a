import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { rest } from '#activities/integrations/rest.ts';
import { UserError } from '#core/errors.ts';
import type { PreparedRequest } from '#core/tools.ts';
import { ERP_30 } from './documents.fixture.ts';
import { prepareRequest } from './prepare.ts';
import { zStoredSettings } from './settings.ts';

const baseUrl = 'https://erp.example:8443/api/v1';
const settings = await rest.compile({
  baseUrl,
  openapi: ERP_30,
  actions: [
    { name: 'two', method: 'GET', path: '/x/{a}{b}/y/{c}', query: ['q'] },
    { name: 'last', method: 'GET', path: '/{c}' },
  ],
});
const named = (name: string) =>
  rest.actions(settings, { name: 'ERP', isTrusted: false }).find((it) => it.name === name)!;

/** Null when it was refused with a sentence; any other error fails the test. */
function attempt(make: () => PreparedRequest | null): PreparedRequest | null {
  try {
    return make();
  } catch (error) {
    if (error instanceof UserError && error.status === 422) return null;
    throw error;
  }
}

test('VI.61 no argument makes the address leave the base address', () => {
  const pieces = fc.constantFrom(
    '..',
    '.',
    '%2e',
    '%2E%2e',
    '/',
    '\\',
    '%2f',
    '%252e',
    '@evil.example',
    '//evil.example',
    '?',
    '#',
    ':',
    ';',
    ' ',
    '\t',
    '\n',
    'é',
    '😀',
    '\u202e',
    'a',
  );
  const value = fc.oneof(
    fc.array(pieces, { maxLength: 6 }).map((parts) => parts.join('')),
    fc.string({ unit: 'grapheme', maxLength: 20 }),
  );
  fc.assert(
    fc.property(value, value, value, value, (a, b, c, q) => {
      for (const [name, input] of [
        ['two', { a, b, c, q }],
        ['last', { c }],
      ] as const) {
        const action = named(name);
        const made = attempt(() => action.prepare(action.parse(input)));
        if (made === null) continue;
        const url = new URL(made.url);
        expect(url.origin).toBe('https://erp.example:8443');
        expect(url.pathname.startsWith('/api/v1/')).toBe(true);
        expect(url.pathname.split('/')).toHaveLength(name === 'two' ? 7 : 4);
        expect(url.href).toBe(made.url);
        expect(url.searchParams.get('q')).toBe(name === 'two' ? q : null);
      }
    }),
    { numRuns: 500 },
  );
});

test.for(['..', '.', '%2e%2e', '%2E.', '%252e%252e', 'a/../b', '..\\b', '..%2fb', ''])(
  'the path value %j is refused',
  (id) => {
    expect(() => named('getInvoice').prepare(named('getInvoice').parse({ id }))).toThrow(/^id: must not/);
  },
);

test('two values cannot make a step of dots between them', () => {
  expect(() => named('two').prepare({ a: '%2', b: 'e', c: 'x' })).toThrow('must not hold');
  expect(() => named('two').prepare({ a: '%2', b: 'f', c: 'x' })).not.toThrow();
});

test('a slash stays inside its step', () => {
  expect(named('getInvoice').prepare({ id: 'a/b?c#d' })?.url).toBe(`${baseUrl}/invoices/a%2Fb%3Fc%23d`);
});

test('query, headers and bodies are written as the document says', () => {
  expect(named('listInvoices').prepare({ filter_status: 'open', ids: [1, 2], 'X-Company': 'acme' })).toEqual({
    method: 'GET',
    url: `${baseUrl}/invoices?filter%5Bstatus%5D=open&ids=1%2C2`,
    headers: { Accept: expect.any(String), 'X-Company': 'acme' },
    body: null,
  });
  expect(named('createToken').prepare({ scope: 'a&b', meta: { k: ['1', '2'] } })).toMatchObject({
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: 'scope=a%26b&meta%5Bk%5D=1&meta%5Bk%5D=2',
  });
  expect(named('post_invoices_id_lines').prepare({ id: '1', body: ['x'] })?.body).toBe('["x"]');
  expect(() => named('listInvoices').prepare({ 'X-Company': 'a\r\nX-Evil: 1' })).toThrow(
    'X-Company: goes into a header',
  );
});

test('arguments are checked, and their errors name the field', () => {
  const action = named('createInvoice');
  const errorOf = (input: object) => {
    try {
      action.parse(input as never);
    } catch (error) {
      return error as { field: string; message: string; status: number };
    }
    throw new Error('accepted');
  };
  expect(errorOf({ amount: 5 })).toMatchObject({ status: 422, field: 'number', message: 'number: is missing.' });
  expect(errorOf({ number: 7, amount: 5 })).toMatchObject({ message: 'number: must be string.' });
  expect(errorOf({ number: 'a', amount: 0 }).field).toBe('amount');
  expect(errorOf({ number: 'a', amount: 1, evil: 1 })).toMatchObject({
    field: 'evil',
    message: expect.stringContaining('is not a known field. Known: X-Company'),
  });
  expect(errorOf({ number: 'a', amount: 1, customer: {} })).toMatchObject({ field: 'customer.name' });
  expect(errorOf({ number: 'a\u0000', amount: 1 })).toMatchObject({ field: 'number' });
  expect(errorOf({ number: 'a', amount: 1, customer: { name: 'x', parent: 'y'.repeat(100_001) } }).message).toContain(
    'at most 100000',
  );
  expect(errorOf({ number: 'a', amount: 1, due: 'soon' }).field).toBe('due');
});

test('A1 defaults are filled in when arguments are parsed, and what is parsed once stays as it is', () => {
  const action = named('createInvoice');
  const parsed = action.parse({ number: 'INV-77', amount: 5 });
  expect(parsed).toEqual({ number: 'INV-77', amount: 5, currency: 'EUR' });
  expect(action.parse(parsed)).toEqual(parsed);
  expect(action.prepare(parsed)?.body).toBe('{"number":"INV-77","currency":"EUR","amount":5}');
});

test('a preview says what, which and where', () => {
  expect(named('createInvoice').preview({ number: 'INV-77', amount: 5 })).toBe(
    'Create invoice INV-77 in ERP (POST /invoices)',
  );
  expect(named('deleteInvoice').preview({ id: '9' })).toBe('Delete invoice 9 in ERP (DELETE /invoices/{id})');
});

test('VI.61 a path that would change the host is refused even when it was stored', () => {
  const stored = zStoredSettings.parse(settings).actions.find(({ name }) => name === 'last')!;
  const tampered = { ...stored, path: '@evil.example/{c}' };
  expect(() => prepareRequest('https://erp.example', tampered, { c: 'x' })).toThrow('would leave');
});
