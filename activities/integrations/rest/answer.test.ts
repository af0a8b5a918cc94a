import { expect, test } from 'vitest';
import { externalIdOf, readAnswer } from './answer.ts';

const same = (text: string) => text;

test('JSON is read, everything else is text', () => {
  expect(readAnswer('{"a":[1,null,"x"]}', same).output).toEqual({ a: [1, null, 'x'] });
  expect(readAnswer('hello', same).output).toBe('hello');
  expect(readAnswer('', same).output).toBe('');
});

test('what the database or a number would spoil is kept', () => {
  expect(readAnswer('{"id":12345678901234567890,"big":1e999,"nul":"a\\u0000b","half":"\\ud800"}', same).output).toEqual(
    {
      id: '12345678901234567890',
      big: '1e999',
      nul: 'a\uFFFDb',
      half: '\uFFFD',
    },
  );
});

test('hostile answers stay harmless: long, deep, or with odd names', () => {
  const long = readAnswer(JSON.stringify({ id: 'A1', text: 'x'.repeat(200_000) }), same);
  expect(long.output).toMatch(/^\{"id":"A1".*… \(\d+ more characters\)$/);
  expect(externalIdOf(long.json, null, '/a')).toBe('A1');
  expect(typeof readAnswer('['.repeat(100_000) + ']'.repeat(100_000), same).output).toBe('string');
  expect(typeof readAnswer('['.repeat(100) + ']'.repeat(100), same).output).toBe('string');
  expect(readAnswer('{"__proto__":{"x":1},"a":1}', same).output).toEqual({ a: 1 });
});

test.for([
  [{ id: 7, number: 'INV-7' }, null, '7'],
  [{ number: 'INV-7' }, null, 'INV-7'],
  [{ data: { ID: 'x' } }, null, 'x'],
  [{ invoice: { id: 3 } }, null, '3'],
  [{ customer_id: 1, invoice_id: 2 }, null, '2'],
  [{ customer_id: 1, order_id: 2 }, null, undefined],
  [{ ok: true }, '/invoices/INV%2F9', 'INV/9'],
  [{ id: '' }, 'https://x.example/', undefined],
  [[1], null, undefined],
] as const)('the receipt of %j at %s is %s', ([json, location, id]) => {
  expect(externalIdOf(json as never, location, '/companies/{c}/invoices')).toBe(id);
});
