import { and, eq, inArray, isNull, lt, or, sql, type SQL } from 'drizzle-orm';
import type { Database, Org } from './client.ts';
import {
  channelTurns,
  inboundEvents,
  requestSignatures,
  slackLinks,
  slackOauthStates,
  slackPeople,
} from './schema/index.ts';

// What is of use for minutes only goes by itself, whatever an org keeps of the rest.

const EVENT_BATCH = 5_000;
const ago = (hours: number): SQL => sql`now() - make_interval(hours => ${hours})`;

/** A signature is good for five minutes either way of its time; a replay after that fails by its clock (RULES I1). */
export const pruneSignatures = (db: Database): Promise<number> =>
  db.withSystem('forget signatures that can no longer be played back', async (tx) => {
    const old = tx
      .select({ signature: requestSignatures.signature })
      .from(requestSignatures)
      .where(lt(requestSignatures.seenAt, ago(1)))
      .limit(EVENT_BATCH * 4);
    const gone = await tx
      .delete(requestSignatures)
      .where(inArray(requestSignatures.signature, old))
      .returning({ signature: requestSignatures.signature });
    return gone.length;
  });

/** Events that were none of ours (platforms repeat one for minutes, not days), links and installs that nobody finished, people who were not seen for long. */
export async function prunePassing({ tx, id: orgId }: Org): Promise<Record<string, number>> {
  const ignored = tx
    .select({ id: inboundEvents.id })
    .from(inboundEvents)
    .where(
      and(eq(inboundEvents.orgId, orgId), eq(inboundEvents.outcome, 'ignored'), lt(inboundEvents.createdAt, ago(48))),
    )
    .limit(EVENT_BATCH);
  const [events, links, states, people] = [
    await tx
      .delete(inboundEvents)
      .where(and(eq(inboundEvents.orgId, orgId), inArray(inboundEvents.id, ignored)))
      .returning({ id: inboundEvents.id }),
    await tx
      .delete(slackLinks)
      .where(and(eq(slackLinks.orgId, orgId), lt(slackLinks.expiresAt, ago(24))))
      .returning({ id: slackLinks.id }),
    await tx
      .delete(slackOauthStates)
      .where(and(eq(slackOauthStates.orgId, orgId), lt(slackOauthStates.expiresAt, ago(24))))
      .returning({ id: slackOauthStates.id }),
    await tx
      .delete(slackPeople)
      .where(
        and(
          eq(slackPeople.orgId, orgId),
          lt(slackPeople.fetchedAt, ago(24 * 90)),
          or(isNull(slackPeople.toldAt), lt(slackPeople.toldAt, ago(24 * 90))),
        ),
      )
      .returning({ id: slackPeople.id }),
  ];
  // Budgets that are long free again; nobody needs to know how many.
  await tx.delete(channelTurns).where(and(eq(channelTurns.orgId, orgId), lt(channelTurns.nextAt, ago(1))));
  return {
    ignoredEvents: events.length,
    links: links.length,
    installsBegun: states.length,
    platformPeople: people.length,
  };
}
