import { notFound } from '#core/errors.ts';
import { isStorable } from '#core/text.ts';
import { removePriceOverride, setPriceOverride } from '#db/model-prices.ts';
import { chainOf, readModels, type ModelsView } from '#db/views/index.ts';
import { actorOf } from '#web/auth/index.ts';
import type { WebDeps } from '#web/deps.ts';
import {
  body,
  createApi,
  createRoute,
  failures,
  iso,
  isoOrNull,
  json,
  secured,
  z,
  zTime,
  zUuid,
  type Api,
} from './define.ts';

const zCount = z.int().min(0);
// As in db/model-prices.ts, made here so that it can be described.
const zNanos = z.int().min(0).max(1_000_000_000_000_000, 'must be at most $1,000,000 for a million tokens');
const zVendor = z.enum(['anthropic', 'openai', 'gemini']);
const zModelName = z
  .string()
  .regex(/^\S{1,200}$/, 'must be the name of a model, without spaces')
  .refine(isStorable, 'holds a NUL character or broken Unicode')
  .openapi({ example: 'claude-haiku-5-5' });

const zRate = z.number().min(0).nullable();
const zPrice = z.object({
  /** Who says so: the org itself, the price package; `unknown` is capped as the vendor's dearest. */
  source: z.enum(['override', 'package', 'free', 'unknown']),
  matchedAs: z.string().optional(),
  dearerAboveTokens: z.number().optional(),
  inputNanosPerMillion: zRate,
  cachedNanosPerMillion: zRate,
  writeNanosPerMillion: zRate,
  outputNanosPerMillion: zRate,
});
const zModel = z
  .object({
    provider: z.enum(['rules', 'anthropic', 'openai', 'gemini']),
    model: z.string(),
    position: z.int().min(1).nullable(),
    price: zPrice,
    health: z.object({
      status: z.enum(['ok', 'failing', 'unused']),
      calls24h: zCount,
      failures24h: zCount,
      p50Ms: zCount.nullable(),
      lastOkAt: zTime.nullable(),
      lastErrorAt: zTime.nullable(),
      lastError: z.string().nullable(),
    }),
    spend: z
      .object({
        todayNanos: zCount,
        monthNanos: zCount,
        monthCalls: zCount,
        monthUnknown: zCount,
        inputTokens: zCount,
        cachedInputTokens: zCount,
        outputTokens: zCount,
      })
      .nullable(),
  })
  .openapi('Model');
const zModels = z
  .object({
    isFirst: z.boolean(),
    items: z.array(zModel),
    spend: z
      .object({
        todayNanos: zCount,
        dayCapNanos: zCount,
        byDay: z.array(z.object({ day: z.iso.date(), nanos: zCount, calls: zCount })),
      })
      .nullable(),
    failures: z.array(
      z.object({
        provider: z.string(),
        model: z.string(),
        runId: zUuid,
        at: zTime,
        error: z.string(),
        httpStatus: z.int().nullable(),
      }),
    ),
  })
  .openapi('Models');
const zPriceSet = z.strictObject({
  provider: zVendor,
  model: zModelName,
  inputNanos: zNanos,
  cachedInputNanos: zNanos.nullable().default(null),
  cacheWriteNanos: zNanos.nullable().default(null),
  outputNanos: zNanos,
});
const zWhich = z.object({ provider: zVendor, model: zModelName });

/** The models of the org in the order of failover, what they cost and how they do. */
export function modelRoutes({ db, modelName }: Pick<WebDeps, 'db' | 'modelName'>): Api {
  const api = createApi();
  const chain = chainOf(modelName);

  const get = createRoute({
    method: 'get',
    path: '/api/v1/models',
    ...secured('connection.read'),
    summary: 'Models in the order of failover, with prices and health; for owners and admins with spend, in nano-USD',
    responses: { 200: json(zModels, '`month` is the last 30 days in UTC'), ...failures },
  });
  api.openapi(get, async (c) => {
    const actor = actorOf(c);
    return c.json(shown(await db.withOrg(actor.orgId, (org) => readModels(org, actor, chain))), 200);
  });

  const set = createRoute({
    method: 'put',
    path: '/api/v1/models/prices',
    ...secured('policy.manage'),
    summary: 'Set the org’s own price of a model, in nano-USD for a million tokens; it wins over the price list',
    request: body(zPriceSet),
    responses: { 200: json(zPriceSet, 'Set; later calls are counted with it'), ...failures },
  });
  api.openapi(set, async (c) => {
    const actor = actorOf(c);
    const price = c.req.valid('json');
    await db.withOrg(actor.orgId, (org) => setPriceOverride(org, actor, price));
    return c.json(price, 200);
  });

  const remove = createRoute({
    method: 'delete',
    path: '/api/v1/models/prices',
    ...secured('policy.manage'),
    summary: 'Remove the org’s own price of a model: the price list counts again',
    request: { query: zWhich },
    responses: { 204: { description: 'Removed' }, ...failures },
  });
  api.openapi(remove, async (c) => {
    const actor = actorOf(c);
    const { provider, model } = c.req.valid('query');
    const isRemoved = await db.withOrg(actor.orgId, (org) => removePriceOverride(org, actor, provider, model));
    if (!isRemoved) throw notFound('price');
    return c.body(null, 204);
  });
  return api;
}

const shown = ({ isFirst, items, spend, failures }: ModelsView) => ({
  isFirst,
  items: items.map((item) => ({
    ...item,
    price: { ...item.price },
    health: {
      ...item.health,
      lastOkAt: isoOrNull(item.health.lastOkAt),
      lastErrorAt: isoOrNull(item.health.lastErrorAt),
    },
  })),
  spend,
  failures: failures.map((failure) => ({ ...failure, at: iso(failure.at) })),
});
