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
import type { RunProgress } from '#core/chat.ts';
import { at, bytes, createdAt, id, oneOf, orgId } from './_columns.ts';
import { members, orgs } from './identity.ts';
import { runs } from './runs.ts';

/** A Slack workspace, or a whole Enterprise, that the app was installed in. The environment's bot token is one too, of the first org (RULES D7). */
export const slackInstallations = pgTable(
  'slack_installations',
  {
    id: id(),
    orgId: orgId().references(() => orgs.id),
    /** The team's id, or the enterprise's when the app was installed for all of it. */
    tenant: text('tenant').notNull(),
    isEnterprise: boolean('is_enterprise').notNull().default(false),
    teamName: text('team_name').notNull(),
    appId: text('app_id'),
    botUserId: text('bot_user_id').notNull(),
    botId: text('bot_id'),
    scopes: text('scopes')
      .array()
      .notNull()
      .default(sql`'{}'`),
    source: text('source', { enum: ['oauth', 'env'] }).notNull(),
    /** The token, and what refreshes it, sealed for org and tenant (RULES D5); null for the environment's, and once it is gone. */
    keyId: text('key_id'),
    sealed: bytes('sealed'),
    /** When the token must be refreshed; null: it stays valid. */
    expiresAt: at('expires_at'),
    status: text('status', { enum: ['active', 'revoked', 'uninstalled'] })
      .notNull()
      .default('active'),
    /** Why it does not work, in a sentence. */
    problem: text('problem'),
    installedBy: uuid('installed_by'),
    /** When Slack last sent something: the set-up page looks at it. */
    heardAt: at('heard_at'),
    updatedAt: at('updated_at').notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.orgId, t.id),
    unique().on(t.orgId, t.tenant),
    // A workspace works for one org only.
    uniqueIndex('slack_installations_tenant')
      .on(t.tenant)
      .where(sql`status = 'active'`),
    foreignKey({ columns: [t.orgId, t.installedBy], foreignColumns: [members.orgId, members.id] }),
    check('slack_installations_status', oneOf('status', ['active', 'revoked', 'uninstalled'])),
  ],
);

/** What Slack says of a person, kept for a while: whether they may ask is judged by it. */
export const slackPeople = pgTable(
  'slack_people',
  {
    id: id(),
    orgId: orgId().references(() => orgs.id),
    tenant: text('tenant').notNull(),
    externalId: text('external_id').notNull(),
    name: text('name').notNull(),
    email: text('email'),
    /** Their own workspace. */
    teamId: text('team_id'),
    isBot: boolean('is_bot').notNull(),
    isGuest: boolean('is_guest').notNull(),
    /** Of another company, through Slack Connect. */
    isStranger: boolean('is_stranger').notNull(),
    isDeactivated: boolean('is_deactivated').notNull(),
    fetchedAt: at('fetched_at').notNull(),
    /** When they were last told why nobody answers them. */
    toldAt: at('told_at'),
    createdAt: createdAt(),
  },
  (t) => [unique().on(t.orgId, t.tenant, t.externalId)],
);

/** One-time private links that tie a Slack account to a member. */
export const slackLinks = pgTable(
  'slack_links',
  {
    id: id(),
    orgId: orgId().references(() => orgs.id),
    tenant: text('tenant').notNull(),
    externalId: text('external_id').notNull(),
    tokenHash: text('token_hash').notNull().unique(),
    expiresAt: at('expires_at').notNull(),
    usedAt: at('used_at'),
    usedBy: uuid('used_by'),
    createdAt: createdAt(),
  },
  (t) => [
    index().on(t.orgId, t.tenant, t.externalId),
    foreignKey({ columns: [t.orgId, t.usedBy], foreignColumns: [members.orgId, members.id] }),
  ],
);

/** Installs under way: the state that Slack hands back is bound to the admin who began, and works once. */
export const slackOauthStates = pgTable(
  'slack_oauth_states',
  {
    id: id(),
    orgId: orgId().references(() => orgs.id),
    memberId: uuid('member_id').notNull(),
    stateHash: text('state_hash').notNull().unique(),
    /** PKCE's secret half, sealed. */
    keyId: text('key_id').notNull(),
    sealed: bytes('sealed').notNull(),
    expiresAt: at('expires_at').notNull(),
    usedAt: at('used_at'),
    createdAt: createdAt(),
  },
  (t) => [foreignKey({ columns: [t.orgId, t.memberId], foreignColumns: [members.orgId, members.id] })],
);

