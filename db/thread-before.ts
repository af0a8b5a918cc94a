import { and, eq, inArray } from 'drizzle-orm';
import type { Org } from './client.ts';
import type { Run } from './runs.ts';
import { inboundEvents } from './schema/chat.ts';
import { slackInstallations, slackPeople } from './schema/slack.ts';

// What reading a thread back wants to know.

/** When a run was asked for, as Slack writes it (`1700000000.000100`): its own message's time, or when we heard of it. */
export async function timeOfRequest(org: Org, run: Pick<Run, 'id' | 'createdAt'>): Promise<string> {
  const [event] = await org.tx
    .select({ key: inboundEvents.sourceKey })
    .from(inboundEvents)
    .where(and(eq(inboundEvents.orgId, org.id), eq(inboundEvents.runId, run.id)));
  return /:(\d+\.\d+)$/.exec(event?.key ?? '')?.[1] ?? (run.createdAt.getTime() / 1000).toFixed(6);
}

/** The app's own ids in a workspace. */
export async function slackSelf(org: Org, tenant: string): Promise<{ userId: string | null; botId: string | null }> {
  const [row] = await org.tx
    .select({ userId: slackInstallations.botUserId, botId: slackInstallations.botId })
    .from(slackInstallations)
    .where(and(eq(slackInstallations.orgId, org.id), eq(slackInstallations.tenant, tenant)));
  return row ?? { userId: null, botId: null };
}

/** Names of people in a workspace, as far as they are known. */
export async function slackNames(
  org: Org,
  tenant: string,
  externalIds: readonly string[],
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
      ),
    );
  return new Map(rows.map(({ id, name }) => [id, name]));
}
