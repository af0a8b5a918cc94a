import { findWorkspace, type Workspace } from '#db/slack-workspaces.ts';
import type { SlackBotDeps } from './deps.ts';
import { createSeldom } from './seldom.ts';

const FRESH_MS = 60_000;
/** The environment's token is looked at again this long after it was found not to be of a workspace. */
const ASK_AGAIN_MS = 30_000;
/** Every delivery of such a workspace says the same. */
const WARN_AGAIN_MS = 60 * 60_000;
const MOST_CACHED = 5_000;

export interface Workspaces {
  /** The workspace of a tenant, at most a minute old; `unknown`: nobody connected it; `unreachable`: Slack cannot say now whether it is ours. */
  find(tenant: string): Promise<Workspace | 'unknown' | 'unreachable'>;
  forget(tenant: string): void;
}

export function createWorkspaces({
  config,
  db,
  slack,
  log,
  now = Date.now,
}: Pick<SlackBotDeps, 'config' | 'db' | 'slack' | 'log' | 'now'>): Workspaces {
  const cached = new Map<string, { workspace: Workspace; until: number }>();
  const askedAt = new Map<string, number>();
  const isWarningDue = createSeldom(WARN_AGAIN_MS, now);

  async function look(tenant: string): Promise<Workspace | null> {
    const workspace = await findWorkspace(db, tenant);
    if (cached.size >= MOST_CACHED) cached.clear();
    if (workspace) cached.set(tenant, { workspace, until: now() + FRESH_MS });
    return workspace;
  }

  /** The first message may come before the token was looked at. */
  async function lookBehindEnv(tenant: string): Promise<Workspace | 'unknown' | 'unreachable'> {
    if (config.SLACK_BOT_TOKEN === undefined || now() - (askedAt.get(tenant) ?? -Infinity) < ASK_AGAIN_MS)
      return 'unknown';
    const env = await slack.ensureEnv();
    if (env === 'unreachable') return 'unreachable';
    if (askedAt.size >= MOST_CACHED) askedAt.clear();
    askedAt.set(tenant, now());
    return (await look(tenant)) ?? 'unknown';
  }

  return {
    find: async (tenant) => {
      const known = cached.get(tenant);
      if (known && known.until > now()) return known.workspace;
      const found = (await look(tenant)) ?? (await lookBehindEnv(tenant));
      if (found === 'unknown' && isWarningDue(tenant)) log.warn({ tenant }, NOT_HERE);
      return found;
    },
    forget: (tenant) => cached.delete(tenant),
  };
}

const NOT_HERE =
  'Slack delivers from a workspace that is not installed here, and nobody there is heard. Install the app there on the panel’s page Slack, or take it out of the workspace';
