import { and, eq, isNotNull, isNull, lt, or, sql } from 'drizzle-orm';
import type { Org, Tx } from './client.ts';
import { inboundEvents, requestSignatures } from './schema/chat.ts';

/** Why a message was stored that nobody meant for us; its `app_mention`, when one follows, still makes it a run. */
export const NOT_ADDRESSED = 'not_addressed';

export interface ClaimOptions {
  /** sha256 of the signature that it was sent under. */
  signature?: string | undefined;
  /** A request: the command that was stored for the same delivery is taken over. */
  isRequest?: boolean;
  /** The platform itself says that it is for us: what was stored as not for us is taken over too. */
  isAddressed?: boolean | undefined;
}

/**
 * Stores a delivery under its key, with the signature it came under (RULES I1, I2); false: it is there already. A request takes over the command that was
 * stored for it, so that one delivery stays one row. Several processes at once: one of them gets true.
 */
export async function claimEvent(
  tx: Tx,
  row: typeof inboundEvents.$inferInsert,
  { signature, isRequest = false, isAddressed = false }: ClaimOptions = {},
): Promise<boolean> {
  // Sent together, and run in this order.
  const [signed, added] = await Promise.all([
    signature === undefined
      ? [signature]
      : tx
          .insert(requestSignatures)
          .values({ signature })
          .onConflictDoNothing()
          .returning({ signature: requestSignatures.signature }),
    tx.insert(inboundEvents).values(row).onConflictDoNothing().returning({ id: inboundEvents.id }),
  ]);
  const [event] = added;
  if (signed.length === 0) {
    // The same request under another key can only be a replay of what was kept for less long.
    if (event) await tx.delete(inboundEvents).where(eq(inboundEvents.id, event.id));
    return false;
  }
  return event !== undefined || (isRequest && takeOver(tx, row, isAddressed));
}

async function takeOver(tx: Tx, row: typeof inboundEvents.$inferInsert, isAddressed: boolean): Promise<boolean> {
  if (!row.orgId) return false;
  const isCommand = and(
    eq(inboundEvents.outcome, 'command'),
    isNotNull(inboundEvents.reason),
    isNull(inboundEvents.runId),
  );
  const isOverheard = and(eq(inboundEvents.outcome, 'ignored'), eq(inboundEvents.reason, NOT_ADDRESSED));
  const taken = await tx
    .update(inboundEvents)
    .set({ outcome: row.outcome, reason: row.reason ?? null, runId: row.runId ?? null, actingUntil: null })
    .where(and(isEvent({ ...row, orgId: row.orgId }), isAddressed ? or(isCommand, isOverheard) : isCommand))
    .returning({ id: inboundEvents.id });
  return taken.length > 0;
}

type Event = Pick<typeof inboundEvents.$inferInsert, 'platform' | 'tenant' | 'sourceKey'> & { orgId: string };

const isEvent = ({ orgId, platform, tenant, sourceKey }: Event) =>
  and(
    eq(inboundEvents.orgId, orgId),
    eq(inboundEvents.platform, platform),
    eq(inboundEvents.tenant, tenant),
    eq(inboundEvents.sourceKey, sourceKey),
  );

/** `actingUntil` of what is acted on from now on, for at most so long (database clock). */
export const actingFor = (ms: number) => sql`now() + make_interval(secs => ${ms / 1000})` as never;

/**
 * For a delivery that came again: it is the caller's when whoever stored it died before they had acted on it; `storedAt` says when that was. Several
 * processes at once: one of them gets it. `isUnderWay`: somebody acts on it just now.
 */
export async function reclaimEvent(
  { tx }: Org,
  event: Event,
  ms: number,
): Promise<{ isReplay: false; storedAt: Date } | { isReplay: true; isUnderWay: boolean }> {
  const [mine] = await tx
    .update(inboundEvents)
    .set({ actingUntil: actingFor(ms) })
    .where(and(isEvent(event), lt(inboundEvents.actingUntil, sql`now()`)))
    .returning({ storedAt: inboundEvents.createdAt });
  if (mine) return { isReplay: false, ...mine };
  const [busy] = await tx
    .select({ id: inboundEvents.id })
    .from(inboundEvents)
    .where(and(isEvent(event), isNotNull(inboundEvents.actingUntil)));
  return { isReplay: true, isUnderWay: busy !== undefined };
}

/** It was acted on: from now on a delivery that comes again is a replay. */
export const settleEvent = ({ tx }: Org, event: Event): Promise<unknown> =>
  tx.update(inboundEvents).set({ actingUntil: null }).where(isEvent(event));
