import {
  boolean,
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { sql } from 'drizzle-orm';
import type { Role } from '#core/roles.ts';
import { EFFECTS } from '#core/tools.ts';
import { at, createdAt, id, oneOf, orgId } from './_columns.ts';
import { members } from './identity.ts';
import { runs, toolCalls } from './runs.ts';
import { APPROVAL_STATUSES, EFFECT_STATES } from './words.ts';

/** Who may decide, as it stood when the approval was asked (RULES A2, A3). */
export interface ApprovalPolicy {
  version: number;
  roles: Role[];
  members: string[];
  /** The org has one person and the run is not tainted: the requester may decide, and the card says so. */
  requesterMayDecide: boolean;
}

export const approvals = pgTable(
  'approvals',
  {
    id: id(),
    orgId: orgId(),
    runId: uuid('run_id').notNull(),
    threadId: uuid('thread_id').notNull(),
    toolCallId: uuid('tool_call_id').notNull(),
    tool: text('tool').notNull(),
    /** One line: what approving does. */
    summary: text('summary').notNull(),
    payload: text('payload').notNull(),
    payloadSha256: text('payload_sha256').notNull(),
    requestedBy: uuid('requested_by').notNull(),
    policy: jsonb('policy').$type<ApprovalPolicy>().notNull(),
    /** The policy lets somebody decide who does not see all anyway: what a member may see of others is found by it. */
    forMembers: boolean('for_members').generatedAlwaysAs(
      sql`(policy -> 'roles' ? 'member' or policy -> 'members' <> '[]'::jsonb)`,
    ),
    /** Why it waits, and outside text it quotes (RULES T2). */
    reason: text('reason').notNull(),
    /** What the action was declared to do when it was asked; null: asked before this was kept. */
    effect: text('effect', { enum: EFFECTS }),
    origins: jsonb('origins').$type<{ path: string; origin: string }[]>().notNull().default([]),
    /** The approval this one took the place of after an edit (RULES A4), and who edited. */
    supersedes: uuid('supersedes'),
    editedBy: uuid('edited_by')
      .array()
      .notNull()
      .default(sql`'{}'`),
    status: text('status', { enum: APPROVAL_STATUSES }).notNull().default('pending'),
    decidedBy: uuid('decided_by'),
    decidedAt: at('decided_at'),
    comment: text('comment'),
    expiresAt: at('expires_at').notNull(),
    useBefore: at('use_before'),
    /** The effect that used it (RULES E2): used by another effect means used up. */
    usedByEffectId: uuid('used_by_effect_id'),
    signalledAt: at('signalled_at'),
    signalAttempts: integer('signal_attempts').notNull().default(0),
    /** Posts of its card, after an edit, that failed (RULES S1): tried again at `nextCardAt`, given up with an alert after ten. */
    cardAttempts: integer('card_attempts').notNull().default(0),
    nextCardAt: at('next_card_at'),
    /** When the sweeper tells those who may decide directly (db/telling.ts); null: that has ended. */
    tellAt: at('tell_at'),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.orgId, t.id),
    foreignKey({ columns: [t.orgId, t.runId], foreignColumns: [runs.orgId, runs.id] }),
    foreignKey({ columns: [t.orgId, t.toolCallId], foreignColumns: [toolCalls.orgId, toolCalls.id] }),
    foreignKey({ columns: [t.orgId, t.supersedes], foreignColumns: [t.orgId, t.id] }),
    foreignKey({ columns: [t.orgId, t.requestedBy], foreignColumns: [members.orgId, members.id] }),
    // RULES R3: the same payload is asked once in a thread.
    uniqueIndex('approvals_pending_payload')
      .on(t.orgId, t.threadId, t.payloadSha256)
      .where(sql`status = 'pending'`),
    index().on(t.orgId, t.status, t.createdAt),
    index().on(t.orgId, t.createdAt),
    index().on(t.orgId, t.runId),
    index().on(t.orgId, t.toolCallId),
    index().on(t.orgId, t.requestedBy, t.createdAt),
    index('approvals_for_members')
      .on(t.orgId, t.createdAt)
      .where(sql`for_members`),
    index('approvals_settled')
      .on(t.orgId, t.decidedAt)
      .where(sql`status <> 'pending'`),
    // RULES A4: an approval is edited once; the next edit is of the one that took its place.
    uniqueIndex('approvals_supersedes')
      .on(t.orgId, t.supersedes)
      .where(sql`supersedes is not null`),
    index('approvals_untold')
      .on(t.createdAt)
      .where(sql`tell_at is not null`),
    index('approvals_unsignalled')
      .on(t.decidedAt)
      .where(sql`signalled_at is null and status <> 'pending'`),
    check('approvals_status', oneOf('status', APPROVAL_STATUSES)),
    check('approvals_effect', oneOf('effect', EFFECTS)),
  ],
);

