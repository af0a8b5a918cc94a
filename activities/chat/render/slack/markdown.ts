import type { RichTextBlockElement, RichTextElement, RichTextSection } from '@slack/types';
import MarkdownIt, { type Token } from 'markdown-it';
import { hostSet } from '#activities/chat/render/links.ts';
import { isBlank, mergeTexts, preformatted, section, type Style, words } from './elements.ts';
import { cleanProse } from './escape.ts';
import { inlineElements, textOf } from './inline.ts';
import { LIST_INDENT } from './limits.ts';
import { FENCE_SIZE, listOf, type Piece, richPieces } from './pieces.ts';
import { type Align, type Table, tablePieces } from './table.ts';

// Not Slack's own markdown block: what it makes of `<!channel>`, `<@U…>` and of links is Slack's to say and to change. Text elements are literal by definition.

const parser = new MarkdownIt({ html: false, linkify: false, breaks: true });

interface Node {
  token: Token;
  children: Node[];
}
type Unit = RichTextBlockElement | 'rule' | Table;
interface Reading {
  hosts: ReadonlySet<string>;
}

/** Prose of a model, a person or a mail → pieces of rich text (RULES T4): no mention, no masked link, no picture; tables become Slack's own. */
export function markdownPieces(text: string, { linkHosts }: { linkHosts: readonly string[] }): Piece[] {
  const reading: Reading = { hosts: hostSet(linkHosts) };
  let tables = 0;
  return treeOf(parser.parse(cleanProse(text), {})).flatMap((node) =>
    runsOf(unitsOf(node, reading)).flatMap((run): Piece[] => {
      if (run === 'rule') return [{ blocks: [{ type: 'divider' }] }];
      if ('rows' in run) return tablePieces(run, tables++);
      const isFence = run.length === 1 && run[0]?.type === 'rich_text_preformatted';
      return richPieces(run, isFence ? FENCE_SIZE : undefined);
    }),
  );
}

/** Neighbouring elements go into one block; a fence, a rule and a table stand alone. */
function runsOf(units: readonly Unit[]): (RichTextBlockElement[] | 'rule' | Table)[] {
  const runs: (RichTextBlockElement[] | 'rule' | Table)[] = [];
  for (const unit of units) {
    const last = runs.at(-1);
    const isAlone = unit === 'rule' || 'rows' in unit;
    if (isAlone) runs.push(unit);
    else if (unit.type !== 'rich_text_preformatted' && Array.isArray(last) && !last.some(isFence)) last.push(unit);
    else runs.push([unit]);
  }
  return runs;
}
const isFence = ({ type }: RichTextBlockElement): boolean => type === 'rich_text_preformatted';

/** markdown-it's flat list, as a tree. */
function treeOf(tokens: readonly Token[]): Node[] {
  const root: Node[] = [];
  const stack: Node[][] = [root];
  for (const token of tokens) {
    if (token.nesting === -1) {
      stack.pop();
      continue;
    }
    const node: Node = { token, children: [] };
    stack.at(-1)?.push(node);
    if (token.nesting === 1) stack.push(node.children);
  }
  return root;
}

function unitsOf(node: Node, reading: Reading): Unit[] {
  switch (node.token.type) {
    case 'bullet_list_open':
    case 'ordered_list_open':
      return listUnits(node, reading, 0);
    case 'blockquote_open':
      return quoteUnits(node, reading);
    case 'fence':
    case 'code_block':
      return fenceUnits(node.token);
    case 'hr':
      return ['rule'];
    case 'table_open':
      return [tableOf(node, reading)];
    default: {
      const elements = inlineOf(node, reading);
      return isBlank(elements) ? [] : [section(elements)];
    }
  }
}

const fenceUnits = ({ content }: Token): Unit[] =>
  content.trim() === '' ? [] : [preformatted(content.replace(/\n$/, ''))];

