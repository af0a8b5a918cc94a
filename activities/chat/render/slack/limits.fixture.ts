import type { HomeView, ModalView } from '@slack/types';
import type { SlackPart } from './types.ts';

// What Slack would say against a message or view; written from the documentation, apart from limits.ts, so that a mistake there shows here.

type Thing = Record<string, unknown>;
const isThing = (value: unknown): value is Thing => typeof value === 'object' && value !== null;
const lists = (value: unknown): Thing[] => (Array.isArray(value) ? value.filter(isThing) : []);
const lengthOf = (text: unknown): number => (typeof text === 'string' ? text.length : 0);
const MESSAGE = ['header', 'section', 'context', 'actions', 'context_actions', 'rich_text', 'divider', 'table'];
const VIEW = ['header', 'section', 'context', 'actions', 'rich_text', 'divider', 'input'];

/** Every complaint against one post; none: Slack takes it. */
export function complaintsOf(part: SlackPart): string[] {
  if ('file' in part)
    return [part.file.name, part.file.title, part.file.text].some((text) => text === '') ? ['an empty file'] : [];
  const found = blocksOf(part.blocks, MESSAGE, 50);
  if (part.text === '' || part.text.length > 4_000) found.push(`text of ${part.text.length}`);
  if (/[<>]/.test(part.text) || /&(?!amp;|lt;|gt;)/.test(part.text)) found.push('text is not escaped');
  const size = JSON.stringify(part.blocks).replaceAll('&', '&amp;').replaceAll(/[<>]/g, '&lt;').length;
  if (size > 12_000) found.push(`${size} characters in all blocks`);
  if (part.blocks.filter(({ type }) => type === 'table').length > 1) found.push('two tables');
  return found;
}

export function complaintsOfView(view: ModalView | HomeView): string[] {
  const found = blocksOf(view.blocks, VIEW, 100);
  if (Buffer.byteLength(JSON.stringify(view)) > 250_000) found.push('a view over 250 kB');
  if ((view.private_metadata ?? '').length > 3_000) found.push('private_metadata');
  if ((view.callback_id ?? 'x').length > 255) found.push('callback_id');
  if (view.type === 'home') return found;
  for (const text of [view.title, view.submit, view.close]) if (text) plain(text, 24, found);
  if (view.blocks.some(({ type }) => type === 'input') && !view.submit) found.push('an input without submit');
  return found;
}

function blocksOf(blocks: readonly unknown[], types: string[], max: number): string[] {
  const found: string[] = [];
  if (blocks.length === 0 || blocks.length > max) found.push(`${blocks.length} blocks`);
  const ids = lists(blocks).flatMap((block) => (block['block_id'] === undefined ? [] : [block['block_id']]));
  if (new Set(ids).size < ids.length) found.push('a block_id twice');
  for (const block of lists(blocks)) {
    if (!types.includes(String(block['type']))) found.push(`a block of type ${String(block['type'])}`);
    check(block, found);
  }
  if (!JSON.stringify(blocks).isWellFormed() || /\\ud[89a-f]/.test(JSON.stringify(blocks)))
    found.push('broken Unicode');
  return found;
}

function check(block: Thing, found: string[]): void {
  switch (block['type']) {
    case 'header':
      return plain(block['text'], 150, found);
    case 'section':
      if (block['accessory']) element(block['accessory'], found);
      return plain(block['text'], 3_000, found);
    case 'context':
      count(block['elements'], 10, found);
      return lists(block['elements']).forEach((text) => plain(text, 2_000, found));
    case 'actions': {
      count(block['elements'], 25, found);
      const ids = lists(block['elements']).map((one) => one['action_id']);
      if (new Set(ids).size < ids.length) found.push('an action_id twice');
      return lists(block['elements']).forEach((one) => element(one, found));
    }
    case 'context_actions':
      count(block['elements'], 5, found);
      return lists(block['elements']).forEach((one) => element(one, found));
    case 'input':
      plain(block['label'], 2_000, found);
      if (block['hint']) plain(block['hint'], 2_000, found);
      return element(block['element'], found);
    case 'table':
      return table(block, found);
    case 'rich_text':
      return rich(block['elements'], found);
    default:
  }
}

