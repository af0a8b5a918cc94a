import { and, eq } from 'drizzle-orm';
import type { OrgSettingsInput } from '#core/policy.ts';
import type { Database } from './client.ts';
import { orgs, tenants } from './schema/identity.ts';
import { slackInstallations } from './schema/slack.ts';

/** What hearing needs to know of a workspace. */
export interface Workspace {
  orgId: string;
  tenant: string;
  /** Parsed by zOrgSettings. */
  settings: OrgSettingsInput;
  /** Its installation; missing when only its org is known. */
  installed: { botUserId: string; botId: string | null } | undefined;
}

/** The workspace of a Slack tenant, by our tables only (RULES I3); null: nobody connected it. */
export async function findWorkspace(db: Database, tenant: string): Promise<Workspace | null> {
  const [found] = await db.withSystem('find the org of a Slack workspace', (tx) =>
    tx
      .select({ orgId: tenants.orgId, settings: orgs.settings })
      .from(tenants)
      .innerJoin(orgs, eq(orgs.id, tenants.orgId))
      .where(and(eq(tenants.platform, 'slack'), eq(tenants.tenant, tenant))),
  );
  if (!found) return null;
  const [installed] = await db.withOrg(found.orgId, (org) =>
    org.tx
      .select({ botUserId: slackInstallations.botUserId, botId: slackInstallations.botId })
      .from(slackInstallations)
      .where(
        and(
          eq(slackInstallations.orgId, org.id),
          eq(slackInstallations.tenant, tenant),
          eq(slackInstallations.status, 'active'),
        ),
      ),
  );
  return { ...found, tenant, installed };
}
