import { and, desc, eq, inArray, ne, notInArray, sql } from 'drizzle-orm';
import type { Org } from './client.ts';
import { approvalCards, approvals } from './schema/approvals.ts';
import { identities } from './schema/identity.ts';
import { slackHomes } from './schema/slack.ts';

/** Whose App Home: the account's. */
export interface HomePlace {
  tenant: string;
  externalId: string;
}

/** The channel of an App Home's copies of cards; their message is the approval's id. */
export const homeChannel = (externalId: string): string => `home:${externalId}`;
/** Whose home a card's channel is, or null. */
export const homeOf = (channel: string): string | null => (channel.startsWith('home:') ? channel.slice(5) : null);

const now = sql`now()` as never;
const isHome = (org: Org, { tenant, externalId }: HomePlace) =>
  and(eq(slackHomes.orgId, org.id), eq(slackHomes.tenant, tenant), eq(slackHomes.externalId, externalId));

export async function readHome(org: Org, place: HomePlace): Promise<typeof slackHomes.$inferSelect | undefined> {
  const [row] = await org.tx.select().from(slackHomes).where(isHome(org, place));
  return row;
}

/** Remembers what was published. `isOpened`: the person looks at it now. */
export const noteHome = (
  org: Org,
  { tenant, externalId }: HomePlace,
  { shows, isOpened }: { shows: string; isOpened: boolean },
): Promise<unknown> =>
  org.tx
    .insert(slackHomes)
    .values({ orgId: org.id, tenant, externalId, shows, openedAt: now, updatedAt: now })
    .onConflictDoUpdate({
      target: [slackHomes.orgId, slackHomes.tenant, slackHomes.externalId],
      set: { shows, updatedAt: now, ...(isOpened ? { openedAt: now } : {}) },
    });

/** Of these members, the homes that were opened, the latest first; at most `limit`. */
export const openedHomes = (org: Org, memberIds: readonly string[], limit: number): Promise<HomePlace[]> =>
  memberIds.length === 0
    ? Promise.resolve([])
    : org.tx
        .select({ tenant: slackHomes.tenant, externalId: slackHomes.externalId })
        .from(slackHomes)
        .innerJoin(
          identities,
          and(
            eq(identities.orgId, slackHomes.orgId),
            eq(identities.platform, 'slack'),
            eq(identities.tenant, slackHomes.tenant),
            eq(identities.externalId, slackHomes.externalId),
          ),
        )
        .where(and(eq(slackHomes.orgId, org.id), inArray(identities.memberId, [...memberIds])))
        .orderBy(desc(slackHomes.openedAt))
        .limit(limit);

/** Before a home shows these approvals: each is a copy of a card, so that a click there counts and the decision is shown there (RULES A2, A7). */
export async function addHomeCards(
  org: Org,
  { tenant, externalId }: HomePlace,
  shown: readonly { id: string; payloadSha256: string }[],
): Promise<void> {
  if (shown.length === 0) return;
  const place = { orgId: org.id, platform: 'slack' as const, tenant, channel: homeChannel(externalId), thread: '' };
  await org.tx
    .insert(approvalCards)
    .values(
      shown.map(({ id, payloadSha256 }) => ({
        ...place,
        approvalId: id,
        message: id,
        payloadSha256,
        shows: 'pending' as const,
      })),
    )
    .onConflictDoUpdate({
      target: [
        approvalCards.orgId,
        approvalCards.platform,
        approvalCards.tenant,
        approvalCards.channel,
        approvalCards.message,
      ],
      set: { shows: 'pending', editAttempts: 0, nextEditAt: null },
    });
}

/** After a home was published: what it no longer shows needs no edit there. */
export async function settleHomeCards(
  org: Org,
  { tenant, externalId }: HomePlace,
  shownIds: readonly string[],
): Promise<void> {
  const gone = await org.tx
    .select({ id: approvalCards.id, status: approvals.status })
    .from(approvalCards)
    .innerJoin(approvals, and(eq(approvals.orgId, approvalCards.orgId), eq(approvals.id, approvalCards.approvalId)))
    .where(
      and(
        eq(approvalCards.orgId, org.id),
        eq(approvalCards.platform, 'slack'),
        eq(approvalCards.tenant, tenant),
        eq(approvalCards.channel, homeChannel(externalId)),
        ne(approvalCards.shows, approvals.status),
        shownIds.length === 0 ? undefined : notInArray(approvalCards.approvalId, [...shownIds]),
      ),
    );
  for (const { id, status } of gone)
    await org.tx
      .update(approvalCards)
      .set({ shows: status, editAttempts: 0, nextEditAt: null })
      .where(and(eq(approvalCards.orgId, org.id), eq(approvalCards.id, id)));
}
