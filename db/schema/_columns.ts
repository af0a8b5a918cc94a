import { sql } from 'drizzle-orm';
import { customType, timestamp, uuid } from 'drizzle-orm/pg-core';
import { newId } from '#core/ids.ts';

/** Ids are UUIDv7 made in the app: PostgreSQL 16 and 17 have no uuidv7(). */
export const id = () =>
  uuid('id')
    .primaryKey()
    .$defaultFn(() => newId());

export const orgId = () => uuid('org_id').notNull();
export const at = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: 'date' });
export const createdAt = () =>
  at('created_at')
    .notNull()
    .default(sql`now()`);

export const bytes = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => 'bytea' });

/** `status in (…)` as a CHECK: adding a word later is an ordinary migration, unlike an enum. */
export const oneOf = (column: string, words: readonly string[]) =>
  sql.raw(`${column} in (${words.map((word) => `'${word}'`).join(', ')})`);
