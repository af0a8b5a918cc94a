import { and, eq, gte, inArray, lt, type SQL } from 'drizzle-orm';
import type { Actor } from '#core/roles.ts';
import type { Org } from './client.ts';
import { eitherWay, newestOf, type PageOf, type TwoWayPage } from './paging.ts';
import { effects } from './schema/approvals.ts';
import type { EffectState } from './schema/words.ts';
import { effectWays, seesEffects } from './visibility.ts';

export type EffectRow = typeof effects.$inferSelect;

export interface EffectFilters {
  runId?: string | undefined;
  state?: EffectState | undefined;
  tool?: string | undefined;
  connectionId?: string | undefined;
  /** The id on the other side, whole. */
  externalId?: string | undefined;
  /** From this moment on, and before that one. */
  from?: Date | undefined;
  to?: Date | undefined;
}

const isAsked = (orgId: string, filters: EffectFilters): SQL | undefined =>
  and(
    eq(effects.orgId, orgId),
    filters.runId === undefined ? undefined : eq(effects.runId, filters.runId),
    filters.state && eq(effects.state, filters.state),
    filters.tool === undefined ? undefined : eq(effects.tool, filters.tool),
    filters.connectionId === undefined ? undefined : eq(effects.connectionId, filters.connectionId),
    filters.externalId === undefined ? undefined : eq(effects.externalId, filters.externalId),
    filters.from && gte(effects.createdAt, filters.from),
    filters.to && lt(effects.createdAt, filters.to),
  );

/** The ledger as the actor sees it, newest first; a cursor leads to older entries or back to newer ones. */
export async function listEffects(
  org: Org,
  actor: Actor,
  query: PageOf & EffectFilters,
): Promise<TwoWayPage<EffectRow>> {
  const step = eitherWay(effects, query.cursor);
  const keys = await newestOf(step, effectWays(actor), query.limit + 1, (way) =>
    org.tx
      .select({ id: effects.id, createdAt: effects.createdAt })
      .from(effects)
      .where(and(isAsked(org.id, query), way, step.where))
      .orderBy(...step.order)
      .limit(query.limit + 1),
  );
  const page = step.take(keys, query.limit, (key) => key);
  if (page.items.length === 0) return { ...page, items: [] };
  const ids = page.items.map(({ id }) => id);
  const rows = await org.tx
    .select()
    .from(effects)
    .where(and(eq(effects.orgId, org.id), inArray(effects.id, ids)));
  const byId = new Map(rows.map((row) => [row.id, row]));
  return { ...page, items: ids.flatMap((id) => byId.get(id) ?? []) };
}

export async function findEffect(org: Org, actor: Actor, effectId: string): Promise<EffectRow | undefined> {
  const [row] = await org.tx
    .select()
    .from(effects)
    .where(and(eq(effects.orgId, org.id), eq(effects.id, effectId), seesEffects(actor)));
  return row;
}
