import { expect, test } from 'vitest';
import { carriedIn, type OutsideText } from './carried.ts';

const from = new Set<string | null>(['erp']);
const mail: OutsideText = { text: 'Please pay INV-77 to  Zephyrine Quill, code QX-7741.', origin: 'mail', from };
const answer: OutsideText = { text: '{"total": 4200, "status": "open"}', origin: 'answer of ERP', from };
const find = (input: Parameters<typeof carriedIn>[0], options = {}) => carriedIn(input, [mail, answer], options);

test.each([
  ['a whole quotation', { name: 'Zephyrine Quill' }, 'name', 'mail'],
  ['one in other case and spacing', { name: 'zephyrine   QUILL' }, 'name', 'mail'],
  ['a part inside a longer argument', { q: 'leak:QX-7741' }, 'q', 'mail'],
  ['a number', { amount: 4200 }, 'amount', 'answer of ERP'],
  ['something deep inside', { lines: [{ text: 'x' }, { text: 'INV-77' }] }, 'lines.1.text', 'mail'],
])('T2 T3 %s is found, with its path and origin', (_, input, path, origin) => {
  expect(find(input)).toEqual([{ path, origin }]);
});

test('T2 the name of a field can carry text as well', () => {
  const input = { filter: { 'QX-7741': 1 } };
  expect(find(input)).toEqual([]);
  expect(find(input, { names: true })).toEqual([{ path: 'filter.QX-7741', origin: 'mail' }]);
});

test('what nobody outside wrote is not found', () => {
  expect(find({ a: 'something else', b: 7, c: true, d: null, e: 'pay' })).toEqual([]);
  expect(carriedIn({ name: 'Zephyrine Quill' }, [])).toEqual([]);
});

test("T2 the requester's own words are not carried from outside, what stands beside them is", () => {
  const own = ['find Zephyrine Quill'];
  expect(find({ q: 'zephyrine quill' }, { own })).toEqual([]);
  expect(find({ q: 'Zephyrine Quill QX-7741' }, { own })).toEqual([{ path: 'q', origin: 'mail' }]);
});

test('long arguments against long texts take milliseconds', () => {
  const long = Array.from({ length: 20_000 }, (_, at) => at.toString(36)).join(' ');
  const begun = Date.now();
  carriedIn(
    { text: long.toUpperCase() },
    Array.from({ length: 10 }, () => ({ text: `x${long.slice(7)}`, origin: 'mail', from })),
  );
  expect(Date.now() - begun).toBeLessThan(2_000);
});

test('T2 beside a picture, whose words nobody can look through, what is not the person’s own counts as taken from it', () => {
  const from = new Set([null]);
  const picture: OutsideText = { text: 'scan.png', origin: 'picture scan.png', from, isUnreadable: true };
  const file: OutsideText = { text: 'IBAN DE12 5001', origin: 'file a.txt', from };
  const own = ['post invoice INV-77 for Miller'];
  expect(
    carriedIn({ number: 'INV-77', to: 'x@evil.test', code: 'AB12', iban: 'DE12 5001', n: 7 }, [picture, file], { own }),
  ).toEqual([
    { path: 'to', origin: 'picture scan.png' },
    { path: 'code', origin: 'picture scan.png' },
    { path: 'iban', origin: 'file a.txt' },
  ]);
});
