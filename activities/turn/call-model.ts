import { ApplicationFailure } from '@temporalio/common';
import { errorText } from '#core/errors.ts';
import { RUN_LIMITS } from '#core/limits.ts';
import { formatCost } from '#core/money.ts';
import type { Policy } from '#core/policy.ts';
import type { Database } from '#db/client.ts';
import { listPriceOverrides } from '#db/model-prices.ts';
import { readOrg } from '#db/orgs.ts';
import { endModelCall, reserveModelCall, type Spent } from '#db/usage.ts';
import { ModelError, type GenerateInput, type Generated, type Model } from '#activities/models/model.ts';
import { priceOf, worstCaseNanos } from '#activities/models/prices.ts';
import { asSeenBy, estimateInput, hasImages, withoutImages } from '#activities/models/seen.ts';

type Call = { orgId: string; runId: string; turn: number; policy: Policy };
export type Called = { kind: 'generated'; generated: Generated; model: Model } | { kind: 'limit'; text: string };

/**
 * Asks the models in order until one answers. A usage row is written before each call, so that a kill hides no billed call
 * (RULES R4). Whatever a model failed with, the next one is asked: it may have another key, quota or room for words.
 * A stop ends it at once. Throws the failure to go by when none answered.
 */
export async function callModel(
  db: Database,
  models: readonly Model[],
  call: Call,
  input: GenerateInput,
): Promise<Called> {
  const failures: ModelError[] = [];
  for (const { model, seen } of attemptsOf(models, input, failures)) {
    const inputTokens = estimateInput(seen);
    const [reserved, prices] = await db.withOrg(call.orgId, async (org) => {
      const [{ settings }, prices] = await Promise.all([readOrg(org), listPriceOverrides(org)]);
      const reservedNanos = worstCaseNanos(model.provider, model.name, inputTokens, input.limits.outputTokens, prices);
      const reservation = await reserveModelCall(
        org,
        { runId: call.runId, turnNumber: call.turn, provider: model.provider, model: model.name, reservedNanos },
        (spent) => {
          const cap = { dayNanos: call.policy.dailyCostCapNanos, runNanos: settings.runCostCapNanos };
          return overCap(spent, cap, reservedNanos);
        },
      );
      return [reservation, prices] as const;
    });
    if ('refused' in reserved) return { kind: 'limit', text: reserved.refused };
    const end = (set: Parameters<typeof endModelCall>[2]) =>
      db.withOrg(call.orgId, (org) => endModelCall(org, reserved.id, set));
    const costOf = (usage: Generated['usage']) => priceOf(model.provider, model.name, usage, prices);
    try {
      const generated = await model.generate(seen);
      const { usage, requestId } = generated;
      await end({
        status: 'done',
        ...usage,
        costNanos: costOf(usage),
        httpStatus: model.provider === 'rules' ? null : 200,
        requestId: requestId ?? null,
      });
      return { kind: 'generated', generated, model };
    } catch (error) {
      await end({ status: 'failed', error: errorText(error).slice(0, 500), ...billOf(error, costOf) });
      if (!(error instanceof ModelError)) throw error;
      failures.push(error);
    }
  }
  throw toFailure(failures);
}

/** Each model once, and once more without pictures where it refused a request that had some: it may be blind after all, or dislike one of them. */
function* attemptsOf(
  models: readonly Model[],
  input: GenerateInput,
  failures: readonly ModelError[],
): Generator<{ model: Model; seen: GenerateInput }> {
  for (const model of models) {
    const seen = asSeenBy(model, input);
    const before = failures.length;
    yield { model, seen };
    const failure = failures.length > before ? failures.at(-1) : undefined;
    if (failure?.isFree && REFUSES_PICTURES.has(failure.status ?? 0) && hasImages(seen))
      yield { model, seen: withoutImages(seen) };
  }
}
/** Bad request, not found (a router without a model that sees), too large, wrong media, unprocessable. */
const REFUSES_PICTURES: ReadonlySet<number> = new Set([400, 404, 413, 415, 422]);

/** What a failed attempt is known to cost; where that is not known it keeps its reservation. */
function billOf(error: unknown, costOf: (usage: Generated['usage']) => number | null) {
  if (!(error instanceof ModelError)) return {};
  const { status, usage, isFree } = error;
  return {
    ...(status !== undefined && { httpStatus: status }),
    ...(usage && { ...usage, costNanos: costOf(usage) }),
    ...(isFree && { costNanos: 0 }),
  };
}

function overCap(spent: Spent, cap: { dayNanos: number; runNanos: number }, reservedNanos: number): string | null {
  if (reservedNanos === 0) return null;
  if (spent.dayNanos + reservedNanos > cap.dayNanos)
    return `The org's daily cost cap of ${formatCost(cap.dayNanos)} is used up. An owner or admin can raise it.`;
  if (spent.runNanos + reservedNanos > cap.runNanos)
    return `This request reached its cost limit of ${formatCost(cap.runNanos)}. An owner or admin can raise it.`;
  if (spent.runTokens > RUN_LIMITS.tokens) return `This request reached its limit of ${RUN_LIMITS.tokens} tokens.`;
  return null;
}

/** Temporal retries, not the SDKs: as long as one model may answer later, after the shortest wait that was asked for. */
function toFailure(failures: readonly ModelError[]): unknown {
  const later = failures.filter(({ kind }) => kind === 'retry');
  const told = later[0] ?? failures.at(-1);
  if (!told) return new Error('no model is set');
  const waits = later.map(({ retryAfterMs }) => retryAfterMs);
  const shortest = waits.includes(undefined) ? undefined : Math.min(...waits.map(Number));
  return ApplicationFailure.create({
    message: told.message,
    type: 'ModelError',
    nonRetryable: later.length === 0,
    ...(shortest === undefined || later.length === 0 ? {} : { nextRetryDelay: Math.min(shortest, 10 * 60_000) }),
  });
}
