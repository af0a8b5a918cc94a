import type { KnownBlock } from '@slack/types';
import { expect, test } from 'vitest';
import { replyMessage } from '#activities/chat/render/index.ts';
import { slackMessage } from './message.ts';
import { plainFrom } from './plain.ts';
import type { SlackFile, SlackText } from './types.ts';

const partsOf = (text: string, linkHosts: string[] = []) =>
  slackMessage(replyMessage({ key: 'k', text, suggestions: [], receipts: [] }), { linkHosts });
const posts = (text: string, linkHosts?: string[]): SlackText[] =>
  partsOf(text, linkHosts).filter((part): part is SlackText => 'blocks' in part);
const files = (text: string): SlackFile['file'][] =>
  partsOf(text).flatMap((part) => ('file' in part ? [part.file] : []));
const blocks = (text: string, linkHosts?: string[]): KnownBlock[] =>
  posts(text, linkHosts).flatMap((part) => part.blocks);
const elements = (text: string, linkHosts?: string[]) =>
  blocks(text, linkHosts).flatMap((block) => (block.type === 'rich_text' ? block.elements : []));
const inline = (text: string, linkHosts?: string[]) =>
  elements(text, linkHosts).flatMap((one): unknown[] => one.elements);

test('T4 mentions of any kind are literal text, never elements that Slack would ring a bell for', () => {
  const said = '<!channel> <!here|h> <@U012ABC> <#C012ABC> @everyone @here';
  expect(inline(said)).toEqual([{ type: 'text', text: said }]);
  expect(posts(said)[0]?.text).toContain('&lt;!channel&gt;');
});

test('T4 a link to a host that is not listed becomes its words and address; a listed one shows where it goes', () => {
  expect(plainFrom(blocks('[pay](https://evil.example/x)'))).toBe('pay (https://evil.example/x)');
  expect(inline('<https://evil.example/x>')).toEqual([{ type: 'text', text: 'https://evil.example/x' }]);
  expect(inline('see [**google.com**](https://erp.example/1).', ['ERP.example'])).toEqual([
    { type: 'text', text: 'see ' },
    { type: 'link', url: 'https://erp.example/1', text: 'google.com (erp.example)' },
    { type: 'text', text: '.' },
  ]);
  for (const address of [
    'https://erp.example@evil.example/',
    'https://erp.example:8443/',
    'javascript:alert(1)',
    '//erp.example',
  ])
    expect(JSON.stringify(blocks(`[x](${address})`, ['erp.example']))).not.toContain('"link"');
});

test('T4 pictures are their words, and nothing turns an address around', () => {
  expect(plainFrom(blocks('![a cat](https://evil.example/c.png)'))).toBe('a cat');
  expect(plainFrom(blocks('pay \u202egro.live\u2066 \u200fשלום'))).toBe('pay gro.live \u200fשלום');
});

test('bold, italic, strike and code look as in the web chat; a heading is bold and never a title', () => {
  expect(inline('a **b _c_** ~~d~~ `e *f*`')).toEqual([
    { type: 'text', text: 'a ' },
    { type: 'text', text: 'b ', style: { bold: true } },
    { type: 'text', text: 'c', style: { bold: true, italic: true } },
    { type: 'text', text: ' ' },
    { type: 'text', text: 'd', style: { strike: true } },
    { type: 'text', text: ' ' },
    { type: 'text', text: 'e *f*', style: { code: true } },
  ]);
  expect(blocks('# Approval needed')).toEqual([
    {
      type: 'rich_text',
      elements: [
        { type: 'rich_text_section', elements: [{ type: 'text', text: 'Approval needed', style: { bold: true } }] },
      ],
    },
  ]);
});

test('nested lists are indented, and numbers count on after them', () => {
  const found = elements('1. one\n   - inner\n     - deep\n2. two\n\n   ```\n   code\n   ```\n3. three').map((one) =>
    one.type === 'rich_text_list' ? [one.style, one.indent, 'offset' in one ? one.offset : 0] : one.type,
  );
  expect(found).toEqual([
    ['ordered', 0, 0],
    ['bullet', 1, 0],
    ['bullet', 2, 0],
    ['ordered', 0, 1],
    'rich_text_preformatted',
    ['ordered', 0, 2],
  ]);
  expect(plainFrom(blocks('5. five\n6. six'))).toBe('5. five\n6. six');
});

test('a quote keeps its lists as lines and its code after it', () => {
  expect(
    elements('> said\n> - a\n>   1. b\n>\n> ```\n> code\n> ```').map((one) => [
      one.type,
      plainFrom([{ type: 'rich_text', elements: [one] }]),
    ]),
  ).toEqual([
    ['rich_text_quote', 'said\n• a\n  1. b'],
    ['rich_text_preformatted', 'code'],
  ]);
});

test('a code fence stays whole when a message holds it; a longer one is cut at line ends, each part a fence', () => {
  const lines = (count: number): string =>
    Array.from({ length: count }, (_, at) => `let x${at} = "${'y'.repeat(30)}";`).join('\n');
  const fences = (code: string) =>
    elements(`before\n\n\`\`\`js\n${code}\n\`\`\`\nafter`).filter(({ type }) => type === 'rich_text_preformatted');
  expect(fences(lines(200))).toHaveLength(1);
  const parts = fences(lines(900)).map((fence) => plainFrom([{ type: 'rich_text', elements: [fence] }]));
  expect(parts.length).toBeGreaterThan(3);
  expect(parts.join('\n')).toBe(lines(900));
  expect(fences('\u0060\u0060\u0060')).not.toEqual([]);
});

test('a small table is Slack’s own; what follows it is a new message', () => {
  const [first, second] = posts('| a | b |\n|:--|--:|\n| **1** | |\n\nafter');
  expect(first?.blocks).toEqual([
    {
      type: 'table',
      rows: [
        [
          { type: 'raw_text', text: 'a' },
          { type: 'raw_text', text: 'b' },
        ],
        [
          { type: 'raw_text', text: '1' },
          { type: 'raw_text', text: ' ' },
        ],
      ],
      column_settings: [
        { align: 'left', is_wrapped: true },
        { align: 'right', is_wrapped: true },
      ],
    },
  ]);
  expect(plainFrom(second?.blocks ?? [])).toBe('after');
});

test('a long table shows its beginning and says that a file has all of it, safe to open in a spreadsheet', () => {
  const rows = Array.from({ length: 150 }, (_, at) => `| ${at} | =cmd() | -5 |`).join('\n');
  const said = `| n | x | y, z |\n|-|-|-|\n${rows}`;
  const table = blocks(said).find((block) => block.type === 'table');
  expect(table?.rows.length).toBeGreaterThan(80);
  expect(plainFrom(blocks(said))).toContain(
    'This is the beginning of a table of 150 rows and 3 columns. All of it is in table.csv.',
  );
  const [file] = files(said);
  expect(file?.text.split('\r\n').slice(0, 2)).toEqual(['n,x,"y, z"', "0,'=cmd(),-5"]);
  expect(file?.text.split('\r\n')).toHaveLength(152);
});

test('an endless answer is its beginning and a file', () => {
  const said = 'A paragraph of some length.\n\n'.repeat(4_000);
  expect(posts(said).length).toBeLessThan(20);
  expect(files(said)).toEqual([{ name: 'answer.md', title: 'The whole answer', text: said }]);
  expect(plainFrom(blocks(said))).toContain('All of it is in answer.md.');
});
