import {
  bigint,
  boolean,
  check,
  foreignKey,
  integer,
  jsonb,
  pgTable,
  text,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { sql } from 'drizzle-orm';
import type { OrgSettingsInput as OrgSettings, Policy } from '#core/policy.ts';
import { ROLES } from '#core/roles.ts';
import { at, createdAt, id, oneOf, orgId } from './_columns.ts';

export const orgs = pgTable(
  'orgs',
  {
    id: id(),
    name: text('name').notNull(),
    policy: jsonb('policy').$type<Policy>().notNull(),
    /** Limits, retention and hosts; parsed by zOrgSettings. */
    settings: jsonb('settings').$type<OrgSettings>().notNull().default({}),
    /** The org of the environment's tokens and models (RULES D7). */
    isFirst: boolean('is_first').notNull().default(false),
    /** Sticky: once an org had two active members, nobody decides alone any more (RULES A3). */
    hadSecondMember: boolean('had_second_member').notNull().default(false),
    createdAt: createdAt(),
  },
  (t) => [
    uniqueIndex('orgs_first')
      .on(t.isFirst)
      .where(sql`${t.isFirst}`),
  ],
);

export const members = pgTable(
  'members',
  {
    id: id(),
    orgId: orgId().references(() => orgs.id),
    /** better-auth's user, once the invitation is accepted. */
    userId: text('user_id'),
    email: text('email').notNull(),
    name: text('name').notNull(),
    role: text('role', { enum: ROLES }).notNull(),
    status: text('status', { enum: ['invited', 'active', 'deactivated'] }).notNull(),
    activatedAt: at('activated_at'),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.orgId, t.id),
    uniqueIndex('members_email').on(t.orgId, sql`lower(${t.email})`),
    uniqueIndex('members_user').on(t.userId),
    check('members_role', oneOf('role', ROLES)),
    check('members_status', oneOf('status', ['invited', 'active', 'deactivated'])),
  ],
);

export const invitations = pgTable(
  'invitations',
  {
    id: id(),
    orgId: orgId(),
    memberId: uuid('member_id').notNull(),
    tokenHash: text('token_hash').notNull().unique(),
    createdBy: uuid('created_by'),
    expiresAt: at('expires_at').notNull(),
    acceptedAt: at('accepted_at'),
    createdAt: createdAt(),
  },
  (t) => [foreignKey({ columns: [t.orgId, t.memberId], foreignColumns: [members.orgId, members.id] })],
);

/** One-time links to choose a new password, 1 h (RULES D4). */
export const passwordResets = pgTable(
  'password_resets',
  {
    id: id(),
    orgId: orgId(),
    memberId: uuid('member_id').notNull(),
    tokenHash: text('token_hash').notNull().unique(),
    /** Null: made from the command line. */
    createdBy: uuid('created_by'),
    expiresAt: at('expires_at').notNull(),
    usedAt: at('used_at'),
    createdAt: createdAt(),
  },
  (t) => [foreignKey({ columns: [t.orgId, t.memberId], foreignColumns: [members.orgId, members.id] })],
);

export const apiKeys = pgTable(
  'api_keys',
  {
    id: id(),
    orgId: orgId(),
    /** Whom it acts for. */
    memberId: uuid('member_id').notNull(),
    /** Who made it (RULES A3: the maker is on record). */
    createdBy: uuid('created_by').notNull(),
    name: text('name').notNull(),
    prefix: text('prefix').notNull(),
    keyHash: text('key_hash').notNull().unique(),
    scopes: text('scopes')
      .array()
      .notNull()
      .default(sql`'{full}'`),
    isBootstrap: boolean('is_bootstrap').notNull().default(false),
    lastUsedAt: at('last_used_at'),
    revokedAt: at('revoked_at'),
    createdAt: createdAt(),
  },
  (t) => [
    foreignKey({ columns: [t.orgId, t.memberId], foreignColumns: [members.orgId, members.id] }),
    unique().on(t.orgId, t.id),
  ],
);

/** A platform's tenant (Slack team, Discord guild; for web the org id itself) → org (RULES I3). */
export const tenants = pgTable(
  'tenants',
  {
    id: id(),
    orgId: orgId().references(() => orgs.id),
    platform: text('platform').notNull(),
    tenant: text('tenant').notNull(),
    createdAt: createdAt(),
  },
  (t) => [unique().on(t.platform, t.tenant)],
);

/** A member's account on a platform; for web the member id itself. */
export const identities = pgTable(
  'identities',
  {
    id: id(),
    orgId: orgId(),
    memberId: uuid('member_id').notNull(),
    platform: text('platform').notNull(),
    tenant: text('tenant').notNull(),
    externalId: text('external_id').notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    foreignKey({ columns: [t.orgId, t.memberId], foreignColumns: [members.orgId, members.id] }),
    unique().on(t.platform, t.tenant, t.externalId),
  ],
);

/** Answers to POSTs sent with an `Idempotency-Key`; in flight while `status` is null. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    id: id(),
    orgId: orgId(),
    memberId: uuid('member_id').notNull(),
    key: text('key').notNull(),
    requestHash: text('request_hash').notNull(),
    status: integer('status'),
    response: text('response'),
    createdAt: createdAt(),
  },
  (t) => [
    foreignKey({ columns: [t.orgId, t.memberId], foreignColumns: [members.orgId, members.id] }),
    unique().on(t.orgId, t.memberId, t.key),
  ],
);

/** What must match the key ring before anything starts (RULES D5); global, one row per key id. */
export const keyChecks = pgTable('key_checks', {
  keyId: text('key_id').primaryKey(),
  check: text('check').notNull(),
  createdAt: createdAt(),
});

/** Counters of the login and API rate limits (rate-limiter-flexible's own layout); global. */
export const rateLimits = pgTable('rate_limits', {
  key: text('key').primaryKey(),
  points: integer('points').notNull().default(0),
  expire: bigint('expire', { mode: 'number' }),
});
