import { and, asc, eq, inArray, notExists, or, sql } from 'drizzle-orm';
import { can, ROLES, type Role } from '#core/roles.ts';
import type { Approval } from './approvals.ts';
import type { Org } from './client.ts';
import { isOnePersonOrg } from './orgs.ts';
import { identities, members } from './schema/identity.ts';
import { runs, toolCalls } from './schema/runs.ts';
import { slackInstallations, slackPeople } from './schema/slack.ts';
import { isOutsiderRow } from './slack-people.ts';

/** Who asked: of the run that asked first, of every run that joined the question since (RULES R3), and everybody who edited it (A3). */
export async function requestersOf(
  org: Org,
  approval: Pick<Approval, 'id' | 'requestedBy' | 'editedBy'>,
): Promise<Set<string>> {
  const waiting = await org.tx
    .selectDistinct({ requestedBy: runs.requestedBy, editedBy: toolCalls.editedBy })
    .from(toolCalls)
    .innerJoin(runs, and(eq(runs.orgId, toolCalls.orgId), eq(runs.id, toolCalls.runId)))
    .where(and(eq(toolCalls.orgId, org.id), eq(toolCalls.approvalId, approval.id)));
  return new Set([
    approval.requestedBy,
    ...approval.editedBy,
    ...waiting.flatMap(({ requestedBy, editedBy }) => [requestedBy, ...editedBy]),
  ]);
}

/** The active members who may decide it, the longest-standing first (RULES A3); a requester or editor only when they are alone. */
export async function decidersOf(
  org: Org,
  approval: Pick<Approval, 'id' | 'requestedBy' | 'editedBy' | 'policy'>,
): Promise<string[]> {
  const { policy } = approval;
  const isAlone = policy.requesterMayDecide && (await isOnePersonOrg(org));
  const asked = isAlone ? new Set<string>() : await requestersOf(org, approval);
  const roles = policy.roles.filter((role) => can(role, 'approval.decide'));
  const rows = await org.tx
    .select({ id: members.id })
    .from(members)
    .where(
      and(
        eq(members.orgId, org.id),
        eq(members.status, 'active'),
        inArray(
          members.role,
          ROLES.filter((role) => can(role, 'approval.decide')),
        ),
        or(inArray(members.role, roles), inArray(members.id, policy.members)),
      ),
    )
    .orderBy(asc(members.createdAt), asc(members.id));
  return rows.map(({ id }) => id).filter((id) => !asked.has(id));
}

/** Whether this active member may decide it, as `decidersOf` says. */
export async function isDecider(
  org: Org,
  approval: Pick<Approval, 'id' | 'requestedBy' | 'editedBy' | 'policy'>,
  member: { id: string; role: Role },
): Promise<boolean> {
  const { policy } = approval;
  if (!can(member.role, 'approval.decide')) return false;
  if (!policy.roles.includes(member.role) && !policy.members.includes(member.id)) return false;
  if (policy.requesterMayDecide && (await isOnePersonOrg(org))) return true;
  return !(await requestersOf(org, approval)).has(member.id);
}

/**
 * One Slack account of each of these members that may act (of none of them did Slack say last that it is a guest's or switched off), in a workspace that
 * works: the one in `tenant` when they have it, else the oldest. In the members' order.
 */
export async function slackAccountsOf(
  org: Org,
  memberIds: readonly string[],
  tenant: string,
): Promise<{ memberId: string; tenant: string; externalId: string }[]> {
  if (memberIds.length === 0) return [];
  const barred = org.tx
    .select({ id: slackPeople.id })
    .from(slackPeople)
    .where(
      and(
        eq(slackPeople.orgId, identities.orgId),
        eq(slackPeople.tenant, identities.tenant),
        eq(slackPeople.externalId, identities.externalId),
        isOutsiderRow,
      ),
    );
  const rows = await org.tx
    .select({ memberId: identities.memberId, tenant: identities.tenant, externalId: identities.externalId })
    .from(identities)
    .innerJoin(
      slackInstallations,
      and(
        eq(slackInstallations.orgId, identities.orgId),
        eq(slackInstallations.tenant, identities.tenant),
        eq(slackInstallations.status, 'active'),
      ),
    )
    .where(
      and(
        eq(identities.orgId, org.id),
        eq(identities.platform, 'slack'),
        inArray(identities.memberId, [...memberIds]),
        notExists(barred),
      ),
    )
    .orderBy(sql`${identities.tenant} <> ${tenant}`, asc(identities.createdAt), asc(identities.id));
  return memberIds.flatMap((id) => rows.find(({ memberId }) => memberId === id) ?? []);
}
