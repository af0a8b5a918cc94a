import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Json, JsonObject } from '#core/tools.ts';
import type { ApprovalFacts } from '#activities/chat/render/approval.ts';
import { type Leaf, leaves } from '#activities/chat/render/leaves.ts';
import { replyMessage } from '#activities/chat/render/index.ts';
import { factsOf, PUBLIC_URL, readArguments } from './card.fixture.ts';
import { complaintsOf, complaintsOfView } from './limits.fixture.ts';
import { fullViewModal, homeView, isSlackCardCut, plainFrom, slackCard, slackMessage } from './index.ts';
import type { SlackPart, SlackText } from './types.ts';

// 10 000 cases in all.

const nasty = fc.constantFrom(
  '<!channel>',
  '<!here|x>',
  '<@U012ABC>',
  '<#C012ABC>',
  '<https://evil.example|safe>',
  '@here',
  '@everyone',
  ':tada:',
  '[pay](https://evil.example/x)',
  '[erp](https://erp.example/1)',
  '![x](https://evil.example/c.png)',
  'https://evil.example',
  '\u202e',
  '\u200b',
  '\u2066',
  '\u0000',
  '\ud800',
  'שלום עולם',
  'مرحبا',
  '👩‍👩‍👧‍👦',
  'e\u0301\u0301',
  '🏳️‍🌈',
  '```',
  '````js\n',
  '~~~\n',
  '\n',
  '\n\n',
  '> ',
  '- ',
  '  - ',
  '1. ',
  '9. ',
  '# ',
  '---\n',
  '|a|b|\n|-|-|\n',
  '|',
  '| c | d |\n',
  '**',
  '_',
  '~~',
  '`',
  '\\',
  '&',
  '&amp;',
  '"',
  '↵',
  '\r\n',
  '\t',
  ' ',
  'word ',
  '5',
  'true',
  '<b>',
  '[x]: https://evil.example',
);
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.array(nasty, { maxLength: 30 }).map((parts) => parts.join('')),
);
const well = text.map((value) => value.toWellFormed().replaceAll('\u0000', ''));
const key = fc.oneof(
  fc.constantFrom('amount', 'a.b', '', 'Tool', 'x]', 'a (1 of 2)', 'Arguments', 'Bound with them'),
  well,
);
const value: fc.Arbitrary<Json> = fc.letrec<{ any: Json }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    well,
    fc.tuple(well, fc.integer({ min: 1, max: 60 })).map(([part, times]) => part.repeat(times)),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(key, tie('any'), { maxKeys: 4 }),
  ),
})).any;
const args: fc.Arbitrary<JsonObject> = fc.dictionary(key, value, { maxKeys: 5 });

/** Stored payloads have their keys in order. */
function shownOf({ payloadText }: ApprovalFacts): Leaf[] {
  const { arguments: given } = JSON.parse(payloadText) as { arguments: JsonObject };
  return Object.keys(given).length === 0 ? [] : leaves(given);
}
const posts = (parts: SlackPart[]): SlackText[] => parts.flatMap((part) => ('file' in part ? [] : [part]));
const links = (parts: SlackPart[]): string[] =>
  [...JSON.stringify(posts(parts)).matchAll(/"type":"link","url":"([^"]*)"/g)].map(([, url = '']) => new URL(url).host);
const complaints = (parts: SlackPart[]): string[] => parts.flatMap(complaintsOf);

test('A1 whatever the payload, its card is one message, gives back every argument exactly, or cannot be approved', () => {
  let cuts = 0;
  fc.assert(
    fc.property(
      args,
      well,
      fc.array(fc.record({ path: well, origin: well }), { maxLength: 12 }),
      (given, words, origins) => {
        const facts = factsOf(given, {
          summary: words,
          requestedByName: words,
          reason: words.repeat(20),
          origins,
          newcomers: [words],
        });
        const parts = slackMessage(slackCard(facts, { publicUrl: PUBLIC_URL }));
        expect(parts.length).toBe(1);
        expect(complaints(parts)).toEqual([]);
        expect(links(parts)).toEqual([]);
        const [card] = posts(parts);
        const isCut = isSlackCardCut(facts, { publicUrl: PUBLIC_URL });
        cuts += isCut ? 1 : 0;
        expect(JSON.stringify(card).includes('approve:')).toBe(!isCut);
        expect(isCut || readArguments(card?.blocks ?? [])).toEqual(isCut || shownOf(facts));
      },
    ),
    { numRuns: 5_000, seed: 5 },
  );
  expect(cuts).toBeGreaterThan(100);
  expect(cuts).toBeLessThan(4_000);
}, 120_000);

