import { and, eq, gte, inArray, sql } from 'drizzle-orm';
import type { Org } from './client.ts';
import { orgs } from './schema/identity.ts';
import { modelCalls } from './schema/runs.ts';

/** Spent or reserved, in nano-USD: an unknown cost counts as what was reserved for it (RULES R4). */
const counted = sql<string>`coalesce(sum(coalesce(${modelCalls.costNanos}, ${modelCalls.reservedNanos})), 0)`;

/** The turn number of a call that sums the thread up: it is none of the run's turns. */
export const SUMMARY_TURN = 0;

export interface Spent {
  dayNanos: number;
  runNanos: number;
  runTokens: number;
}

/** Reserves the worst case of one call, if the caps allow. Serial per org: it locks the org's row. */
export async function reserveModelCall(
  org: Org,
  call: { runId: string; turnNumber: number; provider: string; model: string; reservedNanos: number },
  isAllowed: (spent: Spent) => string | null,
): Promise<{ id: string } | { refused: string }> {
  await org.tx.select({ id: orgs.id }).from(orgs).where(eq(orgs.id, org.id)).for('no key update');
  const day = sql`date_trunc('day', now() at time zone 'utc') at time zone 'utc'`;
  const [[today], [run]] = await Promise.all([
    org.tx
      .select({ nanos: counted })
      .from(modelCalls)
      .where(and(eq(modelCalls.orgId, org.id), gte(modelCalls.createdAt, day))),
    org.tx
      .select({
        nanos: counted,
        tokens: sql<string>`coalesce(sum(${modelCalls.inputTokens} + ${modelCalls.outputTokens}), 0)`,
      })
      .from(modelCalls)
      .where(and(eq(modelCalls.orgId, org.id), eq(modelCalls.runId, call.runId))),
  ]);
  const refused = isAllowed({
    dayNanos: Number(today?.nanos),
    runNanos: Number(run?.nanos),
    runTokens: Number(run?.tokens),
  });
  if (refused) return { refused };
  const [row] = await org.tx
    .insert(modelCalls)
    .values({ ...call, orgId: org.id, status: 'started' })
    .returning({ id: modelCalls.id });
  if (!row) throw new Error('usage was not stored');
  return row;
}

export const endModelCall = (
  org: Org,
  modelCallId: string,
  end: Pick<
    typeof modelCalls.$inferInsert,
    | 'status'
    | 'inputTokens'
    | 'cachedInputTokens'
    | 'cacheWriteTokens'
    | 'outputTokens'
    | 'costNanos'
    | 'httpStatus'
    | 'error'
    | 'requestId'
  >,
): Promise<unknown> =>
  org.tx
    .update(modelCalls)
    .set({ ...end, endedAt: new Date() })
    .where(and(eq(modelCalls.orgId, org.id), eq(modelCalls.id, modelCallId), inArray(modelCalls.status, ['started'])));