/** Headings are bold, never Slack's header: the title of a card outranks what a model says. */
function inlineOf(node: Node, { hosts }: Reading): RichTextElement[] {
  const style: Style = node.token.type === 'heading_open' ? { bold: true } : {};
  if (node.children.length === 0) return inlineElements(node.token.children ?? [], hosts, style);
  return node.children.flatMap(({ token }) => inlineElements(token.children ?? [], hosts, style));
}

const isList = ({ token }: Node): boolean => token.type === 'bullet_list_open' || token.type === 'ordered_list_open';
const isText = ({ token }: Node): boolean => token.type === 'paragraph_open' || token.type === 'heading_open';

/** Slack's lists are flat: an inner list is one of its own, further in, and the outer one counts on after it. */
function listUnits(list: Node, reading: Reading, indent: number): Unit[] {
  const style = list.token.type === 'ordered_list_open' ? 'ordered' : 'bullet';
  const units: Unit[] = [];
  let items: RichTextSection[] = [];
  let offset = Math.max(0, Number(list.token.attrGet('start') ?? 1) - 1);
  const flush = (): void => {
    if (items.length > 0) units.push(listOf({ type: 'rich_text_list', style, indent }, items, offset));
    offset += items.length;
    items = [];
  };
  for (const { children } of list.children) {
    const firstOther = children.findIndex((child) => !isText(child));
    const texts = firstOther === -1 ? children : children.slice(0, firstOther);
    const elements = joined(texts.map((child) => inlineOf(child, reading)));
    items.push(section(isBlank(elements) ? [words(' ')] : elements));
    for (const child of children.slice(texts.length)) {
      flush();
      units.push(
        ...(isList(child) ? listUnits(child, reading, Math.min(LIST_INDENT, indent + 1)) : unitsOf(child, reading)),
      );
    }
  }
  flush();
  return units;
}

const joined = (parts: RichTextElement[][]): RichTextElement[] =>
  mergeTexts(parts.flatMap((part, index) => (index === 0 ? part : [words('\n'), ...part])));

/** A quote holds only words: its lists become lines, its code stands after it. */
function quoteUnits(quote: Node, reading: Reading): Unit[] {
  const units: Unit[] = [];
  let lines: RichTextElement[][] = [];
  const flush = (): void => {
    const elements = joined(lines);
    if (!isBlank(elements)) units.push({ type: 'rich_text_quote', elements });
    lines = [];
  };
  const read = (node: Node, depth: number): void => {
    if (isText(node)) lines.push(inlineOf(node, reading));
    else if (node.token.type === 'blockquote_open') node.children.forEach((child) => read(child, depth));
    else if (isList(node)) node.children.forEach((item, index) => readItem(node, item, index, depth));
    else {
      flush();
      units.push(...unitsOf(node, reading));
    }
  };
  const readItem = (list: Node, item: Node, index: number, depth: number): void => {
    const start = Number(list.token.attrGet('start') ?? 1);
    const mark = list.token.type === 'ordered_list_open' ? `${start + index}. ` : '• ';
    const [first, ...rest] = item.children;
    const words_ = first && isText(first) ? inlineOf(first, reading) : [];
    lines.push([words(`${'  '.repeat(Math.min(LIST_INDENT, depth))}${mark}`), ...words_]);
    (first && isText(first) ? rest : item.children).forEach((child) => read(child, depth + 1));
  };
  quote.children.forEach((child) => read(child, 0));
  flush();
  return units;
}

function tableOf(table: Node, reading: Reading): Table {
  const rows = table.children.flatMap(({ children }) => children);
  const cells = rows.map((row) => row.children.map((cell) => textOf(inlineOf(cell, reading))));
  const aligns = (rows[0]?.children ?? []).map(({ token }): Align => {
    const [, align] = /text-align:(left|center|right)/.exec(`${token.attrGet('style') ?? ''}`) ?? [];
    return align === 'center' || align === 'right' ? align : 'left';
  });
  return { rows: cells, aligns };
}
