import type { KnownBlock } from '@slack/types';

/** What Slack adds to a block: an id, and the comma. */
const BLOCK_OVERHEAD = 40;

/** How much of `MESSAGE_SIZE` blocks take: their JSON with `& < >` as entities, which is how Slack keeps them. */
export const sizeOf = (blocks: readonly KnownBlock[]): number =>
  blocks.reduce((sum, block) => sum + BLOCK_OVERHEAD + costOf(block), 0);

/** The same for any part of a block, a text among them. */
export function costOf(part: unknown): number {
  const json = JSON.stringify(part);
  // Most have none.
  if (!/[&<>]/.test(json)) return json.length;
  return json.replaceAll('&', '&amp;').replaceAll(/[<>]/g, '&lt;').length;
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const AROUND = 64;

/** Text in pieces that cost at most `max` each; together they are the text. Cuts after a line, else after a word, else between characters as people see them. */
export function splitText(text: string, max: number): string[] {
  const pieces: string[] = [];
  let from = 0;
  for (;;) {
    const end = endWithin(text, from, max - QUOTES);
    if (end === text.length) return [...pieces, text.slice(from)];
    const cut = from + cutPoint(text.slice(from, end), text.slice(end, end + AROUND));
    pieces.push(text.slice(from, cut));
    from = cut;
  }
}
const QUOTES = 2;

/** How much of `kept` stays when `next` follows it. */
function cutPoint(kept: string, next: string): number {
  const end = kept.length;
  const line = kept.lastIndexOf('\n') + 1;
  if (line > end / 2) return line;
  const word = kept.lastIndexOf(' ') + 1;
  if (word > end * 0.8) return word;
  const begin = Math.max(0, end - AROUND);
  const grapheme = graphemes.segment(kept.slice(begin) + next).containing(end - begin);
  // One "character" of a hundred combining marks is cut all the same.
  return grapheme && grapheme.index > 0 ? begin + grapheme.index : end;
}

/** Where what costs `max` ends, at least one character further. */
function endWithin(text: string, from: number, max: number): number {
  let left = max;
  let at = from;
  while (at < text.length) {
    const code = text.codePointAt(at) ?? 0;
    const width = code > 0xffff ? 2 : 1;
    left -= costOfCode(code) ?? width;
    if (left < 0 && at > from) break;
    at += width;
  }
  return at;
}

/** What JSON and the entities make longer. */
function costOfCode(code: number): number | undefined {
  if (code >= 0x40) return code === 0x5c ? 2 : undefined;
  if (code < 0x20) return code === 0x0a ? 2 : 6;
  if (code === 0x22) return 2;
  if (code === 0x26) return 5;
  return code === 0x3c || code === 0x3e ? 4 : undefined;
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
