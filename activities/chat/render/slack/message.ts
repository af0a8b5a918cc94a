import type { KnownBlock } from '@slack/types';
import type { Block, Outgoing } from '#core/chat.ts';
import { actionBlocks, feedbackBlock } from './buttons.ts';
import { boldLine, context, header } from './elements.ts';
import { cleanLiteral } from './escape.ts';
import { fieldPieces, mergeFields } from './fields.ts';
import { CONTEXT_TEXT, HEADER } from './limits.ts';
import { markdownPieces } from './markdown.ts';
import { splitText } from './measure.ts';
import { fencePieces, type Piece, pieceSize } from './pieces.ts';
import { notification, plainFrom } from './plain.ts';
import { pack } from './split.ts';
import type { SlackPart } from './types.ts';

export interface SlackOptions {
  /** Hosts whose links stay links (RULES T4). */
  linkHosts?: readonly string[];
  /** Ask whether the answer was good; only of messages about a run. */
  feedback?: boolean;
}

/** About six messages of prose; the whole of a longer one is a file. */
const PROSE_SIZE = 60_000;

/** A message or card → its posts, in order, each within every limit of Slack. Approval cards that `slackCard` or `SLACK_BUDGET` made are always one. */
export function slackMessage(message: Outgoing, options: SlackOptions = {}): SlackPart[] {
  const parts = pack(messagePieces(message, options));
  return parts.map((part, index): SlackPart => {
    if (!Array.isArray(part)) return part;
    return { text: textFor(message, part, index), blocks: part };
  });
}

/** A card is announced by its title; everything else by what it says. */
function textFor({ title, fallback }: Outgoing, blocks: readonly KnownBlock[], index: number): string {
  const announced = title !== undefined && index === 0 ? fallback : plainFrom(blocks);
  return notification(announced.trim() === '' ? fallback : announced);
}

export function messagePieces(message: Outgoing, { linkHosts = [], feedback = false }: SlackOptions = {}): Piece[] {
  const { title, blocks, subject } = message;
  const pieces = mergeFields(blocks).flatMap((block) => blockPieces(block, linkHosts));
  const begin = title ? titlePieces(title) : [];
  const end = feedback && subject?.kind === 'run' ? [{ blocks: [feedbackBlock(subject.id)], isTail: true }] : [];
  const saysNothing = begin.length === 0 && pieces.every(isSilent);
  const instead = context(message.fallback.trim() || '…');
  return [...begin, ...(saysNothing ? [{ blocks: [instead] }] : pieces), ...end];
}

/** Rules alone are no message; neither is a file. */
const isSilent = (piece: Piece): boolean => 'file' in piece || piece.blocks.every(({ type }) => type === 'divider');

const titlePieces = (title: string): Piece[] =>
  title.length <= HEADER
    ? [{ blocks: [header(title)] }]
    : splitText(cleanLiteral(title), 2_000).map((text) => ({ blocks: [boldLine(text)] }));

function blockPieces(block: Block, linkHosts: readonly string[]): Piece[] {
  switch (block.kind) {
    case 'markdown':
      return capped(markdownPieces(block.text, { linkHosts }), block.text, 'answer.md');
    case 'code':
      return capped(fencePieces(cleanLiteral(block.text)), block.text, 'answer.txt');
    case 'fields':
      return fieldPieces(block.items);
    case 'note':
      return notePieces(block.tone, block.text);
    default:
      return actionBlocks(block.items).map((actions) => ({ blocks: [actions], isTail: true }));
  }
}

/** Nobody reads twenty messages in a row: the beginning, and a file with everything. */
function capped(pieces: Piece[], text: string, name: string): Piece[] {
  let size = 0;
  const end = pieces.findIndex((piece) => (size += pieceSize(piece)) > PROSE_SIZE);
  if (end === -1) return pieces;
  return [
    ...pieces.slice(0, end),
    { blocks: [context(`This is only the beginning. All of it is in ${name}.`)] },
    { file: { name, title: 'The whole answer', text: text.toWellFormed() } },
  ];
}

type Tone = Extract<Block, { kind: 'note' }>['tone'];
// Also in words: the texts say "Done", "Approved" and "Denied" themselves.
const MARKS: Record<Tone, string> = { plain: '', good: '✅ ', bad: '⛔ ', warning: '⚠️ Careful: ' };

const notePieces = (tone: Tone, text: string): Piece[] =>
  splitText(`${MARKS[tone]}${cleanLiteral(text)}`, CONTEXT_TEXT)
    .filter((part) => part.trim() !== '')
    .map((part) => ({ blocks: [context(part)] }));
