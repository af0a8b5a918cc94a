import { and, eq } from 'drizzle-orm';
import type { Logger } from 'pino';
import type { Config } from '#core/config.ts';
import { errorText, PlatformFailure, UserError } from '#core/errors.ts';
import type { KeyRing } from '#core/keys.ts';
import type { Database } from '#db/client.ts';
import { orgs, slackInstallations } from '#db/schema/index.ts';
import { findInstallation, revokeInstallation, saveInstallation } from '#db/slack-installations.ts';
import { isGone } from './failure.ts';
import type { EnvState, SlackPlace, SlackSelf } from './types.ts';

export interface Env {
  ensure(): Promise<EnvState>;
  /** The environment's token, for its own workspace only. */
  tokenFor(at: SlackPlace): Promise<string>;
  forget(at: SlackPlace): void;
  /** Why SLACK_BOT_TOKEN does not work, in a sentence, or null. What failed a minute ago at most is not asked again. */
  problem(): Promise<string | null>;
}

interface EnvDeps {
  db: Database;
  keys: KeyRing;
  log: Logger;
  config: Pick<Config, 'SLACK_BOT_TOKEN'>;
  authTest: (token: string) => Promise<SlackSelf>;
  now: () => number;
}

/** A token that does not work is not tried anew each time somebody looks at the page. */
const REMEMBERED_MS = 60_000;

const REFUSED =
  'Slack does not accept SLACK_BOT_TOKEN, so nobody there is heard or answered. Put a current token into the settings and restart';

/** The environment's bot token as an installation of the first org (RULES D7): the row is stored, the token never. */
export function createEnv({ db, keys, log, config, authTest, now }: EnvDeps): Env {
  const token = config.SLACK_BOT_TOKEN;
  let place: SlackPlace | undefined;
  let isOff = false;
  let isRefused = false;
  let failed: { problem: string; at: number } | undefined;
  let underWay: Promise<EnvState> | undefined;

  function ensure(): Promise<EnvState> {
    if (place) return Promise.resolve('ready');
    if (isOff) return Promise.resolve('off');
    underWay ??= attempt()
      .then((state) => {
        failed = undefined;
        return state;
      })
      .catch((error: unknown) => {
        failed = { problem: problemOf(error), at: now() };
        const words = { error: errorText(error) };
        const wasRefused = isRefused;
        isRefused = error instanceof PlatformFailure && error.kind === 'refused';
        if (isRefused && !wasRefused) log.error({ ...words, alert: true }, REFUSED);
        else log.warn(words, 'SLACK_BOT_TOKEN could not be looked at');
        return isRefused ? ('refused' as const) : ('unreachable' as const);
      })
      .finally(() => {
        underWay = undefined;
      });
    return underWay;
  }

  async function attempt(): Promise<EnvState> {
    if (!token) {
      await revokeAll(
        'SLACK_BOT_TOKEN is not set any more. Set it again and restart, or install the app here.',
        'not_set',
      );
      isOff = true;
      return 'off';
    }
    const self = await ask(token);
    const orgId = self && (await firstOrg());
    if (!self || !orgId) return 'unreachable';
    await revokeAll(
      'SLACK_BOT_TOKEN now belongs to another workspace. Install the app here.',
      'other_token',
      self.tenant,
    );
    await db.withOrg(orgId, async (org) => {
      const before = await findInstallation(org, self.tenant);
      // Installed by an admin: that token is the org's own, and may be newer.
      if (before?.status === 'active' && before.source === 'oauth') return;
      await saveInstallation(
        org,
        keys,
        { ...self, source: 'env', expiresAt: null, secret: null, memberId: null },
        'system',
      );
    });
    place = { orgId, tenant: self.tenant };
    return 'ready';
  }

  async function ask(token: string): Promise<SlackSelf | null> {
    try {
      return await authTest(token);
    } catch (error) {
      if (isGone(error))
        await revokeAll(
          `Slack does not accept SLACK_BOT_TOKEN (${error.code}). Put a current token into the settings and restart.`,
          error.code,
        );
      throw error;
    }
  }

  /** The environment's installations, but the one that is to stay. */
  async function revokeAll(problem: string, code: string, butTenant?: string): Promise<void> {
    const rows = await db.withSystem("find the workspaces of the environment's token", (tx) =>
      tx
        .select({ orgId: slackInstallations.orgId, tenant: slackInstallations.tenant })
        .from(slackInstallations)
        .where(and(eq(slackInstallations.source, 'env'), eq(slackInstallations.status, 'active'))),
    );
    for (const { orgId, tenant } of rows)
      if (tenant !== butTenant) await db.withOrg(orgId, (org) => revokeInstallation(org, tenant, { problem, code }));
  }

  async function firstOrg(): Promise<string | undefined> {
    const [row] = await db.withSystem('find the org of the environment', (tx) =>
      tx.select({ id: orgs.id }).from(orgs).where(eq(orgs.isFirst, true)),
    );
    return row?.id;
  }

  return {
    ensure,
    async problem() {
      if (!token) return null;
      if (!failed || now() - failed.at >= REMEMBERED_MS) await ensure();
      return failed?.problem ?? null;
    },
    async tokenFor(at) {
      const state = await ensure();
      if (state === 'unreachable' || state === 'refused')
        throw new PlatformFailure('not_sent', 'unreachable', { detail: 'SLACK_BOT_TOKEN' });
      if (!token || place?.orgId !== at.orgId || place.tenant !== at.tenant)
        throw new PlatformFailure('refused', 'not_installed', { detail: 'SLACK_BOT_TOKEN is not for this workspace' });
      return token;
    },
    forget(at) {
      if (place?.orgId === at.orgId && place.tenant === at.tenant) place = undefined;
    },
  };
}

function problemOf(error: unknown): string {
  if (isGone(error))
    return `Slack does not accept SLACK_BOT_TOKEN (${error.code}), so nobody there is heard or answered. Put a current token into the settings and restart.`;
  if (error instanceof PlatformFailure && error.kind === 'refused')
    return `Slack refuses SLACK_BOT_TOKEN (${error.code}). It has to be the bot token of the app (xoxb-…). Put it into the settings and restart.`;
  if (error instanceof PlatformFailure)
    return `Slack could not be asked about SLACK_BOT_TOKEN (${error.code}). It is tried again; look at the network, and at SLACK_API_URL if it is set.`;
  return error instanceof UserError
    ? `SLACK_BOT_TOKEN is not used: ${error.message}`
    : 'SLACK_BOT_TOKEN could not be looked at. The log says why.';
}
