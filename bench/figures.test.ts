import { expect, test } from 'vitest';
import { isMet, p50, p99, quantile } from './figures.ts';

test('a quantile is one of the samples, by nearest rank', () => {
  const samples = Array.from({ length: 100 }, (_, at) => 100 - at);
  expect([p50(samples), p99(samples), quantile(samples, 1)]).toEqual([50, 99, 100]);
  expect(p99([7])).toBe(7);
});

test('without samples there is no figure, and no aim is met by it', () => {
  expect(p50([])).toBeNaN();
  expect(isMet({ what: 'nothing', value: p50([]), unit: 'ms', aim: { most: 10 } })).toBe(false);
});

test('an aim is met at its edge, and a line without one is neither met nor missed', () => {
  expect(isMet({ what: 'ratio', value: 1.3, unit: '×', aim: { most: 1.3 } })).toBe(true);
  expect(isMet({ what: 'rate', value: 0.69, unit: '×', aim: { least: 0.7 } })).toBe(false);
  expect(isMet({ what: 'why', value: 1, unit: '' })).toBe(null);
});
