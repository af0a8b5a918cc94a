import type { NamedAttachment } from '#db/attachments.ts';

const NAME_LENGTH = 80;

/** Where the text of an attachment comes from, for cards and notes (RULES T1). */
export function originOf({ kind, name, mimeType }: Pick<NamedAttachment, 'kind' | 'name' | 'mimeType'>): string {
  // Brackets frame what models are shown.
  const plain = name.replaceAll(/[[\]]/g, ' ');
  const called = plain.length > NAME_LENGTH ? `${plain.slice(0, NAME_LENGTH).toWellFormed()}…` : plain;
  if (kind === 'quote') return `quoted message of ${called}`;
  if (kind === 'thread') return 'messages before in the thread';
  return mimeType.startsWith('image/') ? `picture ${called}` : `file ${called}`;
}

export const isPicture = ({ mimeType, status }: Pick<NamedAttachment, 'mimeType' | 'status'>): boolean =>
  status === 'read' && mimeType.startsWith('image/');
