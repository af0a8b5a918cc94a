import type { HomeOf } from './chat/slack/home.ts';
import type { ActivityDeps } from './deps.ts';

/** What people see when they open the app in Slack, as an activity; without Slack, nothing. */
export function createHomeActivities({ homes }: Pick<ActivityDeps, 'homes'>) {
  return {
    publishHome: async ({ orgId, tenant, externalId }: HomeOf): Promise<void> =>
      homes?.publish({ orgId, tenant, externalId, isOpened: true }),
  };
}
