import type { RichTextElement } from '@slack/types';
import type { Token } from 'markdown-it';
import { escapeInvisible } from '#core/text.ts';
import { isListed } from '#activities/chat/render/links.ts';
import { mergeTexts, type Style, words } from './elements.ts';
import { costOf } from './measure.ts';

/** What costs more is shown as text: a link element cannot be split. */
const LINK_COST = 1_500;
const STYLES: Record<string, keyof Style> = { strong: 'bold', em: 'italic', s: 'strike' };

/**
 * The words of a paragraph as literal elements (RULES T4). A link to a listed host stays one and shows that host; any other becomes its words and its
 * address. Images are their words.
 */
export function inlineElements(
  tokens: readonly Token[],
  hosts: ReadonlySet<string>,
  base: Style = {},
): RichTextElement[] {
  const found: RichTextElement[] = [];
  let style = base;
  let open: { href: string; isAuto: boolean; from: number } | null = null;
  for (const token of tokens) {
    const [, name = '', side = ''] = /^(.*)_(open|close)$/.exec(token.type) ?? [];
    const change = STYLES[name];
    if (change) style = side === 'open' ? { ...style, [change]: true } : without(style, change, base);
    else if (token.type === 'link_open')
      open = { href: `${token.attrGet('href') ?? ''}`, isAuto: token.info === 'auto', from: found.length };
    else if (token.type === 'link_close' && open) {
      const label = textOf(found.splice(open.from));
      found.push(...linkElements(open.href, open.isAuto ? '' : label, hosts, style));
      open = null;
    } else if (token.type === 'softbreak' || token.type === 'hardbreak') found.push(words('\n', style));
    else if (token.type === 'code_inline') found.push(words(token.content, { ...style, code: true }));
    else found.push(words(token.content, style));
  }
  return mergeTexts(found);
}

function without(style: Style, change: keyof Style, base: Style): Style {
  if (base[change]) return style;
  const { [change]: _, ...rest } = style;
  return rest;
}

function linkElements(href: string, label: string, hosts: ReadonlySet<string>, style: Style): RichTextElement[] {
  if (!isListed(href, hosts) || costOf([href, label]) > LINK_COST) {
    const address = escapeInvisible(href);
    return [words(label === '' ? address : `${label} (${address})`, style)];
  }
  const { host } = new URL(href);
  const shown = label.trim() === '' || label === href ? href : `${label} (${host})`;
  return [{ type: 'link', url: href, text: shown, ...(Object.keys(style).length > 0 ? { style } : {}) }];
}

/** Elements as the text that people read. */
export const textOf = (elements: readonly RichTextElement[]): string =>
  elements
    .map((element) => {
      if (element.type === 'text') return element.text;
      if (element.type === 'link') return element.text ?? element.url;
      return element.type === 'date' ? (element.fallback ?? '') : '';
    })
    .join('');
