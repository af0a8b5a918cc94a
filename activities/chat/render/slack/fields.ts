import type { RichTextBlockElement, RichTextElement } from '@slack/types';
import type { Block } from '#core/chat.ts';
import type { Item } from '#activities/chat/render/payload.ts';
import { ellipsis, preformatted, richText, section, words } from './elements.ts';
import { cleanLiteral } from './escape.ts';
import { costOf, groupBy, splitText } from './measure.ts';
import { type Piece, PIECE_SIZE } from './pieces.ts';

/** A longer value, or one of several lines, stands in a box of its own. */
const INLINE = 300;
const VALUE_COST = PIECE_SIZE / 2 - 200;

/**
 * Names in bold, each value as it is. Only we write bold: no value can look like the next name. A value too long for one box goes on in the next, under "name
 * (2 of 3)"; the boxes together are the value.
 */
export function fieldPieces(items: readonly Item[]): Piece[] {
  const rows = items.flatMap(elementsOf);
  return groupBy(rows, PIECE_SIZE - 200, costOf).map((group): Piece => ({
    blocks: [richText(joinLines(group.flat()))],
  }));
}

function elementsOf(item: Item): RichTextBlockElement[][] {
  const { value } = item;
  const names = splitText(cleanLiteral(item.name), VALUE_COST);
  const name = names.pop() ?? '';
  const begin = names.map((part) => [section([title(part)])]);
  if (value.length <= INLINE && !value.includes('\n'))
    return [...begin, [section([title(name), words(`: ${cleanLiteral(value)}`), ...localTime(item)])]];
  const parts = splitText(cleanLiteral(value), VALUE_COST);
  const numbered = (index: number): string =>
    parts.length === 1 ? name : `${index === 0 ? name : ellipsis(name, 80)} (${index + 1} of ${parts.length})`;
  return [...begin, ...parts.map((part, index) => [section([title(numbered(index))]), preformatted(part)])];
}

const title = (text: string): RichTextElement => words(text || ' ', { bold: true });

/** The same moment where the reader is; people without Slack's help see the first. */
const localTime = ({ at, value }: Item): RichTextElement[] =>
  at === undefined
    ? []
    : [
        words(' ('),
        { type: 'date', timestamp: Math.floor(at / 1000), format: '{date_short_pretty} {time}', fallback: value },
        words(' your time)'),
      ];

/** Lines of one section, as Slack's own editor writes them. */
function joinLines(elements: readonly RichTextBlockElement[]): RichTextBlockElement[] {
  const joined: RichTextBlockElement[] = [];
  for (const element of elements) {
    const last = joined.at(-1);
    if (last?.type === 'rich_text_section' && element.type === 'rich_text_section')
      joined[joined.length - 1] = section([...last.elements, words('\n'), ...element.elements]);
    else joined.push(element);
  }
  return joined;
}

/** Fields that follow each other are one list. */
export function mergeFields(blocks: readonly Block[]): Block[] {
  const merged: Block[] = [];
  for (const block of blocks) {
    const last = merged.at(-1);
    if (last?.kind === 'fields' && block.kind === 'fields')
      merged[merged.length - 1] = { kind: 'fields', items: [...last.items, ...block.items] };
    else merged.push(block);
  }
  return merged;
}
