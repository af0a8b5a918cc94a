import { boolean, pgTable, text } from 'drizzle-orm/pg-core';
import { createdAt, id, orgId } from './_columns.ts';
import { orgs } from './identity.ts';

/** What a short workflow found out for a waiting web request: Temporal carries its id only (RULES R1). Deleted once read. */
export const answers = pgTable('answers', {
  id: id(),
  orgId: orgId().references(() => orgs.id),
  isOk: boolean('is_ok').notNull(),
  text: text('text').notNull(),
  createdAt: createdAt(),
});
