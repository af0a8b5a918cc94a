import { ApplicationFailure } from '@temporalio/common';
import { errorText } from '#core/errors.ts';
import { RUN_LIMITS } from '#core/limits.ts';
import { formatCost } from '#core/money.ts';
import type { Policy } from '#core/policy.ts';
import type { Database } from '#db/client.ts';
import { endModelCall, reserveModelCall, type Spent } from '#db/usage.ts';
import { ModelError, type GenerateInput, type Generated, type Model } from '#activities/models/model.ts';
import { estimateTokens, priceOf, worstCaseNanos } from '#activities/models/prices.ts';

type Call = { orgId: string; runId: string; turn: number; policy: Policy };
export type Called = { kind: 'generated'; generated: Generated; model: Model } | { kind: 'limit'; text: string };

/** Asks the models in order until one answers. A usage row is written before each call, so that a kill hides no billed call (RULES R4). */
export async function callModel(
  db: Database,
  models: readonly Model[],
  call: Call,
  input: GenerateInput,
): Promise<Called> {
  let last: unknown;
  for (const model of models) {
    const inputTokens = estimateTokens(
      input.instructions + JSON.stringify(input.messages) + JSON.stringify(input.tools),
    );
    const reservedNanos = worstCaseNanos(model.provider, model.name, inputTokens, input.limits.outputTokens);
    const reserved = await db.withOrg(call.orgId, (org) =>
      reserveModelCall(
        org,
        { runId: call.runId, turnNumber: call.turn, provider: model.provider, model: model.name, reservedNanos },
        (spent) => overCap(spent, call.policy, reservedNanos),
      ),
    );
    if ('refused' in reserved) return { kind: 'limit', text: reserved.refused };
    const end = (set: Parameters<typeof endModelCall>[2]) =>
      db.withOrg(call.orgId, (org) => endModelCall(org, reserved.id, set));
    try {
      const generated = await model.generate(input);
      const { usage } = generated;
      await end({
        status: 'done',
        ...usage,
        costNanos: priceOf(model.provider, model.name, usage),
        requestId: generated.requestId ?? null,
      });
      return { kind: 'generated', generated, model };
    } catch (error) {
      // Only an answer with a status proves that nothing was billed; anything else keeps its reservation.
      const isFree = error instanceof ModelError && error.status !== undefined;
      await end({ status: 'failed', error: errorText(error).slice(0, 500), ...(isFree ? { costNanos: 0 } : {}) });
      if (!(error instanceof ModelError)) throw error;
      last = error;
    }
  }
  throw toFailure(last);
}

function overCap(spent: Spent, policy: Policy, reservedNanos: number): string | null {
  if (reservedNanos === 0) return null;
  if (spent.dayNanos + reservedNanos > policy.dailyCostCapNanos)
    return `The org's daily cost cap of ${formatCost(policy.dailyCostCapNanos)} is used up. An owner or admin can raise it.`;
  if (spent.runNanos + reservedNanos > RUN_LIMITS.costNanos)
    return `This request reached its cost limit of ${formatCost(RUN_LIMITS.costNanos)}.`;
  if (spent.runTokens > RUN_LIMITS.tokens) return `This request reached its limit of ${RUN_LIMITS.tokens} tokens.`;
  return null;
}

/** Temporal retries, not the SDKs; the vendor's Retry-After decides when. */
function toFailure(error: unknown): unknown {
  if (!(error instanceof ModelError)) return error;
  return ApplicationFailure.create({
    message: error.message,
    type: 'ModelError',
    nonRetryable: error.kind === 'refused',
    ...(error.retryAfterMs === undefined ? {} : { nextRetryDelay: Math.min(error.retryAfterMs, 10 * 60_000) }),
  });
}
