import type { KnownBlock } from '@slack/types';

/** What Slack adds to a block: an id, and the comma. */
const BLOCK_OVERHEAD = 40;

/** How much of `MESSAGE_SIZE` blocks take: their JSON with `& < >` as entities, which is how Slack keeps them. */
export const sizeOf = (blocks: readonly KnownBlock[]): number =>
  blocks.reduce((sum, block) => sum + BLOCK_OVERHEAD + costOf(block), 0);

/** The same for any part of a block, a text among them. */
export function costOf(part: unknown): number {
  const json = JSON.stringify(part);
  let extra = 0;
  for (const [found] of json.matchAll(/[&<>]/g)) extra += found === '&' ? 4 : 3;
  return json.length + extra;
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const AROUND = 64;

/** Text in pieces that cost at most `max` each; together they are the text. Cuts after a line, else after a word, else between characters as people see them. */
export function splitText(text: string, max: number): string[] {
  const pieces: string[] = [];
  let rest = text;
  while (costOf(rest) > max) {
    const end = cutPoint(rest, max);
    pieces.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return [...pieces, rest];
}

function cutPoint(text: string, max: number): number {
  const end = endWithin(text, max);
  const line = text.lastIndexOf('\n', end - 1) + 1;
  if (line > end / 2) return line;
  const word = text.lastIndexOf(' ', end - 1) + 1;
  if (word > end * 0.8) return word;
  const from = Math.max(0, end - AROUND);
  const grapheme = graphemes.segment(text.slice(from, end + AROUND)).containing(end - from);
  const start = grapheme ? from + grapheme.index : end;
  // One "character" of a hundred combining marks is cut all the same.
  return start > from ? start : end;
}

/** Where the first `max` end, quotes counted; at least one character. */
function endWithin(text: string, max: number): number {
  let left = max - 2;
  let end = 0;
  for (const char of text) {
    left -= costOf(char) - 2;
    if (left < 0 && end > 0) break;
    end += char.length;
  }
  return end;
}

/** Groups things in order so that no group costs more than `max`, if none of them does by itself. */
export function groupBy<T>(things: readonly T[], max: number, cost: (thing: T) => number): T[][] {
  const groups: T[][] = [];
  let left = 0;
  for (const thing of things) {
    const price = cost(thing);
    const last = groups.at(-1);
    if (last && price <= left) {
      last.push(thing);
      left -= price;
    } else {
      groups.push([thing]);
      left = max - price;
    }
  }
  return groups;
}
