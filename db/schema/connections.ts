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
import type { JsonObject } from '#core/tools.ts';
import { at, bytes, createdAt, id, oneOf, orgId } from './_columns.ts';
import { members, orgs } from './identity.ts';

export const connections = pgTable(
  'connections',
  {
    id: id(),
    orgId: orgId().references(() => orgs.id),
    connector: text('connector').notNull(),
    name: text('name').notNull(),
    /** Start of its tools' names: `<slug>_<action>`. */
    slug: text('slug').notNull(),
    /** As the connector's compile step left them: for rest, with its actions resolved. */
    settings: jsonb('settings').$type<JsonObject>().notNull(),
    settingsVersion: integer('settings_version').notNull().default(1),
    visibility: text('visibility', { enum: ['org', 'personal'] })
      .notNull()
      .default('org'),
    ownerMemberId: uuid('owner_member_id').notNull(),
    /** An admin said that what it answers is as good as our own words (RULES T1). */
    isTrusted: boolean('is_trusted').notNull().default(false),
    status: text('status', { enum: ['active', 'removed'] })
      .notNull()
      .default('active'),
    /** What the other side offers now, when it differs from the accepted `settings`: off until an admin accepts it. */
    offered: jsonb('offered').$type<JsonObject>(),
    health: text('health', { enum: ['unknown', 'up', 'down'] })
      .notNull()
      .default('unknown'),
    healthText: text('health_text'),
    healthCheckedAt: at('health_checked_at'),
    /** Since when it is up or down. */
    healthSince: at('health_since'),
    nextCheckAt: at('next_check_at'),
    testedAt: at('tested_at'),
    testResult: text('test_result'),
    updatedAt: at('updated_at').notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.orgId, t.id),
    uniqueIndex('connections_slug')
      .on(t.orgId, t.slug)
      .where(sql`status = 'active'`),
    foreignKey({ columns: [t.orgId, t.ownerMemberId], foreignColumns: [members.orgId, members.id] }),
    index('connections_next_check')
      .on(t.nextCheckAt)
      .where(sql`next_check_at is not null and status = 'active'`),
    check('connections_health', oneOf('health', ['unknown', 'up', 'down'])),
    check('connections_status', oneOf('status', ['active', 'removed'])),
  ],
);

/** AES-256-GCM, bound to org + connection + version (RULES D5). */
export const credentials = pgTable(
  'credentials',
  {
    id: id(),
    orgId: orgId(),
    connectionId: uuid('connection_id').notNull(),
    version: integer('version').notNull(),
    keyId: text('key_id').notNull(),
    sealed: bytes('sealed').notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.orgId, t.connectionId, t.version),
    foreignKey({ columns: [t.orgId, t.connectionId], foreignColumns: [connections.orgId, connections.id] }),
  ],
);
