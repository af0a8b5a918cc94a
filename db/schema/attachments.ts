import { bigint, check, foreignKey, index, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core';
import { at, bytes, createdAt, id, oneOf, orgId } from './_columns.ts';
import { messages } from './chat.ts';
import { members } from './identity.ts';
import { runs } from './runs.ts';

/** What came with a message: files, a quoted message, the thread it was said in. Always outside text (RULES T1). */
export const attachments = pgTable(
  'attachments',
  {
    id: id(),
    orgId: orgId(),
    messageId: uuid('message_id').notNull(),
    threadId: uuid('thread_id').notNull(),
    kind: text('kind', { enum: ['file', 'quote', 'thread'] }).notNull(),
    /** The platform's id of it. */
    sourceId: text('source_id').notNull(),
    name: text('name').notNull(),
    mimeType: text('mime_type').notNull().default('text/plain'),
    size: bigint('size', { mode: 'number' }).notNull().default(0),
    /** Where it is fetched from, with the platform's token. */
    url: text('url'),
    status: text('status', { enum: ['pending', 'read', 'skipped'] })
      .notNull()
      .default('pending'),
    /** Why it was skipped, or how much was left out. */
    note: text('note'),
    text: text('text'),
    image: bytes('image'),
    sha256: text('sha256'),
    readAt: at('read_at'),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.orgId, t.id),
    unique().on(t.orgId, t.messageId, t.kind, t.sourceId),
    index().on(t.orgId, t.threadId),
    foreignKey({ columns: [t.orgId, t.messageId], foreignColumns: [messages.orgId, messages.id] }),
    check('attachments_kind', oneOf('kind', ['file', 'quote', 'thread'])),
    check('attachments_status', oneOf('status', ['pending', 'read', 'skipped'])),
  ],
);

/** What a member said of an answer; the last word counts. */
export const runFeedback = pgTable(
  'run_feedback',
  {
    id: id(),
    orgId: orgId(),
    runId: uuid('run_id').notNull(),
    memberId: uuid('member_id').notNull(),
    rating: text('rating', { enum: ['good', 'bad'] }).notNull(),
    surface: text('surface').notNull(),
    updatedAt: at('updated_at').notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.orgId, t.runId, t.memberId),
    foreignKey({ columns: [t.orgId, t.runId], foreignColumns: [runs.orgId, runs.id] }),
    foreignKey({ columns: [t.orgId, t.memberId], foreignColumns: [members.orgId, members.id] }),
    check('run_feedback_rating', oneOf('rating', ['good', 'bad'])),
  ],
);
