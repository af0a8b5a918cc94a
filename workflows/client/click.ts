import { actorText, type Actor } from '#core/roles.ts';
import { findCard } from '#db/approvals.ts';
import { audit } from '#db/audit.ts';
import type { Database } from '#db/client.ts';
import type { Client, Decided, OnCardInput, Refused } from './types.ts';

/**
 * RULES A2 for a button: what is decided is what the card that was clicked shows, so the hash is that card's own. A place that is no card of the approval
 * (forwarded, copied, another channel or workspace) is refused by `decide`, and audited there.
 */
export function createDecideOnCard({ db, decide }: { db: Database; decide: Client['decide'] }) {
  return async (actor: Actor, approvalId: string, { shownSha256, ...input }: OnCardInput): Promise<Decided> => {
    const { card } = input;
    const [stored] = await db.withOrg(actor.orgId, (org) => findCard(org, { ...card, approvalId }));
    if (stored && shownSha256 !== undefined && shownSha256 !== stored.payloadSha256)
      return refuseChanged(db, actor, approvalId, card.platform);
    return decide(actor, approvalId, {
      ...input,
      payloadSha256: stored?.payloadSha256 ?? NO_CARD,
      surface: card.platform,
    });
  };
}

/** No payload has it. */
const NO_CARD = '';

/** A modal showed something else than its card does. */
async function refuseChanged(db: Database, actor: Actor, approvalId: string, surface: string): Promise<Refused> {
  await db.withOrg(actor.orgId, (org) =>
    audit(org, {
      actor: actorText(actor),
      action: 'approval.refused',
      target: { type: 'approval', id: approvalId },
      details: { reason: 'payload changed', surface },
    }),
  );
  return { kind: 'changed', text: 'What would run is not what you were shown. Open it again and read it.' };
}
