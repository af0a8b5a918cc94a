import type { KnownBlock, RichTextBlockElement, RichTextElement, RichTextList } from '@slack/types';
import { isBlank, preformatted, richText, section, type Style, words } from './elements.ts';
import { MESSAGE_SIZE } from './limits.ts';
import { costOf, groupBy, sizeOf, splitText } from './measure.ts';
import type { SlackFile } from './types.ts';

/** What a message is packed from, in order: blocks that stay together, or a file. */
export interface Blocks {
  blocks: KnownBlock[];
  /** Slack shows a message's one table at its end. */
  hasTable?: boolean;
  /** Buttons, which may stand above a table rather than in a message of their own. */
  isTail?: boolean;
}
export type Piece = Blocks | SlackFile;

/** A piece fits any message, with room for what surrounds it. */
export const PIECE_SIZE = 2_900;
const AROUND = 200;
/** A code fence may fill a message of its own. */
export const FENCE_SIZE = MESSAGE_SIZE - 2 * AROUND;

export const pieceSize = (piece: Piece): number => ('file' in piece ? 0 : sizeOf(piece.blocks));

/** Elements of rich text, of any length → pieces. What is short enough stays in one block. */
export function richPieces(elements: readonly RichTextBlockElement[], max: number = PIECE_SIZE): Piece[] {
  const fitting = elements.flatMap((element) => splitElement(element, max - AROUND));
  return groupBy(fitting, max - AROUND, costOf).map((group): Piece => ({ blocks: [richText(group)] }));
}

function splitElement(element: RichTextBlockElement, max: number): RichTextBlockElement[] {
  switch (element.type) {
    case 'rich_text_section':
      return splitInline(element.elements, max).map(section);
    case 'rich_text_quote':
      return splitInline(element.elements, max).map((elements) => ({ type: 'rich_text_quote', elements }));
    case 'rich_text_list':
      return splitList(element, max);
    default:
      return splitFence(element.elements[0], max);
  }
}

function splitInline(elements: readonly RichTextElement[], max: number): RichTextElement[][] {
  const room = max - AROUND;
  const small = elements.flatMap((element): RichTextElement[] =>
    element.type === 'text' && costOf(element) > room
      ? splitText(element.text, room - AROUND / 2).map((text) => ({ ...element, text }))
      : [element],
  );
  return groupBy(small, room, costOf).filter((group) => !isBlank(group));
}

/** An ordered list counts on where its first part ended. */
function splitList(list: RichTextList & { offset?: number }, max: number): RichTextBlockElement[] {
  const { offset: begin = 0, ...rest } = list;
  const found: RichTextBlockElement[] = [];
  let count = begin;
  const items = list.elements.map((item) => {
    const parts = splitInline(item.elements, max - AROUND).map(section);
    return parts.length === 0 ? [item] : parts;
  });
  const groups = groupBy(items, max - AROUND, (parts) => (parts.length === 1 ? costOf(parts[0]) : max));
  for (const group of groups) {
    const firsts = group.flatMap((parts) => parts.slice(0, 1));
    found.push(listOf(rest, firsts, count), ...group.flatMap((parts) => parts.slice(1)));
    count += firsts.length;
  }
  return found;
}

/** `offset` is Slack's (docs, rich_text_list: what the numbers start after), though the types leave it out. */
export function listOf(
  list: Omit<RichTextList, 'elements'>,
  elements: RichTextList['elements'],
  offset: number,
): RichTextList {
  const numbered = { ...list, elements, ...(offset > 0 && list.style === 'ordered' ? { offset } : {}) };
  return numbered;
}

/** Code in pieces, each a fence of its own, cut at line ends. */
function splitFence(element: { type: string; text?: string } | undefined, max: number): RichTextBlockElement[] {
  const parts = splitText(element?.text ?? '', max - AROUND);
  const lines = parts.length === 1 ? parts : parts.map((part) => part.replace(/\n$/, ''));
  return lines.filter((text) => text.trim() !== '').map(preformatted);
}

/** Code that people read as it is; whole when a message holds it. */
export function fencePieces(text: string): Piece[] {
  const code = text.replace(/\n$/, '');
  return code.trim() === '' ? [] : richPieces([preformatted(code)], FENCE_SIZE);
}

export const sentence = (text: string, style: Style = {}): Piece[] => richPieces([section([words(text, style)])]);
