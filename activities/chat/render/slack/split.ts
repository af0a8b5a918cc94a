import type { KnownBlock } from '@slack/types';
import { MESSAGE_BLOCKS, MESSAGE_SIZE } from './limits.ts';
import { sizeOf } from './measure.ts';
import type { Piece } from './pieces.ts';
import type { SlackFile } from './types.ts';

/** Pieces → the blocks of one message after the other, in order; a file follows the message that speaks of it. What comes after a table starts a new message. */
export function pack(pieces: readonly Piece[]): (KnownBlock[] | SlackFile)[] {
  const parts: (KnownBlock[] | SlackFile)[] = [];
  let blocks: KnownBlock[] = [];
  let files: SlackFile[] = [];
  let left = MESSAGE_SIZE;
  let isClosed = false;
  const close = (): void => {
    if (blocks.length > 0) parts.push(blocks);
    parts.push(...files);
    blocks = [];
    files = [];
    left = MESSAGE_SIZE;
    isClosed = false;
  };
  for (const piece of pieces) {
    if ('file' in piece) {
      files.push(piece);
      continue;
    }
    const size = sizeOf(piece.blocks);
    if ((isClosed && piece.isTail !== true) || size > left || blocks.length + piece.blocks.length > MESSAGE_BLOCKS)
      close();
    blocks.push(...piece.blocks);
    left -= size;
    isClosed ||= piece.hasTable === true;
  }
  close();
  return parts;
}