export const approvalVotes = pgTable(
  'approval_votes',
  {
    id: id(),
    orgId: orgId(),
    approvalId: uuid('approval_id').notNull(),
    memberId: uuid('member_id').notNull(),
    decision: text('decision', { enum: ['approve', 'deny'] }).notNull(),
    comment: text('comment'),
    apiKeyId: uuid('api_key_id'),
    surface: text('surface').notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.orgId, t.approvalId, t.memberId),
    foreignKey({ columns: [t.orgId, t.approvalId], foreignColumns: [approvals.orgId, approvals.id] }),
    foreignKey({ columns: [t.orgId, t.memberId], foreignColumns: [members.orgId, members.id] }),
  ],
);

/** Every copy of a card: what was shown where, so that a click is bound to it and all copies can be edited (RULES A2, A7). */
export const approvalCards = pgTable(
  'approval_cards',
  {
    id: id(),
    orgId: orgId(),
    approvalId: uuid('approval_id').notNull(),
    platform: text('platform', { enum: ['slack', 'discord', 'web'] }).notNull(),
    tenant: text('tenant').notNull(),
    channel: text('channel').notNull(),
    thread: text('thread').notNull(),
    message: text('message').notNull(),
    payloadSha256: text('payload_sha256').notNull(),
    /** The approval status it shows. */
    shows: text('shows', { enum: APPROVAL_STATUSES }).notNull(),
    /** Edits that failed (RULES S1): tried again at `nextEditAt`, given up with an alert after ten. */
    editAttempts: integer('edit_attempts').notNull().default(0),
    nextEditAt: at('next_edit_at'),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.orgId, t.platform, t.tenant, t.channel, t.message),
    index().on(t.orgId, t.approvalId),
    foreignKey({ columns: [t.orgId, t.approvalId], foreignColumns: [approvals.orgId, approvals.id] }),
  ],
);

/** The ledger: one row per intended side effect (RULES E). */
export const effects = pgTable(
  'effects',
  {
    id: id(),
    orgId: orgId(),
    runId: uuid('run_id').notNull(),
    turnNumber: integer('turn_number').notNull(),
    callNumber: integer('call_number').notNull(),
    toolCallId: uuid('tool_call_id').notNull(),
    /** Its run's, filled in by the database, so that a member's list needs no other table. */
    requestedBy: uuid('requested_by'),
    approvalId: uuid('approval_id'),
    connectionId: uuid('connection_id'),
    tool: text('tool').notNull(),
    summary: text('summary').notNull(),
    payload: text('payload').notNull(),
    payloadSha256: text('payload_sha256').notNull(),
    state: text('state', { enum: EFFECT_STATES }).notNull().default('intended'),
    attempts: integer('attempts').notNull().default(0),
    leaseUntil: at('lease_until'),
    externalId: text('external_id'),
    /** What the other side answered, cut to a size. */
    receipt: text('receipt'),
    error: text('error'),
    resolution: text('resolution', { enum: ['sent', 'not_sent'] }),
    resolvedBy: uuid('resolved_by'),
    resolvedAt: at('resolved_at'),
    confirmedAt: at('confirmed_at'),
    /** What its question shows, once people were asked (RULES E6); `over`: its run has ended. */
    questionShows: text('question_shows', { enum: ['open', 'over', 'answered'] }),
    questionAttempts: integer('question_attempts').notNull().default(0),
    nextQuestionAt: at('next_question_at'),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.orgId, t.id),
    unique().on(t.orgId, t.runId, t.turnNumber, t.callNumber),
    // Questions that may show something older than what is recorded.
    index('effects_questions')
      .on(t.nextQuestionAt)
      .where(sql`question_shows in ('open', 'over')`),
    uniqueIndex('effects_approval').on(t.orgId, t.approvalId),
    foreignKey({ columns: [t.orgId, t.runId], foreignColumns: [runs.orgId, runs.id] }),
    foreignKey({ columns: [t.orgId, t.toolCallId], foreignColumns: [toolCalls.orgId, toolCalls.id] }),
    foreignKey({ columns: [t.orgId, t.approvalId], foreignColumns: [approvals.orgId, approvals.id] }),
    index().on(t.orgId, t.createdAt),
    index().on(t.orgId, t.state, t.createdAt, t.id),
    index().on(t.orgId, t.requestedBy, t.createdAt),
    index().on(t.orgId, t.tool, t.createdAt),
    index().on(t.orgId, t.connectionId, t.createdAt),
    index().on(t.orgId, t.externalId),
    index().on(t.orgId, t.toolCallId),
    check('effects_state', oneOf('state', EFFECT_STATES)),
    check('effects_question', oneOf('question_shows', ['open', 'over', 'answered'])),
  ],
);
