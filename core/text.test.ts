import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cut, escapeInvisible, isStorable, storable, unescapeInvisible, zText } from './text.ts';

const texts = fc.string({ unit: 'binary' });
const tricky = fc
  .array(
    fc.constantFrom(
      '\\',
      'u',
      '{',
      '}',
      '200b',
      '\u200b',
      '\u202e',
      '\u0000',
      '\n',
      '\u00a0',
      '\u2028',
      '\u2800',
      '\u{e0041}',
      'a',
    ),
  )
  .map((parts) => parts.join(''));

test('A1 escaped text reads back exactly, whatever is in it', () => {
  fc.assert(
    fc.property(fc.oneof(texts, tricky), (text) => {
      expect(unescapeInvisible(escapeInvisible(text))).toBe(text);
    }),
  );
});

test('A1 two texts never look the same once escaped', () => {
  fc.assert(
    fc.property(tricky, tricky, (one, other) => {
      expect(escapeInvisible(one) === escapeInvisible(other)).toBe(one === other);
    }),
  );
});

test('A1 nothing invisible or direction-changing is left', () => {
  const invisible = /[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\p{Cc}\u00a0\u2028\u2029\u2800]/u;
  fc.assert(
    fc.property(fc.oneof(texts, tricky), (text) => {
      expect(invisible.test(escapeInvisible(text))).toBe(false);
    }),
  );
  expect(escapeInvisible('pay\u202e001\u200b€')).toBe('pay\\u{202e}001\\u{200b}€');
});

test('ordinary text stays as it is', () => {
  const text = 'Grüße, 日本語 👍 "quoted" {braces}';
  expect(escapeInvisible(text)).toBe(text);
});

test('any text can be made storable, and storable text is left alone', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('', '\u0000', '\ud800', '\udc00x'), (text, bad) => {
      expect(isStorable(storable(text + bad))).toBe(true);
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(storable(text) === text).toBe(isStorable(text));
    }),
  );
});

test('text from outside is trimmed and bounded, and a NUL or half a character is refused', () => {
  const zName = zText(6);
  expect(zName.parse('  abc ')).toBe('abc');
  const others = ['', '   ', 'abcdefg', 'a\u0000b', 'a\ud800'];
  expect(others.filter((text) => zName.safeParse(text).success)).toEqual([]);
});

test('a cut says how much is missing', () => {
  expect(cut('abcdef', 6)).toBe('abcdef');
  expect(cut('abcdef', 4)).toBe('abcd… (2 more characters)');
  // Half a character could not be stored.
  expect(cut('abc👍👍', 4)).toBe('abc… (4 more characters)');
});
