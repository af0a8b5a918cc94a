import { bigint, foreignKey, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core';
import { at, createdAt, id, orgId } from './_columns.ts';
import { members } from './identity.ts';

/** An org's own prices, in nano-USD for a million tokens: they win over those of the price package. */
export const modelPrices = pgTable(
  'model_prices',
  {
    id: id(),
    orgId: orgId(),
    provider: text('provider').notNull(),
    model: text('model').notNull(),
    inputNanos: bigint('input_nanos', { mode: 'number' }).notNull(),
    /** Null: as `inputNanos`. */
    cachedInputNanos: bigint('cached_input_nanos', { mode: 'number' }),
    cacheWriteNanos: bigint('cache_write_nanos', { mode: 'number' }),
    outputNanos: bigint('output_nanos', { mode: 'number' }).notNull(),
    setBy: uuid('set_by').notNull(),
    updatedAt: at('updated_at').notNull(),
    createdAt: createdAt(),
  },
  (t) => [
    unique().on(t.orgId, t.provider, t.model),
    foreignKey({ columns: [t.orgId, t.setBy], foreignColumns: [members.orgId, members.id] }),
  ],
);
