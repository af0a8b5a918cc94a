import { and, count, eq } from 'drizzle-orm';
import { zOrgSettings, zPolicy, type OrgSettings, type Policy } from '#core/policy.ts';
import type { Org } from './client.ts';
import { members, orgs } from './schema/identity.ts';

/** The org's own row; its policy is parsed, so that a newer field has its default. */
export async function readOrg(org: Org): Promise<typeof orgs.$inferSelect & { policy: Policy; settings: OrgSettings }> {
  const [row] = await org.tx.select().from(orgs).where(eq(orgs.id, org.id));
  if (!row) throw new Error(`org ${org.id} is missing`);
  return { ...row, policy: zPolicy.parse(row.policy), settings: zOrgSettings.parse(row.settings) };
}

/** RULES A3: the requester may decide alone only in an org that has never had a second active member. */
export async function isOnePersonOrg(org: Org): Promise<boolean> {
  const [row] = await org.tx.select({ had: orgs.hadSecondMember }).from(orgs).where(eq(orgs.id, org.id));
  const [active] = await org.tx
    .select({ n: count() })
    .from(members)
    .where(and(eq(members.orgId, org.id), eq(members.status, 'active')));
  return row?.had === false && (active?.n ?? 0) <= 1;
}