test('A1 the full view gives back every argument exactly, or cannot approve', () => {
  fc.assert(
    fc.property(args, fc.integer({ min: 1, max: 40 }), (given, times) => {
      const many = Object.fromEntries(Array.from({ length: times }, (_, index) => [`k${index}`, given]));
      const facts = factsOf(many);
      const view = fullViewModal({
        facts,
        canApprove: true,
        panelUrl: PUBLIC_URL,
        meta: { id: 'x' },
      });
      expect(complaintsOfView(view)).toEqual([]);
      const isCut = view.submit === undefined;
      expect(isCut || readArguments(view.blocks as SlackText['blocks'])).toEqual(isCut || shownOf(facts));
    }),
    { numRuns: 500, seed: 5 },
  );
}, 120_000);

const prose = fc.oneof(
  { weight: 60, arbitrary: fc.array(fc.oneof(nasty, text), { maxLength: 60 }).map((parts) => parts.join('')) },
  // Up to 100 kB.
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.array(nasty, { minLength: 1, maxLength: 40 }), fc.integer({ min: 10_000, max: 100_000 }))
      .map(([parts, length]) =>
        parts
          .join('')
          .repeat(Math.ceil(length / (parts.join('').length || 1)))
          .slice(0, length),
      ),
  },
);

test('T4 whatever a model or a mail says, every message is within limits, mentions nobody and links nowhere unlisted', () => {
  fc.assert(
    fc.property(prose, fc.array(text, { maxLength: 3 }), (said, suggestions) => {
      const message = replyMessage({
        key: 'k',
        runId: 'r1',
        text: said,
        suggestions,
        receipts: [`Done: ${said.slice(0, 500)}`],
      });
      const parts = slackMessage(message, { linkHosts: ['erp.example'], feedback: true });
      expect(complaints(parts)).toEqual([]);
      expect(links(parts).filter((host) => host !== 'erp.example')).toEqual([]);
      expect(JSON.stringify(posts(parts).at(-1))).toContain('feedback:r1');
      expect(posts(parts).length).toBeLessThan(40);
    }),
    { numRuns: 4_000, seed: 5 },
  );
}, 120_000);

test('an App Home of ten cards is within limits whatever they hold', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(args, well), { maxLength: 12 }), fc.boolean(), (all, isLinked) => {
      const view = homeView({
        publicUrl: PUBLIC_URL,
        memberName: all[0]?.[1] ?? '',
        approvals: all.map(([given, words], index) =>
          factsOf(given, { id: `a${index}`, summary: words, reason: words.repeat(30) }),
        ),
        runs: all.map(([, words], index) => ({
          id: `r${index}`,
          text: words,
          status: 'waiting',
          mayStop: index % 3 > 0,
          startedAt: new Date(0),
        })),
        connections: all.map(([, words]) => ({ name: words, connector: 'rest', problem: words || null })),
        isLinked,
      });
      expect(complaintsOfView(view)).toEqual([]);
    }),
    { numRuns: 500, seed: 5 },
  );
}, 120_000);

test('a hundred kilobytes of one kind are six messages or so and a file', () => {
  const big = [
    'x',
    'word ',
    '- item\n',
    'para\n\n',
    '> q\n',
    '&',
    '"',
    '汉',
    '👩‍👩‍👧‍👦',
    '|a|b|\n|-|-|\n|1|2|\n\n',
    '```\ncode\n```\n',
    '#\n',
    '\u200f',
    '[',
    '*',
    '<@U1>',
  ];
  for (const part of big) {
    const said = part.repeat(Math.ceil(100_000 / part.length));
    const parts = slackMessage(replyMessage({ key: 'k', text: said, suggestions: [], receipts: [] }));
    expect([part, complaints(parts)]).toEqual([part, []]);
    expect([part, posts(parts).length < 25]).toEqual([part, true]);
    const file = parts.find((one) => 'file' in one && one.file.name === 'answer.md');
    const whole = file && 'file' in file ? file.file.text : plainFrom(posts(parts).flatMap(({ blocks }) => blocks));
    expect([part, file ? whole === said : whole !== '']).toEqual([part, true]);
  }
});
