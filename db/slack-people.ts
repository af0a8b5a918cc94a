import { and, eq, inArray, or, sql } from 'drizzle-orm';
import type { Org } from './client.ts';
import { members } from './schema/identity.ts';
import { slackPeople } from './schema/slack.ts';

export type SlackPerson = typeof slackPeople.$inferSelect;
/** What Slack says of somebody. */
export type SlackProfile = Pick<
  SlackPerson,
  'name' | 'email' | 'teamId' | 'isBot' | 'isGuest' | 'isStranger' | 'isDeactivated'
>;
/** No full member of the workspace: whoever it is may neither ask nor look, linked or not. */
export const isOutsider = ({
  isBot,
  isGuest,
  isStranger,
  isDeactivated,
}: Pick<SlackProfile, 'isBot' | 'isGuest' | 'isStranger' | 'isDeactivated'>): boolean =>
  isBot || isGuest || isStranger || isDeactivated;
/** The same, of a row of `slack_people` in a query. */
export const isOutsiderRow = or(
  slackPeople.isBot,
  slackPeople.isGuest,
  slackPeople.isStranger,
  slackPeople.isDeactivated,
);
interface Whom {
  tenant: string;
  externalId: string;
}

/** A polite line is enough for this long. */
const TOLD_HOURS = 24;

const isPerson = (org: Org, { tenant, externalId }: Whom) =>
  and(eq(slackPeople.orgId, org.id), eq(slackPeople.tenant, tenant), eq(slackPeople.externalId, externalId));

export async function readSlackPerson(org: Org, whom: Whom): Promise<SlackPerson | undefined> {
  const [row] = await org.tx.select().from(slackPeople).where(isPerson(org, whom));
  return row;
}

/** Keeps what Slack said just now. */
export async function saveSlackPerson(org: Org, { tenant, externalId }: Whom, profile: SlackProfile): Promise<void> {
  const known = { ...profile, fetchedAt: new Date() };
  await org.tx
    .insert(slackPeople)
    .values({ ...known, orgId: org.id, tenant, externalId })
    .onConflictDoUpdate({ target: [slackPeople.orgId, slackPeople.tenant, slackPeople.externalId], set: known });
}

/** As `saveSlackPerson`, for somebody we have met only. */
export const updateSlackPerson = (org: Org, whom: Whom, profile: SlackProfile): Promise<unknown> =>
  org.tx
    .update(slackPeople)
    .set({ ...profile, fetchedAt: new Date() })
    .where(isPerson(org, whom));

/** The names of those of these people whom we have met, by their ids. `areColleagues`: not of guests, apps and people of other companies. */
export async function namesOfSlackPeople(
  org: Org,
  {
    tenant,
    externalIds,
    areColleagues = false,
  }: { tenant: string; externalIds: readonly string[]; areColleagues?: boolean },
): Promise<Map<string, string>> {
  if (externalIds.length === 0) return new Map();
  const rows = await org.tx
    .select({ id: slackPeople.externalId, name: slackPeople.name })
    .from(slackPeople)
    .where(
      and(
        eq(slackPeople.orgId, org.id),
        eq(slackPeople.tenant, tenant),
        inArray(slackPeople.externalId, [...externalIds]),
        areColleagues
          ? sql`not (${slackPeople.isGuest} or ${slackPeople.isStranger} or ${slackPeople.isBot})`
          : undefined,
      ),
    );
  return new Map(rows.map(({ id, name }) => [id, name]));
}

/** True for whoever may tell this person now why nobody answers them: of several processes one, and once in 24 hours (database clock). */
export async function claimTelling(org: Org, { tenant, externalId }: Whom): Promise<boolean> {
  const nobody = { name: externalId, isBot: false, isGuest: false, isStranger: false, isDeactivated: false };
  const told = await org.tx
    .insert(slackPeople)
    // Somebody whom Slack could not tell us about yet: known so little that they are asked about next time.
    .values({ ...nobody, orgId: org.id, tenant, externalId, fetchedAt: new Date(0), toldAt: sql`now()` })
    .onConflictDoUpdate({
      target: [slackPeople.orgId, slackPeople.tenant, slackPeople.externalId],
      set: { toldAt: sql`now()` },
      setWhere: sql`${slackPeople.toldAt} is null or ${slackPeople.toldAt} < now() - make_interval(hours => ${TOLD_HOURS})`,
    })
    .returning({ id: slackPeople.id });
  return told.length > 0;
}

/** The line did not arrive, or is not true any more: they may be told again. */
export const forgetTelling = (org: Org, whom: Whom): Promise<unknown> =>
  org.tx.update(slackPeople).set({ toldAt: null }).where(isPerson(org, whom));

/** The one active member with this e-mail address, in whatever case. */
export async function findActiveByEmail(org: Org, email: string): Promise<{ id: string } | undefined> {
  const found = await org.tx
    .select({ id: members.id })
    .from(members)
    .where(and(eq(members.orgId, org.id), eq(members.status, 'active'), sql`lower(${members.email}) = lower(${email})`))
    .limit(2);
  return found.length === 1 ? found[0] : undefined;
}
