import type {
  ContextBlock,
  HeaderBlock,
  PlainTextElement,
  RichTextBlock,
  RichTextBlockElement,
  RichTextElement,
  RichTextPreformatted,
  RichTextSection,
  RichTextText,
} from '@slack/types';
import { cleanLiteral } from './escape.ts';
import { CONTEXT_TEXT, HEADER, TEXT_OBJECT } from './limits.ts';

/** Literal text: Slack neither parses nor links it, nor turns `:x:` into a picture. Cut at `max`; never empty, which Slack refuses. */
export const plain = (text: string, max: number = TEXT_OBJECT): PlainTextElement => ({
  type: 'plain_text',
  text: ellipsis(cleanLiteral(text), max) || '…',
  emoji: false,
});

/** At most `max` characters, the last of them an ellipsis when something is missing. */
export function ellipsis(text: string, max: number): string {
  if (text.length <= max) return text;
  return `${text.slice(0, max - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

export type Style = NonNullable<RichTextText['style']>;

/** Literal text of rich text, which Slack does not parse either. */
export const words = (text: string, style: Style = {}): RichTextText => ({
  type: 'text',
  text,
  ...(Object.keys(style).length > 0 ? { style } : {}),
});

export const section = (elements: RichTextElement[]): RichTextSection => ({ type: 'rich_text_section', elements });
export const preformatted = (text: string): RichTextPreformatted => ({
  type: 'rich_text_preformatted',
  elements: [words(text)],
});
export const richText = (elements: RichTextBlockElement[]): RichTextBlock => ({ type: 'rich_text', elements });
export const boldLine = (text: string): RichTextBlock =>
  richText([section([words(cleanLiteral(text), { bold: true })])]);
export const line = (text: string): RichTextBlock => richText([section([words(cleanLiteral(text) || '…')])]);
export const header = (text: string): HeaderBlock => ({ type: 'header', text: plain(text, HEADER) });
export const context = (text: string): ContextBlock => ({ type: 'context', elements: [plain(text, CONTEXT_TEXT)] });

/** Neighbours of one style become one element; empty ones, which Slack refuses, go. */
export function mergeTexts(elements: readonly RichTextElement[]): RichTextElement[] {
  const merged: RichTextElement[] = [];
  for (const element of elements) {
    const last = merged.at(-1);
    if (element.type === 'text' && element.text === '') continue;
    if (last?.type === 'text' && element.type === 'text' && sameStyle(last.style, element.style))
      merged[merged.length - 1] = { ...last, text: last.text + element.text };
    else merged.push(element);
  }
  return merged;
}
const sameStyle = (a: Style | undefined, b: Style | undefined): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Nothing but blanks: not worth an element. */
export const isBlank = (elements: readonly RichTextElement[]): boolean =>
  elements.every((element) => element.type === 'text' && element.text.trim() === '');
