import canonicalize from 'canonicalize';
import type { KnownBlock, RichTextBlock, RichTextElement } from '@slack/types';
import { sha256 } from '#core/hash.ts';
import { unescapeInvisible } from '#core/text.ts';
import type { Json, JsonObject } from '#core/tools.ts';
import type { ApprovalFacts } from '#activities/chat/render/approval.ts';
import { textOf } from './inline.ts';

export const PUBLIC_URL = 'https://abet.example';

/** An approval that waits, of these arguments. */
export function factsOf(
  args: JsonObject,
  over: Partial<ApprovalFacts> = {},
  request: JsonObject | null = null,
): ApprovalFacts {
  const payloadText = canonicalize({
    v: 1,
    tool: 'erp_createInvoice',
    connection: { id: 'c1', name: 'ERP', settingsVersion: 3 },
    request,
    arguments: args,
    attachments: [],
    schemaSha256: 'ab',
    policyVersion: 1,
  });
  if (payloadText === undefined) throw new Error('no payload');
  return {
    id: '019aa',
    summary: 'Create invoice INV-77',
    payloadText,
    payloadSha256: sha256(payloadText),
    requestedByName: 'Ann',
    reason: 'Writes wait for a decision.',
    origins: [],
    requesterMayDecide: false,
    newcomers: [],
    editedByNames: [],
    originalPayloadText: null,
    status: 'pending',
    decidedByName: null,
    decidedAt: null,
    comment: null,
    expiresAt: new Date('2026-11-22T09:00:00Z'),
    ...over,
  };
}

/** The arguments as somebody who sees the blocks could write them down: bold names, and what stands after or below them. */
export function readArguments(blocks: readonly KnownBlock[]): { path: string; value: Json }[] {
  const rich = blocks.filter((block): block is RichTextBlock => block.type === 'rich_text');
  const titleOf = (block: KnownBlock): string =>
    block.type === 'rich_text' && block.elements.length === 1 ? allOf(block) : '';
  const from = rich.findIndex((block) => ['Arguments', 'No arguments'].includes(titleOf(block)));
  const to = rich.findIndex((block) => titleOf(block) === 'Bound with them');
  const items: Shown[] = [];
  for (const element of rich.slice(from + 1, to).flatMap(({ elements }) => elements)) {
    const last = items.at(-1);
    if (element.type === 'rich_text_preformatted') {
      if (last) Object.assign(last, { value: textOf(element.elements), isBox: true });
      continue;
    }
    if (element.type !== 'rich_text_section') throw new Error('a list among the arguments');
    for (const leaf of element.elements) readLeaf(items, leaf);
  }
  return joinParts(items).map(({ name, value }) => ({ path: unescapeInvisible(name), value: readShown(value) }));
}

interface Shown {
  name: string;
  value: string;
  isBox: boolean;
}
function readLeaf(items: Shown[], leaf: RichTextElement): void {
  const last = items.at(-1);
  if (leaf.type !== 'text') throw new Error('not a text');
  if (leaf.text === '\n') return;
  if (!leaf.style?.bold) {
    if (last) last.value = leaf.text.slice(': '.length);
    // A long name goes on in the next line.
  } else if (last && last.value === '') last.name += leaf.text;
  else items.push({ name: leaf.text, value: '', isBox: false });
}

const allOf = (block: KnownBlock): string =>
  block.type === 'rich_text'
    ? block.elements.map((one) => (one.type === 'rich_text_section' ? textOf(one.elements) : '')).join('')
    : '';

/** "body (2 of 3)" goes on where "body (1 of 3)" ended. */
function joinParts(items: readonly Shown[]): Shown[] {
  const joined: Shown[] = [];
  for (const item of items) {
    const [, base = '', at = ''] = /^([^]*) \((\d+) of \d+\)$/.exec(item.isBox ? item.name : '') ?? [];
    const last = joined.at(-1);
    if (last && Number(at) > 1) last.value += item.value;
    else joined.push(at === '1' ? { ...item, name: base } : item);
  }
  return joined;
}

function readShown(shown: string): Json {
  const text = shown
    .split('↵\n')
    .map((line) => unescapeInvisible(line))
    .join('\n');
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
