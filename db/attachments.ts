import { and, asc, eq, getTableColumns, inArray } from 'drizzle-orm';
import type { InboundFile, InboundQuote } from '#core/chat.ts';
import { cut, storable } from '#core/text.ts';
import type { Org } from './client.ts';
import { attachments } from './schema/attachments.ts';
import { threads } from './schema/chat.ts';

/** Of one message: what is more is noted, and not read. Slack's own composer takes 10 files. */
export const ATTACHMENT_COUNTS = { files: 10, quotes: 5 } as const;
/** Characters of one quoted message; a message of Slack's may have 40 000. */
const QUOTE_LENGTH = 20_000;
const NAME_LENGTH = 200;

export type Attachment = typeof attachments.$inferSelect;
type Row = typeof attachments.$inferInsert;

export interface NewAttachments {
  messageId: string;
  threadId: string;
  files?: readonly InboundFile[] | undefined;
  quotes?: readonly InboundQuote[] | undefined;
  /** What was said in the thread before is to be read too. */
  readsThread?: boolean | undefined;
}

/** Stores what came with a message, in the transaction that stores the message. Quotes are read by that; files and the thread wait for the run. Doing it twice is the same as once. */
export async function addAttachments(
  org: Org,
  { messageId, threadId, files = [], quotes = [], readsThread = false }: NewAttachments,
): Promise<void> {
  const place = { orgId: org.id, messageId, threadId };
  const rows: Row[] = [
    ...files.slice(0, ATTACHMENT_COUNTS.files).map((file): Row => ({ ...place, ...fileRow(file) })),
    ...quotes.slice(0, ATTACHMENT_COUNTS.quotes).map((quote): Row => ({ ...place, ...quoteRow(quote) })),
  ];
  const more = [
    { kind: 'file', count: files.length - ATTACHMENT_COUNTS.files, what: 'files', most: ATTACHMENT_COUNTS.files },
    { kind: 'quote', count: quotes.length - ATTACHMENT_COUNTS.quotes, what: 'quotes', most: ATTACHMENT_COUNTS.quotes },
  ] as const;
  for (const { kind, count, what, most } of more)
    if (count > 0)
      rows.push({
        ...place,
        kind,
        sourceId: 'more',
        name: `${count} more ${what}`,
        status: 'skipped',
        note: `Only the first ${most} ${what} of a message are read. Send the others in another message.`,
      });
  if (readsThread) rows.push({ ...place, ...(await threadRow(org, threadId)) });
  if (rows.length > 0) await org.tx.insert(attachments).values(rows).onConflictDoNothing();
}

const named = (name: string, otherwise: string): string =>
  storable(name).replaceAll(/\s+/g, ' ').trim().slice(0, NAME_LENGTH).toWellFormed() || otherwise;

const fileRow = ({ id, name, mimeType, size, url }: InboundFile) => ({
  kind: 'file' as const,
  sourceId: storable(id),
  name: named(name, 'a file without a name'),
  mimeType: storable(mimeType).slice(0, 100) || 'application/octet-stream',
  size: Number.isSafeInteger(size) && size > 0 ? size : 0,
  url: storable(url),
});

const quoteRow = ({ id, from, text }: InboundQuote) => ({
  kind: 'quote' as const,
  sourceId: storable(id),
  name: named(from, 'someone'),
  size: Buffer.byteLength(text),
  status: 'read' as const,
  text: cut(storable(text), QUOTE_LENGTH),
  note: text.length > QUOTE_LENGTH ? `Only its first ${QUOTE_LENGTH} characters were kept.` : null,
  readAt: new Date(),
});

async function threadRow(org: Org, threadId: string) {
  const [thread] = await org.tx
    .select({ root: threads.thread })
    .from(threads)
    .where(and(eq(threads.orgId, org.id), eq(threads.id, threadId)));
  return { kind: 'thread' as const, sourceId: thread?.root ?? threadId, name: 'the thread before' };
}

/** What came with a message and is not read yet, in the order it came. */
export const pendingAttachments = (org: Org, messageId: string): Promise<Attachment[]> =>
  org.tx
    .select()
    .from(attachments)
    .where(and(eq(attachments.orgId, org.id), eq(attachments.messageId, messageId), eq(attachments.status, 'pending')))
    .orderBy(asc(attachments.id));

export type ReadAttachment = Pick<Row, 'status' | 'note' | 'text' | 'image' | 'mimeType' | 'size' | 'sha256' | 'name'>;

/** Records what became of one, once: a repeat changes nothing. */
export const endAttachment = (org: Org, id: string, read: Partial<ReadAttachment>): Promise<unknown> =>
  org.tx
    .update(attachments)
    .set({ ...read, readAt: new Date() })
    .where(and(eq(attachments.orgId, org.id), eq(attachments.id, id), eq(attachments.status, 'pending')));

/** Everything of these messages but the bytes of images, in the order it came. */
export async function attachmentsOf(
  org: Org,
  messageIds: readonly string[],
): Promise<Map<string, Omit<Attachment, 'image'>[]>> {
  const byMessage = new Map<string, Omit<Attachment, 'image'>[]>();
  if (messageIds.length === 0) return byMessage;
  const { image: _, ...columns } = getTableColumns(attachments);
  const rows = await org.tx
    .select(columns)
    .from(attachments)
    .where(and(eq(attachments.orgId, org.id), inArray(attachments.messageId, [...messageIds])))
    .orderBy(asc(attachments.id));
  for (const row of rows) byMessage.set(row.messageId, [...(byMessage.get(row.messageId) ?? []), row]);
  return byMessage;
}
