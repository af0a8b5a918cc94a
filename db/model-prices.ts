import { and, asc, eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { actorText, type Actor } from '#core/roles.ts';
import { audit } from './audit.ts';
import type { Org } from './client.ts';
import type { PriceOverride } from './price-list.ts';
import { modelPrices } from './schema/models.ts';

export { priceFor, type ModelPrice, type PricedProvider, type PriceOverride } from './price-list.ts';

const zNanos = z.int().min(0).max(1_000_000_000_000_000, 'must be at most $1,000,000 for a million tokens');

/** A price as a person gives it, in nano-USD for a million tokens: for the door of pages and API. The model is named as in ABETWORKS_MODEL, without the provider. */
export const zPriceOverride = z.object({
  provider: z.enum(['anthropic', 'openai', 'gemini']),
  model: z
    .string()
    .trim()
    .regex(/^\S{1,200}$/, 'must be the name of a model, without spaces'),
  inputNanos: zNanos,
  cachedInputNanos: zNanos.nullable().default(null),
  cacheWriteNanos: zNanos.nullable().default(null),
  outputNanos: zNanos,
});

/** The org's own prices, by provider and model. */
export const listPriceOverrides = (org: Org): Promise<(typeof modelPrices.$inferSelect)[]> =>
  org.tx
    .select()
    .from(modelPrices)
    .where(eq(modelPrices.orgId, org.id))
    .orderBy(asc(modelPrices.provider), asc(modelPrices.model));

/** Sets the org's price of a model, in the place of an earlier one. Audits it: call it last in its transaction. */
export async function setPriceOverride(org: Org, actor: Actor, price: PriceOverride): Promise<void> {
  const { provider, model, inputNanos, cachedInputNanos, cacheWriteNanos, outputNanos } = price;
  const set = { inputNanos, cachedInputNanos, cacheWriteNanos, outputNanos, setBy: actor.memberId };
  const [row] = await org.tx
    .insert(modelPrices)
    .values({ orgId: org.id, provider, model, ...set, updatedAt: new Date() })
    .onConflictDoUpdate({
      target: [modelPrices.orgId, modelPrices.provider, modelPrices.model],
      set: { ...set, updatedAt: sql`now()` },
    })
    .returning({ id: modelPrices.id });
  if (!row) throw new Error('the price was not stored');
  await audit(org, {
    actor: actorText(actor),
    action: 'model_price.set',
    target: { type: 'model_price', id: row.id },
    details: { provider, model, inputNanos, cachedInputNanos, cacheWriteNanos, outputNanos },
  });
}

/** False: the org has no price of its own for this model. Audits it: call it last in its transaction. */
export async function removePriceOverride(org: Org, actor: Actor, provider: string, model: string): Promise<boolean> {
  const [row] = await org.tx
    .delete(modelPrices)
    .where(and(eq(modelPrices.orgId, org.id), eq(modelPrices.provider, provider), eq(modelPrices.model, model)))
    .returning({ id: modelPrices.id });
  if (!row) return false;
  await audit(org, {
    actor: actorText(actor),
    action: 'model_price.removed',
    target: { type: 'model_price', id: row.id },
    details: { provider, model },
  });
  return true;
}
