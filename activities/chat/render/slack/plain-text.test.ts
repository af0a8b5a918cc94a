import fc from 'fast-check';
import { expect, test } from 'vitest';
import { plainText } from './plain-text.ts';

const names = new Map([['U1', 'Ana Díaz']]);
const plain = (text: string) => plainText(text, { botUserId: 'UBOT', names });

test.each([
  ['<@UBOT> post invoice INV-77', 'post invoice INV-77'],
  ['  <@UBOT|abetworks>: hi', 'hi'],
  ['<@UBOT>', ''],
  ['<@U1> hi', '@Ana Díaz hi'],
  ['ask <@U2> and <@U3|eve>', 'ask @U2 and @eve'],
  ['in <#C1|general> or <#C2>', 'in #general or #C2'],
  ['see <https://a.test/x?y=1&amp;z=2|the page>', 'see the page (https://a.test/x?y=1&z=2)'],
  ['see <https://a.test>', 'see https://a.test'],
  ['see <http://a.test|a.test>', 'see http://a.test'],
  ['to <mailto:bo@a.test|bo@a.test>', 'to bo@a.test'],
  ['to <mailto:bo@a.test|Bo>', 'to Bo (bo@a.test)'],
  ['call <tel:+123|+1 23>', 'call +1 23 (+123)'],
  ['<!here> and <!channel>', '@here and @channel'],
  ['<!subteam^S1|@oncall> <!subteam^S2>', '@oncall @S2'],
  ['at <!date^1700000000^{date}^https://a.test|14 Nov>', 'at 14 Nov'],
  ['1 &lt; 2 &amp;&amp; 3 &gt; 2', '1 < 2 && 3 > 2'],
  ['&amp;lt;@U1&amp;gt;', '&lt;@U1&gt;'],
  ['&lt;@U1&gt;', '<@U1>'],
  ['an empty <> stays', 'an empty <> stays'],
])('%s reads as %s', (given, expected) => {
  expect(plain(given)).toBe(expected);
});

test('what a person types comes out as they typed it, also when it looks like markup', () => {
  const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const typed = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(fc.constantFrom('<', '>', '&', '&amp;', '&lt;', '<@U1>', '<!here>', '|', ';', ' ', 'a', '\u202e', '😀'))
      .map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(typed, (text) => {
      expect(plain(escape(text))).toBe(text);
    }),
    { numRuns: 1000 },
  );
});

test('a long text full of brackets is read in a moment', () => {
  const started = performance.now();
  for (const piece of ['<', '<@', '<@U|', '&lt;', '<a|', '>'])
    expect(plain(piece.repeat(100_000 / piece.length)).length).toBeGreaterThan(0);
  expect(performance.now() - started).toBeLessThan(2_000);
});
