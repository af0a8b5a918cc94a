import { and, eq, isNotNull, isNull, or } from 'drizzle-orm';
import type { Tx } from './client.ts';
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
    .set({ outcome: row.outcome, reason: row.reason ?? null, runId: row.runId ?? null })
    .where(
      and(
        eq(inboundEvents.orgId, row.orgId),
        eq(inboundEvents.platform, row.platform),
        eq(inboundEvents.tenant, row.tenant),
        eq(inboundEvents.sourceKey, row.sourceKey),
        isAddressed ? or(isCommand, isOverheard) : isCommand,
      ),
    )
    .returning({ id: inboundEvents.id });
  return taken.length > 0;
}
