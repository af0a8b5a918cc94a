import { bigint, index, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { at, createdAt, orgId } from './_columns.ts';
import { orgs } from './identity.ts';

/** Hash-chained per org (RULES D6); ids and hashes only. `at` and `details` are kept as the very text that was hashed. */
export const auditLog = pgTable(
  'audit_log',
  {
    orgId: orgId().references(() => orgs.id),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    at: text('at').notNull(),
    actor: text('actor').notNull(),
    action: text('action').notNull(),
    targetType: text('target_type').notNull(),
    targetId: text('target_id').notNull(),
    details: text('details').notNull(),
    previousHash: text('previous_hash').notNull(),
    hash: text('hash').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.orgId, t.seq] }),
    index().on(t.orgId, t.action, t.seq),
    index().on(t.orgId, t.actor, t.seq),
    index().on(t.orgId, t.targetId, t.seq),
    index().on(t.orgId, t.at),
  ],
);

export const auditHeads = pgTable('audit_heads', {
  orgId: uuid('org_id')
    .primaryKey()
    .references(() => orgs.id),
  seq: bigint('seq', { mode: 'number' }).notNull(),
  hash: text('hash').notNull(),
});

/** Signed with a key the database does not hold: a cut tail shows. */
export const auditCheckpoints = pgTable(
  'audit_checkpoints',
  {
    orgId: orgId().references(() => orgs.id),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    hash: text('hash').notNull(),
    keyId: text('key_id').notNull(),
    signature: text('signature').notNull(),
    at: at('at').notNull(),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.orgId, t.seq] })],
);
