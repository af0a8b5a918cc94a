import { and, desc, eq, gte, sql } from 'drizzle-orm';
import { may, type Actor } from '#core/roles.ts';
import type { Org } from '#db/client.ts';
import {
  listPriceOverrides,
  priceFor,
  type ModelPrice,
  type PricedProvider,
  type PriceOverride,
} from '#db/model-prices.ts';
import { readOrg } from '#db/orgs.ts';
import { modelCalls } from '#db/schema/runs.ts';

export interface ChainEntry {
  provider: PricedProvider;
  model: string;
}

/** `failing`: the last call that ended has failed. `unused`: none in the last 24 hours. */
export interface ModelHealth {
  status: 'ok' | 'failing' | 'unused';
  calls24h: number;
  failures24h: number;
  /** Median of the calls that were answered, in ms. */
  p50Ms: number | null;
  lastOkAt: Date | null;
  lastErrorAt: Date | null;
  lastError: string | null;
}

/** Nano-USD; a call whose cost is not known counts as what was reserved for it, as the caps do (RULES R4). */
export interface ModelSpend {
  todayNanos: number;
  monthNanos: number;
  monthCalls: number;
  /** Calls whose cost is not known. */
  monthUnknown: number;
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
}

export interface ModelView extends ChainEntry {
  /** From 1, in the order of failover; null: it is asked no more, and only what it has cost is left. */
  position: number | null;
  price: ModelPrice;
  health: ModelHealth;
  /** Null: not for this role. */
  spend: ModelSpend | null;
}

export interface DaySpend {
  /** UTC, as 2026-05-31. */
  day: string;
  nanos: number;
  calls: number;
}

export interface FailedCall extends ChainEntry {
  runId: string;
  at: Date;
  error: string;
  httpStatus: number | null;
}

export interface ModelsView {
  /** The models of the environment are the first org's; others use the rule-based mode (RULES D7). */
  isFirst: boolean;
  items: ModelView[];
  /** Null: not for this role. */
  spend: { todayNanos: number; dayCapNanos: number; byDay: DaySpend[] } | null;
  failures: FailedCall[];
  overrides: (PriceOverride & { updatedAt: Date })[];
}

const DAYS = 30;
const RULES: ChainEntry = { provider: 'rules', model: 'abetworks-command' };
const PROVIDERS: readonly PricedProvider[] = ['anthropic', 'openai', 'gemini'];

/** The models that the composition root describes in one line ("anthropic/claude-haiku-5-5, then rules (…)"), in order. */
export function chainOf(modelName: string): ChainEntry[] {
  return modelName.split(', then ').map((text) => {
    const [name = '', ...rest] = text.split('/');
    const provider = PROVIDERS.find((one) => one === name);
    return provider ? { provider, model: rest.join('/') } : RULES;
  });
}

/** Models with what they cost and how they do. Reads the calls of 30 days at most; money is for those who may read the policy. */
export async function readModels(org: Org, actor: Actor, configured: readonly ChainEntry[]): Promise<ModelsView> {
  const { isFirst, policy } = await readOrg(org);
  const chain = isFirst ? configured : [RULES];
  const overrides = await listPriceOverrides(org);
  const healths = await readHealth(org);
  const seesMoney = may(actor, 'policy.read');
  const days = seesMoney ? await readDays(org) : [];
  const today = new Date().toISOString().slice(0, 10);
  const view = (entry: ChainEntry, position: number | null): ModelView => ({
    ...entry,
    position,
    price: priceFor(entry.provider, entry.model, overrides),
    health: healths.get(keyOf(entry)) ?? UNUSED,
    spend: seesMoney
      ? spendOf(
          days.filter((day) => keyOf(day) === keyOf(entry)),
          today,
        )
      : null,
  });
  const known = new Set(chain.map(keyOf));
  const former = new Map(days.filter((day) => !known.has(keyOf(day))).map((day) => [keyOf(day), day]));
  const byDay = lastDays(today).map((day) => {
    const { monthNanos: nanos, monthCalls: calls } = spendOf(
      days.filter((one) => one.day === day),
      today,
    );
    return { day, nanos, calls };
  });
  return {
    isFirst,
    items: [
      ...chain.map((entry, at) => view(entry, at + 1)),
      ...[...former.values()].map(({ provider, model }) => view({ provider, model }, null)),
    ],
    spend: seesMoney ? { todayNanos: byDay.at(-1)?.nanos ?? 0, dayCapNanos: policy.dailyCostCapNanos, byDay } : null,
    failures: may(actor, 'run.readAll') ? await readFailures(org) : [],
    overrides: seesMoney ? overrides : [],
  };
}

const keyOf = ({ provider, model }: { provider: string; model: string }): string => `${provider}/${model}`;
const UNUSED: ModelHealth = {
  status: 'unused',
  calls24h: 0,
  failures24h: 0,
  p50Ms: null,
  lastOkAt: null,
  lastErrorAt: null,
  lastError: null,
};

const inLastDay = (org: Org) =>
  and(eq(modelCalls.orgId, org.id), gte(modelCalls.createdAt, sql`now() - interval '24 hours'`));
// A Stop or a shutdown ends a call with Temporal's own word, such as CANCELLED: no fault of the model.
const isFault = sql`(${modelCalls.status} = 'failed' and coalesce(${modelCalls.error}, '') !~ '^[A-Z_]+$')`;
const failedLately = (org: Org) => and(inLastDay(org), isFault);

