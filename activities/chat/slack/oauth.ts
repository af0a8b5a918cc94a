import { z } from 'zod';
import type { Config } from '#core/config.ts';
import { PlatformFailure, UserError } from '#core/errors.ts';
import type { SlackSecret } from '#db/slack-tokens.ts';
import { BOT_SCOPES, OPTIONAL_SCOPES } from '#activities/chat/render/slack/manifest.ts';
import type { SlackGrant, SlackSelf } from './types.ts';
import type { SlackWeb } from './web.ts';

/** A refresh token → the next token and its own refresh token. Throws `PlatformFailure`. */
export type Refresh = (refreshToken: string) => Promise<{ secret: SlackSecret; expiresAt: Date | null }>;

const zId = z.string().min(1);
const zPlace = z.object({ id: zId, name: z.string().default('') }).nullish();
/** `oauth.v2.access`; with token rotation it also has an end and a refresh token. */
const zTokens = z.object({
  access_token: zId,
  refresh_token: zId.nullish(),
  expires_in: z.number().positive().nullish(),
});
const zAccess = zTokens.extend({
  token_type: z.literal('bot'),
  scope: z.string().default(''),
  bot_user_id: zId,
  app_id: zId.nullish(),
  team: zPlace,
  enterprise: zPlace,
  is_enterprise_install: z.boolean().default(false),
});

interface OauthDeps {
  config: Pick<Config, 'SLACK_API_URL' | 'SLACK_CLIENT_ID' | 'SLACK_CLIENT_SECRET' | 'SLACK_PKCE'>;
  /** The app's own way to Slack, without a token. */
  web: SlackWeb;
  authTest: (token: string) => Promise<SlackSelf>;
  now: () => number;
}

/** OAuth v2: installs, and what keeps their tokens fresh. */
export function createOauth({ config, web, authTest, now }: OauthDeps) {
  function appOf(): { client_id: string; client_secret: string } {
    const { SLACK_CLIENT_ID: client_id, SLACK_CLIENT_SECRET: client_secret } = config;
    if (!client_id || !client_secret)
      throw new UserError('Installing from here needs SLACK_CLIENT_ID and SLACK_CLIENT_SECRET. Set them and restart.', {
        status: 409,
      });
    return { client_id, client_secret };
  }

  const secretOf = (tokens: z.infer<typeof zTokens>) => ({
    secret: { token: tokens.access_token, refreshToken: tokens.refresh_token ?? null },
    expiresAt: tokens.expires_in ? new Date(now() + tokens.expires_in * 1000) : null,
  });

  function installUrl({ state, challenge, redirectUri }: { state: string; challenge: string; redirectUri: string }) {
    // Beside the API: https://slack.com/api/ → https://slack.com/oauth/v2/authorize.
    const url = new URL('../oauth/v2/authorize', config.SLACK_API_URL);
    url.search = new URLSearchParams({
      client_id: appOf().client_id,
      scope: [...BOT_SCOPES, ...OPTIONAL_SCOPES].join(','),
      redirect_uri: redirectUri,
      state,
      ...(config.SLACK_PKCE ? { code_challenge: challenge, code_challenge_method: 'S256' } : {}),
    }).toString();
    return url.href;
  }

  async function exchange(code: string, verifier: string, redirectUri: string): Promise<SlackGrant> {
    const proof = config.SLACK_PKCE ? { code_verifier: verifier } : undefined;
    const parsed = zAccess.safeParse(await access({ code, redirect_uri: redirectUri, ...proof }));
    if (!parsed.success)
      throw new UserError('Slack granted no bot token. Install the app again, with its bot scopes.', { status: 409 });
    const grant = parsed.data;
    const owner = grant.is_enterprise_install ? grant.enterprise : grant.team;
    if (!owner)
      throw new UserError('Slack did not say which workspace it was. Install the app again.', { status: 409 });
    const { secret, expiresAt } = secretOf(grant);
    // Says the bot's id, which the grant does not; without it everything else works.
    const self = await authTest(secret.token).catch(() => null);
    return {
      ...secret,
      expiresAt,
      tenant: owner.id,
      isEnterprise: grant.is_enterprise_install,
      teamName: owner.name || (self?.teamName ?? owner.id),
      botUserId: grant.bot_user_id,
      botId: self?.botId ?? null,
      appId: grant.app_id ?? self?.appId ?? null,
      scopes: grant.scope.split(',').filter(Boolean),
    };
  }

  /** Nothing is granted by what Slack refuses, so the code may be tried in the other way. */
  async function access(ask: Record<string, string>): Promise<Record<string, unknown>> {
    const { client_id, client_secret } = appOf();
    try {
      return await web('oauth.v2.access', { ...ask, client_id, client_secret });
    } catch (error) {
      const otherWay = (code: string): Record<string, string> | undefined => {
        const { code_verifier: _, ...bare } = ask;
        // PKCE is a switch of the app, off at first; on, it makes the app a public one, whose secret may be unwanted.
        if (code === NO_PKCE) return { ...bare, client_id, client_secret };
        return SECRET_UNWANTED.has(code) ? { ...ask, client_id } : undefined;
      };
      const other = error instanceof PlatformFailure ? otherWay(error.code) : undefined;
      if (!other) throw toUserError(error);
      return web('oauth.v2.access', other).catch(() => {
        throw toUserError(error);
      });
    }
  }

  const refresh: Refresh = async (refreshToken) => {
    const { SLACK_CLIENT_ID: client_id, SLACK_CLIENT_SECRET: client_secret } = config;
    if (!client_id || !client_secret)
      throw new PlatformFailure('refused', 'no_client', {
        detail: 'SLACK_CLIENT_ID and SLACK_CLIENT_SECRET are not set',
      });
    const ask = { client_id, client_secret, grant_type: 'refresh_token', refresh_token: refreshToken };
    const parsed = zTokens.safeParse(await web('oauth.v2.access', ask));
    if (!parsed.success) throw new PlatformFailure('unclear', 'no_token');
    return secretOf(parsed.data);
  };

  return { installUrl, exchange, refresh };
}

/** "The app is not allowed to use the PKCE flow": docs.slack.dev, oauth.v2.access. */
const NO_PKCE = 'pkce_not_allowed';
const SECRET_UNWANTED = new Set(['internal_error', 'bad_client_secret']);
const STALE = /^(invalid_code|code_expired|code_already_used|invalid_grant|bad_redirect_uri|invalid_code_verifier)$/;

const TOLD: Record<string, string> = {
  [NO_PKCE]: `This app is not set up for PKCE (${NO_PKCE}). Set SLACK_PKCE=0, restart, and install it again.`,
  cannot_install_an_org_installed_app:
    'The app is installed for the whole Enterprise, so Slack does not install it in one workspace as well. Install it for the Enterprise.',
};

function toUserError(error: unknown): unknown {
  if (!(error instanceof PlatformFailure) || error.kind !== 'refused') return error;
  const otherwise = STALE.test(error.code)
    ? `Slack no longer takes this installation (${error.code}). Start it again from the Slack page.`
    : `Slack refused the installation (${error.code}). Check SLACK_CLIENT_ID, SLACK_CLIENT_SECRET and the redirect address of the app.`;
  return new UserError(TOLD[error.code] ?? otherwise, { status: 409 });
}
