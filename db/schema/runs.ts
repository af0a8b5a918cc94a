import {
  bigint,
  boolean,
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';
import { sql } from 'drizzle-orm';
import type { JsonObject } from '#core/tools.ts';
import { ACTION_EFFECTS } from './words.ts';
import { at, createdAt, id, oneOf, orgId } from './_columns.ts';
import { members } from './identity.ts';
import { messages, threads } from './chat.ts';
import { CALL_STATUSES, MODEL_CALL_STATUSES, RUN_STATUSES } from './words.ts';

export interface GivenCall {
  tool: string;
  input: JsonObject;
}

export const runs = pgTable(
  'runs',
  {
    id: id(),
    orgId: orgId(),
    threadId: uuid('thread_id').notNull(),
    messageId: uuid('message_id').notNull(),
    /** Counts the requests of its thread: "request 3". */
    number: integer('number').notNull(),
    /** The message's sequence number: the run reads its thread up to here (RULES R2). */
    seq: integer('seq').notNull(),
    requestedBy: uuid('requested_by').notNull(),
    /** Its thread's, filled in by the database, so that a list by platform needs no other table. */
    platform: text('platform', { enum: ['slack', 'discord', 'web'] })
      .notNull()
      .default('web'),
    status: text('status', { enum: RUN_STATUSES }).notNull().default('running'),
    /** One line for people: what it is doing or why it ended. */
    statusText: text('status_text'),
    /** Where the first outside text in its context came from (RULES T1), or null. */
    taint: text('taint'),
    stopRequestedAt: at('stop_requested_at'),
    stopRequestedBy: uuid('stop_requested_by'),
    startedAt: at('started_at'),
    startAttempts: integer('start_attempts').notNull().default(0),
    nextStartAt: at('next_start_at').notNull(),
    checkedAt: at('checked_at'),
    /** The one tool call it is about, when it was given through the gateway instead of chosen by a model. */
    given: jsonb('given').$type<GivenCall>(),
    /** The run it repeats, when a person asked for it again. */
    againOf: uuid('again_of'),
    /** What the person had open when they asked, as kinds and ids. */
    lookingAt: text('looking_at'),
    /** Machine time used so far, without waiting for people, in ms (RULES R4). */
    machineMs: bigint('machine_ms', { mode: 'number' }).notNull().default(0),
    endedAt: at('ended_at'),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.orgId, t.id),
    unique().on(t.orgId, t.threadId, t.number),
    foreignKey({ columns: [t.orgId, t.threadId], foreignColumns: [threads.orgId, threads.id] }),
    foreignKey({ columns: [t.orgId, t.messageId], foreignColumns: [messages.orgId, messages.id] }),
    foreignKey({ columns: [t.orgId, t.requestedBy], foreignColumns: [members.orgId, members.id] }),
    index().on(t.orgId, t.requestedBy, t.createdAt),
    index().on(t.orgId, t.createdAt),
    index().on(t.orgId, t.status, t.createdAt, t.id),
    index().on(t.orgId, t.requestedBy, t.status, t.createdAt),
    index().on(t.orgId, t.platform, t.createdAt),
    index().on(t.orgId, t.messageId),
    index().on(t.orgId, t.endedAt),
    index('runs_active').on(t.status, t.nextStartAt),
    // The status lines of R2, however long the thread is.
    index('runs_active_of_thread')
      .on(t.orgId, t.threadId, t.number)
      .where(sql`status in ('running', 'waiting')`),
    check('runs_status', oneOf('status', RUN_STATUSES)),
  ],
);

export const turns = pgTable(
  'turns',
  {
    id: id(),
    orgId: orgId(),
    runId: uuid('run_id').notNull(),
    number: integer('number').notNull(),
    kind: text('kind', { enum: ['reply', 'tools'] }).notNull(),
    text: text('text').notNull().default(''),
    suggestions: jsonb('suggestions').$type<string[]>().notNull().default([]),
    provider: text('provider').notNull(),
    model: text('model').notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.orgId, t.runId, t.number),
    foreignKey({ columns: [t.orgId, t.runId], foreignColumns: [runs.orgId, runs.id] }),
  ],
);

/** One row per attempt to call a model, written before the call, so that a kill hides no billed call (RULES R4). */
export const modelCalls = pgTable(
  'model_calls',
  {
    id: id(),
    orgId: orgId(),
    runId: uuid('run_id').notNull(),
    turnNumber: integer('turn_number').notNull(),
    provider: text('provider').notNull(),
    model: text('model').notNull(),
    status: text('status', { enum: MODEL_CALL_STATUSES }).notNull(),
    inputTokens: integer('input_tokens'),
    /** Part of `inputTokens` that the vendor read from, or wrote to, its prompt cache. */
    cachedInputTokens: integer('cached_input_tokens'),
    cacheWriteTokens: integer('cache_write_tokens'),
    outputTokens: integer('output_tokens'),
    /** Null: the price is unknown, or the call did not end. */
    costNanos: bigint('cost_nanos', { mode: 'number' }),
    /** What the caps count while the true cost is not known. */
    reservedNanos: bigint('reserved_nanos', { mode: 'number' }).notNull(),
    /** The vendor's status, when it answered. */
    httpStatus: integer('http_status'),
    error: text('error'),
    requestId: text('request_id'),
    endedAt: at('ended_at'),
    createdAt: createdAt(),
  },
  (t) => [
    foreignKey({ columns: [t.orgId, t.runId], foreignColumns: [runs.orgId, runs.id] }),
    index().on(t.orgId, t.createdAt),
    index().on(t.orgId, t.runId),
    index().on(t.orgId, t.provider, t.model, t.createdAt),
    check('model_calls_status', oneOf('status', MODEL_CALL_STATUSES)),
  ],
);

export const toolCalls = pgTable(
  'tool_calls',
  {
    id: id(),
    orgId: orgId(),
    runId: uuid('run_id').notNull(),
    turnNumber: integer('turn_number').notNull(),
    callNumber: integer('call_number').notNull(),
    tool: text('tool').notNull(),
    effect: text('effect', { enum: ACTION_EFFECTS }),
    connectionId: uuid('connection_id'),
    /** The model's own id for the call, to answer it; never a key of ours (RULES E1). */
    modelCallId: text('model_call_id'),
    /** Arguments as the model gave them, or as people left them who edited the call (RULES A4). */
    input: text('input').notNull(),
    /** RFC 8785 text of what would run (RULES A1), null when the call was refused before it came to that. */
    payload: text('payload'),
    payloadSha256: text('payload_sha256'),
    needsApproval: boolean('needs_approval').notNull().default(false),
    approvalId: uuid('approval_id'),
    /** Members who changed the arguments before they were approved (RULES A4): they count as requesters. */
    editedBy: uuid('edited_by')
      .array()
      .notNull()
      .default(sql`'{}'`),
    status: text('status', { enum: CALL_STATUSES }).notNull(),
    result: text('result'),
    /** Origin of the result when it is outside text (RULES T1). */
    outside: text('outside'),
    startedAt: at('started_at'),
    endedAt: at('ended_at'),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.orgId, t.id),
    unique().on(t.orgId, t.runId, t.turnNumber, t.callNumber),
    // The calls that wait for a connection which is down.
    index('tool_calls_running')
      .on(t.orgId, t.connectionId)
      .where(sql`status = 'running'`),
    // Every run that waits for one answer (RULES R3).
    index().on(t.orgId, t.approvalId),
    foreignKey({ columns: [t.orgId, t.runId], foreignColumns: [runs.orgId, runs.id] }),
    check('tool_calls_status', oneOf('status', CALL_STATUSES)),
  ],
);
