import type { HomeOf } from './chat/slack/home.ts';
import type { ActivityDeps } from './deps.ts';

/** What people see when they open the app in Slack, as activities; without Slack, nothing. */
export function createHomeActivities({ homes }: Pick<ActivityDeps, 'homes'>) {
  return {
    publishHome: async ({ orgId, tenant, externalId }: HomeOf): Promise<void> =>
      homes?.publish({ orgId, tenant, externalId, isOpened: true }),
    suggestPrompts: async (at: { orgId: string; tenant: string; channel: string }): Promise<void> =>
      homes?.suggestPrompts(at),
  };
}
