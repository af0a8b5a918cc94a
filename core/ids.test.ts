import { expect, test } from 'vitest';
import { isId, newId } from './ids.ts';

test('an id is a UUIDv7 that carries its time', () => {
  const id = newId(0x0123456789ab);
  expect(id).toMatch(/^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('ids sort by time', () => {
  const ids = [1, 255, 256, 65_536, 1_763_700_000_000, 1_763_700_000_001, 2 ** 47].map((time) => newId(time));
  expect(ids.toSorted()).toEqual(ids);
});

test('ten thousand ids of one moment differ', () => {
  expect(new Set(Array.from({ length: 10_000 }, () => newId(1))).size).toBe(10_000);
});

test('only an id is one', () => {
  expect(isId(newId())).toBe(true);
  expect(isId(newId().toUpperCase())).toBe(true);
  const others = ['', 'x', '1', `${newId()}0`, ` ${newId()}`, newId().replaceAll('-', ''), "' or 1=1 --", '\u0000'];
  expect(others.filter(isId)).toEqual([]);
});
