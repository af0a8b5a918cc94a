import { and, asc, eq, getTableColumns, gt, inArray, isNotNull, lt, sql } from 'drizzle-orm';
import type { InboundFile, InboundQuote } from '#core/chat.ts';
import { newId } from '#core/ids.ts';
import { cut, storable } from '#core/text.ts';
import type { Org } from './client.ts';
import { attachments } from './schema/attachments.ts';
import { messages, threads } from './schema/chat.ts';
import { runs } from './schema/runs.ts';

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
        name: `${count} more ${count === 1 ? what.slice(0, -1) : what}`,
        status: 'skipped',
        note: `Only the first ${most} ${what} of a message are read. Send the others in another message.`,
      });
  if (readsThread) rows.push({ ...place, ...(await threadRow(org, threadId)) });
  // Ids tell the order they came in.
  const now = Date.now();
  const numbered = rows.map((row, at) => ({ ...row, id: newId(now + at) }));
  if (numbered.length > 0) await org.tx.insert(attachments).values(numbered).onConflictDoNothing();
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

/** Whether a run's message brought something that is not read yet. */
export async function hasUnread(org: Org, runId: string): Promise<boolean> {
  const [row] = await org.tx
    .select({ id: attachments.id })
    .from(attachments)
    .innerJoin(runs, and(eq(runs.orgId, attachments.orgId), eq(runs.messageId, attachments.messageId)))
    .where(and(eq(runs.orgId, org.id), eq(runs.id, runId), eq(attachments.status, 'pending')))
    .limit(1);
  return row !== undefined;
}

/** One of them without what is in it. */
export type HeldAttachment = Omit<Attachment, 'text' | 'image'>;

/** What came with a message, in the order it came, without what is in it. */
export function heldAttachments(org: Org, messageId: string): Promise<HeldAttachment[]> {
  const { image: _image, text: _text, ...columns } = getTableColumns(attachments);
  return org.tx
    .select(columns)
    .from(attachments)
    .where(and(eq(attachments.orgId, org.id), eq(attachments.messageId, messageId)))
    .orderBy(asc(attachments.id));
}

export type ReadAttachment = Partial<
  Pick<Attachment, 'name' | 'status' | 'note' | 'text' | 'image' | 'mimeType' | 'size' | 'sha256'>
>;

/** Records what became of one, once: a repeat changes nothing. */
export const endAttachment = (org: Org, id: string, read: ReadAttachment): Promise<unknown> =>
  org.tx
    .update(attachments)
    .set({ ...read, ...(read.name !== undefined && { name: named(read.name, 'a file') }), readAt: new Date() })
    .where(and(eq(attachments.orgId, org.id), eq(attachments.id, id), eq(attachments.status, 'pending')));

/** One of them, without the bytes of a picture. `text` may be its beginning only: `textLength` is what is kept, in characters. */
export type SeenAttachment = Omit<Attachment, 'image'> & { textLength: number };

/**
 * What came with these messages, in the order it came. Of the texts no more is read than is shown: `whole` characters of the message it is asked for,
 * `part` of the others.
 */
export async function attachmentsOf(
  org: Org,
  messageIds: readonly string[],
  { of, whole, part }: { of: string; whole: number; part: number },
): Promise<Map<string, SeenAttachment[]>> {
  const byMessage = new Map<string, SeenAttachment[]>();
  if (messageIds.length === 0) return byMessage;
  const { image: _, text, ...columns } = getTableColumns(attachments);
  const length = sql`case when ${attachments.messageId} = ${of}::uuid then ${whole}::int else ${part}::int end`;
  const rows = await org.tx
    .select({
      ...columns,
      text: sql<string | null>`left(${text}, ${length})`,
      textLength: sql<number>`coalesce(length(${text}), 0)`,
    })
    .from(attachments)
    .where(and(eq(attachments.orgId, org.id), inArray(attachments.messageId, [...messageIds])))
    .orderBy(asc(attachments.id));
  for (const row of rows) byMessage.set(row.messageId, [...(byMessage.get(row.messageId) ?? []), row]);
  return byMessage;
}

/** The pictures that came with a message, in the order they came. */
export async function picturesOf(org: Org, messageId: string): Promise<{ mimeType: string; bytes: Uint8Array }[]> {
  const rows = await org.tx
    .select({ mimeType: attachments.mimeType, bytes: attachments.image })
    .from(attachments)
    .where(and(eq(attachments.orgId, org.id), eq(attachments.messageId, messageId), isNotNull(attachments.image)))
    .orderBy(asc(attachments.id));
  return rows.flatMap(({ mimeType, bytes }) => (bytes ? [{ mimeType, bytes }] : []));
}

/** What people are shown of it: how it was called and what became of it, never what is in it. */
export type NamedAttachment = Pick<Attachment, 'messageId' | 'kind' | 'name' | 'mimeType' | 'status' | 'note'>;

/** What came with the messages of a stretch of a thread, by name; `after` is not part of it, nor is `before`. */
export const attachmentsBetween = (
  org: Org,
  threadId: string,
  { after, before }: { after: number; before: number },
): Promise<NamedAttachment[]> =>
  org.tx
    .select(NAMES)
    .from(attachments)
    .innerJoin(messages, and(eq(messages.orgId, attachments.orgId), eq(messages.id, attachments.messageId)))
    .where(
      and(
        eq(attachments.orgId, org.id),
        eq(attachments.threadId, threadId),
        gt(messages.seq, after),
        lt(messages.seq, before),
      ),
    )
    .orderBy(asc(attachments.id));

/** What came with these messages, by name. */
export const attachmentNames = async (org: Org, messageIds: readonly string[]): Promise<NamedAttachment[]> =>
  messageIds.length === 0
    ? []
    : org.tx
        .select(NAMES)
        .from(attachments)
        .where(and(eq(attachments.orgId, org.id), inArray(attachments.messageId, [...messageIds])))
        .orderBy(asc(attachments.id));

const NAMES = {
  messageId: attachments.messageId,
  kind: attachments.kind,
  name: attachments.name,
  mimeType: attachments.mimeType,
  status: attachments.status,
  note: attachments.note,
};
