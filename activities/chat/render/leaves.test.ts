import { expect, test } from 'vitest';
import { leaves, showValue } from './leaves.ts';

test('A1 every argument shows with its path, also in lists, under odd keys and when empty', () => {
  expect(leaves({ lines: [{ amount: 5, 'a.b': null }], note: '', none: {}, list: [] })).toEqual([
    { path: 'lines[0].amount', value: 5 },
    { path: 'lines[0]["a.b"]', value: null },
    { path: 'note', value: '' },
    { path: 'none', value: {} },
    { path: 'list', value: [] },
  ]);
});

test('A1 the text "5" and the number 5 look different, and so do an empty text and spaces', () => {
  expect(showValue(5)).toBe('5');
  expect(showValue('5')).toBe('"5"');
  expect(showValue('true')).toBe('"true"');
  expect(showValue('')).toBe('""');
  expect(showValue(' x  ')).toBe('\\u{20}x\\u{20}\\u{20}');
  expect(showValue('INV-77')).toBe('INV-77');
});

test('A1 characters that hide or turn text around become visible', () => {
  expect(showValue('pay\u202Egro.live')).toBe('pay\\u{202e}gro.live');
  expect(showValue('a\u200Bb')).toBe('a\\u{200b}b');
  expect(showValue('one\ntwo\n')).toBe('one↵\ntwo↵\n');
  expect(showValue('C:\\temp')).toBe('C:\\\\temp');
});
