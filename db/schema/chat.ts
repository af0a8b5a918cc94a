import { sql } from 'drizzle-orm';
import { boolean, check, foreignKey, index, integer, jsonb, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core';
import type { Outgoing } from '#core/chat.ts';
import { at, createdAt, id, oneOf, orgId } from './_columns.ts';
import { members, orgs } from './identity.ts';

/** Every platform event, once (RULES I1, I2). Refused rows keep ids, no text (I3). */
export const inboundEvents = pgTable(
  'inbound_events',
  {
    id: id(),
    /** Null when the tenant is unknown to us. */
    orgId: uuid('org_id').references(() => orgs.id),
    platform: text('platform').notNull(),
    tenant: text('tenant').notNull(),
    sourceKey: text('source_key').notNull(),
    senderId: text('sender_id').notNull(),
    outcome: text('outcome', { enum: ['run', 'command', 'refused', 'ignored'] }).notNull(),
    reason: text('reason'),
    runId: uuid('run_id'),
    /** Somebody acts on it until then; once that is over, whoever it was died. Null: acted on, or nothing to act on. */
    actingUntil: at('acting_until'),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.platform, t.tenant, t.sourceKey),
    // What retention removes, oldest first.
    index().on(t.orgId, t.createdAt),
    // How a run was asked for, at each answer.
    index('inbound_events_runs')
      .on(t.orgId, t.runId)
      .where(sql`run_id is not null`),
    check('inbound_outcome', oneOf('outcome', ['run', 'command', 'refused', 'ignored'])),
  ],
);

/** Signatures of platform requests that were taken in, for as long as they could be played back (RULES I1); global. */
export const requestSignatures = pgTable('request_signatures', {
  signature: text('signature').primaryKey(),
  seenAt: createdAt(),
});

/** When a channel takes the next message: its budget, shared by every process that speaks. */
export const channelTurns = pgTable(
  'channel_turns',
  {
    id: id(),
    orgId: orgId().references(() => orgs.id),
    platform: text('platform').notNull(),
    tenant: text('tenant').notNull(),
    channel: text('channel').notNull(),
    nextAt: at('next_at').notNull(),
    createdAt: createdAt(),
  },
  (t) => [unique().on(t.orgId, t.platform, t.tenant, t.channel)],
);

export const threads = pgTable(
  'threads',
  {
    id: id(),
    orgId: orgId().references(() => orgs.id),
    platform: text('platform', { enum: ['slack', 'discord', 'web'] }).notNull(),
    tenant: text('tenant').notNull(),
    channel: text('channel').notNull(),
    thread: text('thread').notNull(),
    /** Between the assistant and one person, or a few, and nobody else (RULES D3). */
    isDirect: boolean('is_direct').notNull().default(false),
    title: text('title').notNull(),
    createdBy: uuid('created_by').notNull(),
    lastSeq: integer('last_seq').notNull().default(0),
    lastRunNumber: integer('last_run_number').notNull().default(0),
    /** The run whose turn it is (RULES R2). */
    claimRunId: uuid('claim_run_id'),
    claimUntil: at('claim_until'),
    updatedAt: at('updated_at').notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.orgId, t.id),
    unique().on(t.orgId, t.platform, t.tenant, t.channel, t.thread),
    foreignKey({ columns: [t.orgId, t.createdBy], foreignColumns: [members.orgId, members.id] }),
    index().on(t.orgId, t.createdBy, t.updatedAt),
    index().on(t.orgId, t.createdAt),
    index().on(t.orgId, t.createdBy, t.createdAt),
  ],
);

/** Its column `search` (words to search by, made by the database) is known to db/search.ts only: no other reading pays for it. */
export const messages = pgTable(
  'messages',
  {
    id: id(),
    orgId: orgId(),
    threadId: uuid('thread_id').notNull(),
    seq: integer('seq').notNull(),
    role: text('role', { enum: ['user', 'assistant'] }).notNull(),
    text: text('text').notNull(),
    /** Suggested next messages, shown as buttons. */
    suggestions: jsonb('suggestions').$type<string[]>().notNull().default([]),
    /** Set for a person's message. */
    memberId: uuid('member_id'),
    runId: uuid('run_id'),
    /** Outside text (RULES T1): where it came from, or null. */
    outside: text('outside'),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.orgId, t.id),
    unique().on(t.orgId, t.threadId, t.seq),
    index().on(t.orgId, t.runId),
    foreignKey({ columns: [t.orgId, t.threadId], foreignColumns: [threads.orgId, threads.id] }),
  ],
);

/** What the web chat shows from the assistant's side: the web platform's own store, written only by its ChatOut. */
export const webPosts = pgTable(
  'web_posts',
  {
    id: id(),
    orgId: orgId(),
    threadId: uuid('thread_id').notNull(),
    key: text('key').notNull(),
    content: jsonb('content').$type<Outgoing>().notNull(),
    editedAt: at('edited_at'),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.orgId, t.key),
    index().on(t.orgId, t.threadId, t.createdAt),
    foreignKey({ columns: [t.orgId, t.threadId], foreignColumns: [threads.orgId, threads.id] }),
  ],
);

/** What older messages of a thread said, in short, so that a long thread stays cheap. A run uses the newest one that ends before its own message. */
export const threadSummaries = pgTable(
  'thread_summaries',
  {
    id: id(),
    orgId: orgId(),
    threadId: uuid('thread_id').notNull(),
    /** The last message it covers. */
    upToSeq: integer('up_to_seq').notNull(),
    text: text('text').notNull(),
    /** Origins of the outside text it was made from (RULES T1); it is as tainted as what it sums up. */
    outside: jsonb('outside').$type<SummarySource[]>().notNull().default([]),
    provider: text('provider').notNull(),
    model: text('model').notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.orgId, t.threadId, t.upToSeq),
    foreignKey({ columns: [t.orgId, t.threadId], foreignColumns: [threads.orgId, threads.id] }),
  ],
);

export interface SummarySource {
  origin: string;
  /** Connections the outside text can come from; null stands for anything else. */
  from: (string | null)[];
  /** Whose words these are: outside text for everybody but this member (RULES T1). Without it: for everybody. */
  memberId?: string;
}