async function readHealth(org: Org): Promise<Map<string, ModelHealth>> {
  const isOk = sql`${modelCalls.status} = 'done'`;
  const rows = await org.tx
    .select({
      provider: modelCalls.provider,
      model: modelCalls.model,
      calls24h: sql<number>`count(*)::int`,
      failures24h: sql<number>`(count(*) filter (where ${isFault}))::int`,
      p50Ms: sql<number | null>`round(percentile_cont(0.5) within group
        (order by extract(epoch from ${modelCalls.endedAt} - ${modelCalls.createdAt}) * 1000) filter (where ${isOk}))::int`,
      lastOkAt: sql`max(${modelCalls.endedAt}) filter (where ${isOk})`.mapWith(dateOf),
      lastErrorAt: sql`max(${modelCalls.endedAt}) filter (where ${isFault})`.mapWith(dateOf),
    })
    .from(modelCalls)
    .where(inLastDay(org))
    .groupBy(modelCalls.provider, modelCalls.model);
  const errors = await readLastErrors(org);
  return new Map(
    rows.map(({ provider, model, ...health }) => {
      const key = keyOf({ provider, model });
      return [key, { ...health, lastError: errors.get(key) ?? null, status: statusOf(health) }];
    }),
  );
}

/** Of the failed calls only: they are few. */
async function readLastErrors(org: Org): Promise<Map<string, string | null>> {
  const rows = await org.tx
    .selectDistinctOn([modelCalls.provider, modelCalls.model], {
      provider: modelCalls.provider,
      model: modelCalls.model,
      error: modelCalls.error,
    })
    .from(modelCalls)
    .where(failedLately(org))
    .orderBy(modelCalls.provider, modelCalls.model, desc(modelCalls.endedAt));
  return new Map(rows.map((row) => [keyOf(row), row.error]));
}

const dateOf = (at: unknown): Date => new Date(String(at));

function statusOf({ lastOkAt, lastErrorAt }: Pick<ModelHealth, 'lastOkAt' | 'lastErrorAt'>): ModelHealth['status'] {
  if (lastErrorAt && (!lastOkAt || lastErrorAt > lastOkAt)) return 'failing';
  return lastOkAt ? 'ok' : 'unused';
}

/** A row for each day and model that was called. */
async function readDays(org: Org) {
  const day = sql<string>`to_char(${modelCalls.createdAt} at time zone 'utc', 'YYYY-MM-DD')`;
  const sum = (what: unknown) => sql`coalesce(sum(${what}), 0)`.mapWith(Number);
  const rows = await org.tx
    .select({
      day,
      provider: modelCalls.provider,
      model: modelCalls.model,
      calls: sql<number>`count(*)::int`,
      unknown: sql<number>`(count(*) filter (where ${modelCalls.costNanos} is null))::int`,
      nanos: sum(sql`coalesce(${modelCalls.costNanos}, ${modelCalls.reservedNanos})`),
      inputTokens: sum(modelCalls.inputTokens),
      cachedInputTokens: sum(modelCalls.cachedInputTokens),
      outputTokens: sum(modelCalls.outputTokens),
    })
    .from(modelCalls)
    .where(
      and(
        eq(modelCalls.orgId, org.id),
        gte(
          modelCalls.createdAt,
          sql`(date_trunc('day', now() at time zone 'utc') - ${`${DAYS - 1} days`}::interval) at time zone 'utc'`,
        ),
      ),
    )
    .groupBy(sql`1`, modelCalls.provider, modelCalls.model);
  return rows.map((row) => ({ ...row, provider: providerOf(row.provider) }));
}
type Day = Awaited<ReturnType<typeof readDays>>[number];

const providerOf = (name: string): PricedProvider => PROVIDERS.find((one) => one === name) ?? 'rules';

function spendOf(days: readonly Day[], today: string): ModelSpend {
  const sum = (of: (day: Day) => number, among = days): number => among.reduce((total, day) => total + of(day), 0);
  return {
    todayNanos: sum(
      ({ nanos }) => nanos,
      days.filter(({ day }) => day === today),
    ),
    monthNanos: sum(({ nanos }) => nanos),
    monthCalls: sum(({ calls }) => calls),
    monthUnknown: sum(({ unknown }) => unknown),
    inputTokens: sum(({ inputTokens }) => inputTokens),
    cachedInputTokens: sum(({ cachedInputTokens }) => cachedInputTokens),
    outputTokens: sum(({ outputTokens }) => outputTokens),
  };
}

const lastDays = (today: string): string[] =>
  Array.from({ length: DAYS }, (_, at) =>
    new Date(Date.parse(today) - (DAYS - 1 - at) * 86_400_000).toISOString().slice(0, 10),
  );

async function readFailures(org: Org): Promise<FailedCall[]> {
  const rows = await org.tx
    .select({
      provider: modelCalls.provider,
      model: modelCalls.model,
      runId: modelCalls.runId,
      at: modelCalls.createdAt,
      error: modelCalls.error,
      httpStatus: modelCalls.httpStatus,
    })
    .from(modelCalls)
    .where(failedLately(org))
    .orderBy(desc(modelCalls.createdAt))
    .limit(20);
  return rows.map((row) => ({
    ...row,
    provider: providerOf(row.provider),
    error: row.error ?? 'no reason was given',
  }));
}
