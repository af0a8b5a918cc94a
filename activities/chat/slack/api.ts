import type { Logger } from 'pino';
import { z } from 'zod';
import { BOT_SCOPES } from '#activities/chat/render/slack/manifest.ts';
import type { Config } from '#core/config.ts';
import { PlatformFailure } from '#core/errors.ts';
import type { KeyRing } from '#core/keys.ts';
import { actorText } from '#core/roles.ts';
import type { Database } from '#db/client.ts';
import { findInstallation, saveInstallation, storeScopes } from '#db/slack-installations.ts';
import { downloadFile } from './download.ts';
import { createEnv } from './env.ts';
import { isGone } from './failure.ts';
import { createOauth } from './oauth.ts';
import { createTokens } from './tokens.ts';
import type { InstallationCheck, SlackApi, SlackPlace, SlackSelf } from './types.ts';
import { createWeb } from './web.ts';

export type { SlackApi } from './types.ts';

const zText = z.string().min(1);
const zSelf = z.object({
  team: z.string().default(''),
  team_id: zText,
  user: z.string().default(''),
  user_id: zText,
  bot_id: zText.nullish(),
  app_id: zText.nullish(),
  enterprise_id: zText.nullish(),
  is_enterprise_install: z.boolean().default(false),
  // From the header x-oauth-scopes.
  response_metadata: z.object({ scopes: z.array(z.string()).default([]) }).default({ scopes: [] }),
});

/** Slack's Web API with the tokens of every org. Loads the SDK with its first call. `now` is in milliseconds; a test turns it. */
export function createSlackApi({
  db,
  keys,
  config,
  log,
  now = Date.now,
}: {
  db: Database;
  keys: KeyRing;
  config: Config;
  log: Logger;
  now?: () => number;
}): SlackApi {
  const web = createWeb({ config, log });
  const authTest = async (token: string) => selfOf(await web(token)('auth.test', {}));
  const oauth = createOauth({ config, web: web(), authTest, now });
  const env = createEnv({ db, keys, log, config, authTest, now });
  const tokens = createTokens({ db, keys, log, web, env, refresh: oauth.refresh, now });

  const call: SlackApi['call'] = async (at, method, args) => {
    const held = await tokens.read(at);
    try {
      return await held.web(method, args);
    } catch (error) {
      if (!isGone(error)) throw error;
      // Refused as a whole, so nothing was done: the token that took its place may try.
      const next = await tokens.reread(at, held.token, error.code);
      if (!next) throw error;
      return next.web(method, args);
    }
  };

  async function checkInstallation(at: SlackPlace): Promise<InstallationCheck> {
    const before = await db.withOrg(at.orgId, (org) => findInstallation(org, at.tenant));
    try {
      const answer = await call(at, 'auth.test', {});
      const self = selfOf(answer);
      const scopes = self.scopes.length > 0 ? self.scopes : (before?.scopes ?? []);
      await db.withOrg(at.orgId, (org) => storeScopes(org, at.tenant, scopes));
      return { ok: true, team: self.teamName, botUser: botNameOf(answer, self), scopes, missing: missingOf(scopes) };
    } catch (error) {
      if (!(error instanceof PlatformFailure)) throw error;
      const after = await db.withOrg(at.orgId, (org) => findInstallation(org, at.tenant));
      const scopes = before?.scopes ?? [];
      return { ok: false, problem: after?.problem ?? problemOf(error), scopes, missing: missingOf(scopes) };
    }
  }

  return {
    call,
    authTest,
    checkInstallation,
    ensureEnv: env.ensure,
    envProblem: env.problem,
    tokenOf: async (at) => (await tokens.read(at)).token,
    download: async (at, url, options) =>
      downloadFile(config, url, { ...options, token: (await tokens.read(at)).token }),
    installUrl: oauth.installUrl,
    exchange: oauth.exchange,
    install: (org, { token, refreshToken, ...grant }, by) =>
      saveInstallation(
        org,
        keys,
        { ...grant, source: 'oauth', secret: { token, refreshToken }, memberId: by.memberId },
        actorText(by),
      ),
    forget: tokens.forget,
  };
}

/** Parses `auth.test`. Throws `PlatformFailure` for an answer that names nobody. */
function selfOf(answer: Record<string, unknown>): SlackSelf {
  const parsed = zSelf.safeParse(answer);
  if (!parsed.success) throw new PlatformFailure('refused', 'unknown_method', { detail: 'auth.test named nobody' });
  const self = parsed.data;
  const isEnterprise = self.is_enterprise_install && Boolean(self.enterprise_id);
  return {
    tenant: isEnterprise ? (self.enterprise_id ?? self.team_id) : self.team_id,
    isEnterprise,
    teamName: self.team || self.team_id,
    botUserId: self.user_id,
    botId: self.bot_id ?? null,
    appId: self.app_id ?? null,
    scopes: self.response_metadata.scopes.filter(Boolean),
  };
}

const botNameOf = (answer: Record<string, unknown>, self: SlackSelf): string =>
  typeof answer['user'] === 'string' && answer['user'] ? answer['user'] : self.botUserId;

/** Scopes that the app needs and does not have; those it can do without are not among them. */
const missingOf = (scopes: readonly string[]): string[] => BOT_SCOPES.filter((scope) => !scopes.includes(scope));

function problemOf({ kind, code, retryAfterMs }: PlatformFailure): string {
  if (code === 'not_installed') return 'The app is not installed in this workspace. Install it.';
  if (kind === 'not_sent' && code !== 'unreachable')
    return `Slack does not serve this workspace just now (${code}). Test again in a while.`;
  if (kind === 'not_sent') return 'Slack could not be reached. Check the network, and SLACK_API_URL if it is set.';
  if (kind === 'limited') return `Slack asks to wait ${Math.ceil((retryAfterMs ?? 1_000) / 1_000)} s. Test again then.`;
  if (kind === 'unclear') return 'Slack did not answer properly. Test again in a moment.';
  return `Slack refused the test (${code}). Install the app again.`;
}
