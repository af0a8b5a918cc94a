import { and, eq, inArray, sql } from 'drizzle-orm';
import { zOrgSettings } from '#core/policy.ts';
import type { Org } from './client.ts';
import { orgs } from './schema/identity.ts';
import { runs } from './schema/runs.ts';

/**
 * How many requests of a member are under way, waiting ones too, and how many may be. New requests of the member take turns from here until commit,
 * so that the limit holds for those that come together.
 */
export async function countActiveRuns(org: Org, memberId: string): Promise<{ active: number; most: number }> {
  const [row] = await org.tx
    .select({
      settings: orgs.settings,
      lock: sql`pg_advisory_xact_lock(hashtextextended(${`active runs of ${memberId}`}, 0))::text`,
    })
    .from(orgs)
    .where(eq(orgs.id, org.id));
  const { activeRunsPerMember: most } = zOrgSettings.parse(row?.settings ?? {});
  const active = await org.tx
    .select({ id: runs.id })
    .from(runs)
    .where(and(eq(runs.orgId, org.id), inArray(runs.status, ['running', 'waiting']), eq(runs.requestedBy, memberId)))
    .limit(most);
  return { active: active.length, most };
}
