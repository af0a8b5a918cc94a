import type { KnownBlock, RichTextBlock } from '@slack/types';
import { cleanProse, escapeMrkdwn } from './escape.ts';
import { textOf } from './inline.ts';
import { TEXT } from './limits.ts';

/** Blocks as plain text, one line for each: for notifications, screen readers, and tests. */
export const plainFrom = (blocks: readonly KnownBlock[]): string =>
  blocks
    .map(plainBlock)
    .filter((text) => text.trim() !== '')
    .join('\n');

function plainBlock(block: KnownBlock): string {
  switch (block.type) {
    case 'header':
      return block.text.text;
    case 'section':
      return [block.text, ...(block.fields ?? [])].flatMap((text) => (text ? [text.text] : [])).join('\n');
    case 'context':
      return block.elements.map((element) => (element.type === 'image' ? element.alt_text : element.text)).join(' ');
    case 'rich_text':
      return plainRich(block);
    case 'table':
      return block.rows
        .map((row) => row.map((cell) => (cell.type === 'rich_text' ? plainRich(cell) : cell.text)).join(' | '))
        .join('\n');
    default:
      return '';
  }
}

const plainRich = ({ elements }: RichTextBlock): string =>
  elements
    .map((element) => {
      if (element.type !== 'rich_text_list') return textOf(element.elements).replace(/\n$/, '');
      const start = 'offset' in element && typeof element.offset === 'number' ? element.offset : 0;
      const mark = (index: number): string => (element.style === 'ordered' ? `${start + index + 1}. ` : '• ');
      const indent = '  '.repeat(element.indent ?? 0);
      return element.elements.map((item, index) => `${indent}${mark(index)}${textOf(item.elements)}`).join('\n');
    })
    .join('\n');

/** Plain text → a message's `text`: escaped, never empty, never cut through a character or an entity. */
export function notification(text: string, max: number = TEXT): string {
  const escaped = escapeMrkdwn(cleanProse(text).trim()) || '…';
  if (escaped.length <= max) return escaped;
  return `${escaped.slice(0, max - 1).replace(/(&[a-z]{0,3}|[\ud800-\udbff])$/, '')}…`;
}