function table({ rows, column_settings: columns }: Thing, found: string[]): void {
  const all = Array.isArray(rows) ? rows : [];
  if (all.length === 0 || all.length > 100) found.push(`${all.length} rows`);
  let characters = 0;
  for (const row of all) {
    if (lists(row).length === 0 || lists(row).length > 20 || lists(row).length !== lists(all[0]).length)
      found.push('a row');
    for (const cell of lists(row)) {
      characters += String(cell['text']).length;
      if (cell['type'] !== 'raw_text' || cell['text'] === '') found.push('a cell');
    }
  }
  if (characters > 10_000) found.push('a table over 10 000 characters');
  if (lists(columns).length > 20) found.push('column settings');
}

function rich(elements: unknown, found: string[]): void {
  if (lists(elements).length === 0) found.push('an empty rich text');
  for (const one of lists(elements)) {
    const type = String(one['type']);
    if (type === 'rich_text_list') {
      if (Number(one['indent'] ?? 0) > 8) found.push('indent');
      rich(one['elements'], found);
    } else if (['rich_text_section', 'rich_text_quote', 'rich_text_preformatted'].includes(type)) {
      if (lists(one['elements']).length === 0) found.push(`an empty ${type}`);
      lists(one['elements']).forEach((leaf) => richLeaf(leaf, found));
    } else found.push(`rich text of type ${type}`);
  }
}

/** No mention can be made: of all leaves, only these may be there. */
function richLeaf(leaf: Thing, found: string[]): void {
  if (leaf['type'] === 'text') {
    if (typeof leaf['text'] !== 'string' || leaf['text'] === '') found.push('an empty text');
  } else if (leaf['type'] === 'link') {
    if (leaf['text'] === '' || String(leaf['url']).length > 3_000) found.push('a link');
  } else if (leaf['type'] !== 'date') found.push(`a ${String(leaf['type'])}`);
}

function element(one: unknown, found: string[]): void {
  if (!isThing(one)) return void found.push('no element');
  const id = String(one['action_id']);
  if (id === '' || id.length > 255) found.push('action_id');
  switch (one['type']) {
    case 'button': {
      plain(one['text'], 75, found);
      if (lengthOf(one['value']) > 2_000 || lengthOf(one['url']) > 3_000) found.push('a button');
      const confirm = one['confirm'];
      if (!isThing(confirm)) return;
      plain(confirm['title'], 100, found);
      plain(confirm['text'], 300, found);
      plain(confirm['confirm'], 30, found);
      return plain(confirm['deny'], 30, found);
    }
    case 'feedback_buttons':
      return lists([one['positive_button'], one['negative_button']]).forEach(({ text }) => plain(text, 75, found));
    case 'static_select': {
      const options = lists(one['options']);
      if (options.length === 0 || options.length > 100) found.push(`${options.length} options`);
      for (const { text, value } of options) {
        plain(text, 75, found);
        if (typeof value !== 'string' || value.length > 75) found.push('an option');
      }
      const initial = JSON.stringify(one['initial_option']);
      if (initial && !options.some((option) => JSON.stringify(option) === initial)) found.push('initial_option');
      return;
    }
    case 'plain_text_input':
      if (Number(one['max_length']) > 3_000) found.push('max_length');
      if (one['initial_value'] === '' || lengthOf(one['initial_value']) > 3_000) found.push('initial_value');
      return;
    case 'number_input':
      if (one['initial_value'] !== undefined && !/^"-?\d+(\.\d+)?"$/.test(JSON.stringify(one['initial_value'])))
        found.push('a number');
      return;
    default:
      found.push(`an element of type ${String(one['type'])}`);
  }
}

/** We use no mrkdwn in blocks at all. */
function plain(text: unknown, max: number, found: string[]): void {
  if (!isThing(text) || text['type'] !== 'plain_text') return void found.push('not plain text');
  const length = typeof text['text'] === 'string' ? text['text'].length : 0;
  if (length === 0 || length > max) found.push(`a text of ${length} where ${max} fit`);
  if (text['emoji'] !== false) found.push('emoji');
}

const count = (elements: unknown, max: number, found: string[]): void => {
  const { length } = lists(elements);
  if (length === 0 || length > max) found.push(`${length} elements`);
};