/** Every message we mean to post, before it is posted: a post whose answer was lost is looked up by its key, not repeated. */
export const slackPosts = pgTable(
  'slack_posts',
  {
    id: id(),
    orgId: orgId().references(() => orgs.id),
    /** `Outgoing.key`. */
    key: text('key').notNull(),
    /** A long message is several posts. */
    part: integer('part').notNull().default(0),
    tenant: text('tenant').notNull(),
    channel: text('channel').notNull(),
    /** The root message's ts; empty for a message of its own. */
    thread: text('thread').notNull(),
    state: text('state', { enum: ['intended', 'posted'] })
      .notNull()
      .default('intended'),
    intendedAt: at('intended_at').notNull(),
    /** Sends that may have gone through. */
    attempts: integer('attempts').notNull().default(0),
    /** Somebody is posting it: until then nobody else may. */
    leaseUntil: at('lease_until'),
    /** When a send of it was last begun. */
    sentAt: at('sent_at'),
    /** Slack's id of the message, once known. */
    ts: text('ts'),
    /** sha256 of what it shows: an edit that changes nothing is not sent. */
    shows: text('shows'),
    updatedAt: at('updated_at').notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.orgId, t.key, t.part),
    index().on(t.orgId, t.tenant, t.channel, t.ts),
    index('slack_posts_anchors')
      .on(t.orgId, t.tenant, t.thread)
      .where(sql`key like 'anchor:%'`),
    check('slack_posts_state', oneOf('state', ['intended', 'posted'])),
  ],
);

/** Whose App Home was opened: it is published again when something on it changes. */
export const slackHomes = pgTable(
  'slack_homes',
  {
    id: id(),
    orgId: orgId().references(() => orgs.id),
    tenant: text('tenant').notNull(),
    externalId: text('external_id').notNull(),
    /** sha256 of the view that was published last. */
    shows: text('shows'),
    openedAt: at('opened_at').notNull(),
    updatedAt: at('updated_at').notNull(),
    createdAt: createdAt(),
  },
  (t) => [unique().on(t.orgId, t.tenant, t.externalId)],
);

/** What Slack shows of a run, as far as we were told that it does. */
export interface LiveShown extends Pick<RunProgress, 'state' | 'text' | 'steps'> {
  /** The line beside the app's name; empty: none. */
  status: string;
  /** Steps that ended in an earlier message: a later one leaves them out. */
  settled: string[];
  /** Messages begun so far. */
  messages: number;
  /** Its message is, or was, about to be posted: look for it before it is posted again. */
  isPosting?: boolean;
}

/** The live message of a run: what it shows of the work under way, and by which means. */
export const slackLive = pgTable(
  'slack_live',
  {
    id: id(),
    orgId: orgId(),
    runId: uuid('run_id').notNull(),
    tenant: text('tenant').notNull(),
    channel: text('channel').notNull(),
    thread: text('thread').notNull(),
    /** `none`: the session's status only. */
    mode: text('mode', { enum: ['none', 'stream', 'edits'] })
      .notNull()
      .default('none'),
    ts: text('ts'),
    /** When the stream, which Slack ends by itself after five minutes, began. */
    streamStartedAt: at('stream_started_at'),
    /** What was last shown; nothing once it is closed. */
    shown: jsonb('shown').$type<LiveShown>(),
    /** The session's status as last set, and when: it fades after two minutes. */
    session: text('session'),
    sessionAt: at('session_at'),
    /** Not to be touched before: the pause between two edits. */
    nextShowAt: at('next_show_at').notNull(),
    /** When it needs a look although nothing changes: before the session fades or the stream grows too old. */
    dueAt: at('due_at'),
    /** Calls in a row that did not get through. */
    attempts: integer('attempts').notNull().default(0),
    closedAt: at('closed_at'),
    updatedAt: at('updated_at').notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.orgId, t.runId),
    index('slack_live_open')
      .on(t.updatedAt)
      .where(sql`closed_at is null`),
    foreignKey({ columns: [t.orgId, t.runId], foreignColumns: [runs.orgId, runs.id] }),
    check('slack_live_mode', oneOf('mode', ['none', 'stream', 'edits'])),
  ],
);
