import { and, asc, count, eq, inArray, sql } from 'drizzle-orm';
import { notFound, UserError } from '#core/errors.ts';
import { randomToken, sha256 } from '#core/hash.ts';
import { actorText, type Actor } from '#core/roles.ts';
import type { Org } from './client.ts';
import { findIdentity, linkIdentity } from './identities.ts';
import { readMember } from './members.ts';
import { identities } from './schema/identity.ts';
import { slackInstallations, slackLinks, slackPeople } from './schema/slack.ts';

/** Long enough to sign in first. */
const VALID_MINUTES = 15;

const isOpen = sql<boolean>`${slackLinks.usedAt} is null and ${slackLinks.expiresAt} > now()`;

/**
 * A one-time token that ties a Slack account to whoever of the org opens it signed in; only its hash is kept, and tokens made before for the same account
 * end. Give it to nobody but the person who holds the account.
 */
export async function makeLink(
  org: Org,
  { tenant, externalId }: { tenant: string; externalId: string },
): Promise<{ token: string; expiresAt: Date }> {
  await org.tx
    .update(slackLinks)
    .set({ expiresAt: sql`now()` })
    .where(
      and(eq(slackLinks.orgId, org.id), eq(slackLinks.tenant, tenant), eq(slackLinks.externalId, externalId), isOpen),
    );
  const token = randomToken();
  const [row] = await org.tx
    .insert(slackLinks)
    .values({
      orgId: org.id,
      tenant,
      externalId,
      tokenHash: sha256(token),
      expiresAt: sql`now() + make_interval(mins => ${VALID_MINUTES})`,
    })
    .returning({ expiresAt: slackLinks.expiresAt });
  if (!row) throw new Error('link was not stored');
  return { token, expiresAt: row.expiresAt };
}

export interface LinkView {
  tenant: string;
  externalId: string;
  /** The workspace's name; its id when it is unknown. */
  workspace: string;
  /** What Slack says of the person; null: nothing yet. */
  person: { name: string; email: string | null } | null;
  isOpen: boolean;
  /** The member it is tied to already. */
  linkedTo: { memberId: string; name: string } | null;
}

/** What a link would tie to whom. Throws `UserError` 404 for another org's as for one that never was. */
export async function readLink(org: Org, token: string): Promise<LinkView> {
  const [row] = await org.tx
    .select({
      tenant: slackLinks.tenant,
      externalId: slackLinks.externalId,
      workspace: slackInstallations.teamName,
      name: slackPeople.name,
      email: slackPeople.email,
      isOpen,
    })
    .from(slackLinks)
    .leftJoin(
      slackInstallations,
      and(eq(slackInstallations.orgId, slackLinks.orgId), eq(slackInstallations.tenant, slackLinks.tenant)),
    )
    .leftJoin(
      slackPeople,
      and(
        eq(slackPeople.orgId, slackLinks.orgId),
        eq(slackPeople.tenant, slackLinks.tenant),
        eq(slackPeople.externalId, slackLinks.externalId),
      ),
    )
    .where(and(eq(slackLinks.orgId, org.id), eq(slackLinks.tokenHash, sha256(token))));
  if (!row) throw notFound('link');
  const { tenant, externalId } = row;
  const linked = await findIdentity(org, { platform: 'slack', tenant, externalId });
  return {
    tenant,
    externalId,
    workspace: row.workspace ?? tenant,
    person: row.name === null ? null : { name: row.name, email: row.email },
    isOpen: row.isOpen,
    linkedTo: linked ? { memberId: linked.memberId, name: linked.name } : null,
  };
}

/** Whether the person has to say that the account is theirs: Slack knows them by another address, or by none. */
export const isOtherAddress = ({ person }: LinkView, memberEmail: string): boolean =>
  person?.email?.toLowerCase() !== memberEmail.toLowerCase();

export const linkOver = (): UserError =>
  new UserError('This link was used or is older than 15 minutes. Type /abet connect in Slack for a new one.', {
    status: 410,
  });

/**
 * Uses a link: the Slack account is the member's from now on. Throws `UserError`: 404 another org's or unknown, 410 over (database clock), 422 when the
 * address differs and `isMine` was not said, 409 when the account is another member's.
 */
export async function useLink(
  org: Org,
  actor: Actor,
  { token, isMine }: { token: string; isMine: boolean },
): Promise<LinkView> {
  const isToken = and(eq(slackLinks.orgId, org.id), eq(slackLinks.tokenHash, sha256(token)));
  // Two uses of one link take turns here.
  await org.tx.select({ id: slackLinks.id }).from(slackLinks).where(isToken).for('update');
  const link = await readLink(org, token);
  if (!link.isOpen) throw linkOver();
  const member = await readMember(org, actor.memberId);
  if (member && isOtherAddress(link, member.email) && !isMine)
    throw new UserError('Say that this is your Slack account, or close this page.', { status: 422, field: 'mine' });
  await org.tx
    .update(slackLinks)
    .set({ usedAt: sql`now()`, usedBy: actor.memberId })
    .where(isToken);
  await linkIdentity(org, {
    memberId: actor.memberId,
    platform: 'slack',
    tenant: link.tenant,
    externalId: link.externalId,
    how: 'link',
    actor: actorText(actor),
  });
  return link;
}

/** A Slack account that acts for a member. */
export interface LinkedAccount {
  /** The identity's. */
  id: string;
  tenant: string;
  externalId: string;
  workspace: string;
  name: string | null;
  email: string | null;
  linkedAt: Date;
}

/** The member's Slack accounts with what Slack says of them, oldest first. */
export async function linkedAccounts(org: Org, memberId: string): Promise<LinkedAccount[]> {
  const rows = await org.tx
    .select({
      id: identities.id,
      tenant: identities.tenant,
      externalId: identities.externalId,
      workspace: slackInstallations.teamName,
      name: slackPeople.name,
      email: slackPeople.email,
      linkedAt: identities.createdAt,
    })
    .from(identities)
    .leftJoin(
      slackInstallations,
      and(eq(slackInstallations.orgId, identities.orgId), eq(slackInstallations.tenant, identities.tenant)),
    )
    .leftJoin(
      slackPeople,
      and(
        eq(slackPeople.orgId, identities.orgId),
        eq(slackPeople.tenant, identities.tenant),
        eq(slackPeople.externalId, identities.externalId),
      ),
    )
    .where(and(eq(identities.orgId, org.id), eq(identities.memberId, memberId), eq(identities.platform, 'slack')))
    .orderBy(asc(identities.createdAt), asc(identities.id));
  return rows.map((row) => ({ ...row, workspace: row.workspace ?? row.tenant }));
}

/** How many Slack accounts act for each of these members; who has none is left out. */
export async function countLinkedAccounts(org: Org, memberIds: readonly string[]): Promise<Map<string, number>> {
  if (memberIds.length === 0) return new Map();
  const rows = await org.tx
    .select({ memberId: identities.memberId, n: count() })
    .from(identities)
    .where(
      and(eq(identities.orgId, org.id), eq(identities.platform, 'slack'), inArray(identities.memberId, [...memberIds])),
    )
    .groupBy(identities.memberId);
  return new Map(rows.map(({ memberId, n }) => [memberId, n]));
}
