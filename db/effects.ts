import { and, asc, eq, inArray, sql } from 'drizzle-orm';
import { EFFECT_LEASE_MS } from '#core/limits.ts';
import type { Org } from './client.ts';
import { effects } from './schema/approvals.ts';

export type Effect = typeof effects.$inferSelect;

const isEffect = (org: Org, effectId: string) => and(eq(effects.orgId, org.id), eq(effects.id, effectId));
// Not now(): that is when the transaction began, and it may have waited for locks since (RULES E4).
const leaseOf = (ms: number) => sql`clock_timestamp() + make_interval(secs => ${ms / 1000})`;

export async function readEffect(org: Org, effectId: string): Promise<Effect | undefined> {
  const [row] = await org.tx.select().from(effects).where(isEffect(org, effectId));
  return row;
}

/** The call's own ledger row (RULES E1), locked until commit. `leaseLeftMs` is by the database's clock. */
export async function lockEffectOf(
  org: Org,
  call: { runId: string; turnNumber: number; callNumber: number },
): Promise<{ effect: Effect; leaseLeftMs: number } | undefined> {
  const [row] = await org.tx
    .select({
      effect: effects,
      leaseLeftMs: sql<string>`coalesce(greatest(0, extract(epoch from ${effects.leaseUntil} - now()) * 1000), 0)`,
    })
    .from(effects)
    .where(
      and(
        eq(effects.orgId, org.id),
        eq(effects.runId, call.runId),
        eq(effects.turnNumber, call.turnNumber),
        eq(effects.callNumber, call.callNumber),
      ),
    )
    .for('update');
  return row && { effect: row.effect, leaseLeftMs: Math.ceil(Number(row.leaseLeftMs)) };
}

/** Writes the row ahead of the send, leased to this attempt (RULES E3, E4). */
export async function intendEffect(
  org: Org,
  wanted: Omit<typeof effects.$inferInsert, 'orgId'>,
  leaseMs = EFFECT_LEASE_MS,
): Promise<Effect> {
  const [row] = await org.tx
    .insert(effects)
    .values({ ...wanted, orgId: org.id, state: 'intended', attempts: 1, leaseUntil: leaseOf(leaseMs) as never })
    .returning();
  if (!row) throw new Error('effect was not stored');
  return row;
}

/** Leases the row to a further attempt under the same id. */
export async function leaseAgain(org: Org, effectId: string, leaseMs = EFFECT_LEASE_MS): Promise<Effect> {
  const [row] = await org.tx
    .update(effects)
    .set({
      state: 'intended',
      attempts: sql`${effects.attempts} + 1`,
      leaseUntil: leaseOf(leaseMs),
      error: null,
      resolution: null,
      resolvedBy: null,
      resolvedAt: null,
      externalId: null,
    })
    .where(isEffect(org, effectId))
    .returning();
  if (!row) throw new Error('effect vanished');
  return row;
}

/**
 * Ends an attempt. False: another attempt has taken over since, so what this one saw is not the last word.
 * A confirmation is: it also ends the doubt that another attempt, or the end of the run, has noted meanwhile.
 */
export async function endAttempt(
  org: Org,
  attempt: { id: string; attempts: number },
  set: Partial<Pick<Effect, 'state' | 'externalId' | 'receipt' | 'error' | 'confirmedAt'>>,
): Promise<boolean> {
  const ended = await org.tx
    .update(effects)
    .set({ ...set, leaseUntil: null })
    .where(
      and(
        isEffect(org, attempt.id),
        set.state === 'confirmed'
          ? inArray(effects.state, ['intended', 'ambiguous'])
          : and(eq(effects.state, 'intended'), eq(effects.attempts, attempt.attempts)),
      ),
    )
    .returning({ id: effects.id });
  return ended.length === 1;
}

/** A person's answer to an ambiguous effect (RULES E6). False: it was no longer ambiguous. */
export async function resolveEffect(
  org: Org,
  effectId: string,
  answer: { resolution: 'sent' | 'not_sent'; resolvedBy: string; externalId?: string },
): Promise<boolean> {
  const resolved = await org.tx
    .update(effects)
    .set({
      state: 'resolved',
      resolution: answer.resolution,
      resolvedBy: answer.resolvedBy,
      resolvedAt: sql`now()`,
      externalId: answer.externalId ?? null,
    })
    .where(and(isEffect(org, effectId), eq(effects.state, 'ambiguous')))
    .returning({ id: effects.id });
  return resolved.length === 1;
}

/** In the order they were intended. */
export const effectsOf = (org: Org, runId: string): Promise<Effect[]> =>
  org.tx
    .select()
    .from(effects)
    .where(and(eq(effects.orgId, org.id), eq(effects.runId, runId)))
    .orderBy(asc(effects.turnNumber), asc(effects.callNumber));

/** The run is over and an attempt never said how it ended: people are asked, also then (RULES E6). */
export const leaveUnclear = (org: Org, runId: string): Promise<unknown> =>
  org.tx
    .update(effects)
    .set({ state: 'ambiguous', leaseUntil: null, error: 'The request ended while this was being sent.' })
    .where(and(eq(effects.orgId, org.id), eq(effects.runId, runId), eq(effects.state, 'intended')));
