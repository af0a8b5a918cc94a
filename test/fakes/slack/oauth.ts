import { createHash } from 'node:crypto';
import type { Knock } from './door.ts';
import type { Method, World } from './world.ts';
import { failure, randomWord, textOf, type Json } from './words.ts';

// Sources: docs.slack.dev, token rotation, and oauth.v2.access: pkce_not_allowed. What its consent page does with an unwanted challenge is not written; here, nothing.
const TOKEN_LIFE_S = 43_200;
const CODE_LIFE_MS = 10 * 60_000;

/** The consent page: the person agrees (or not) at once and is sent back. */
export function consentPage(world: World, { url, response }: Knock): void {
  const asked = url.searchParams;
  const redirect = asked.get('redirect_uri') ?? world.settled.redirectUris[0];
  const plain = (text: string) => void response.writeHead(400, { 'content-type': 'text/plain' }).end(text);
  if (asked.get('client_id') !== world.settled.clientId) return plain('Invalid client_id parameter');
  if (!redirect) return plain('redirect_uri did not match any configured URIs');
  const { redirectUris } = world.settled;
  if (redirectUris.length > 0 && !redirectUris.some((one) => redirect.startsWith(one)))
    return plain('redirect_uri did not match any configured URIs');
  const back = new URL(redirect);
  if (asked.get('state')) back.searchParams.set('state', asked.get('state') ?? '');
  if (world.consent.deny) back.searchParams.set('error', 'access_denied');
  else {
    const code = `${Date.now()}.${randomWord()}`;
    const scopes = (asked.get('scope') ?? '').split(',').filter(Boolean);
    const challenge = world.settled.pkce ? asked.get('code_challenge') : null;
    world.codes.set(code, { redirect: asked.get('redirect_uri'), challenge, scopes, until: Date.now() + CODE_LIFE_MS });
    back.searchParams.set('code', code);
  }
  response.writeHead(302, { location: back.href }).end();
}

const access: Method = (world, args) => {
  const wrong = client(world, args);
  if (wrong) return wrong;
  if (args['grant_type'] === 'refresh_token') return refresh(world, args);
  if (args['grant_type'] && args['grant_type'] !== 'authorization_code') return failure('invalid_grant_type');
  if (args['code_verifier'] !== undefined && !world.settled.pkce) return failure('pkce_not_allowed');
  const code = world.codes.get(textOf(args['code']));
  if (!code) return failure('invalid_code');
  if (code['isUsed']) return failure('code_already_used');
  if (Date.now() > code['until']) return failure('invalid_code');
  if ((code['redirect'] ?? null) !== (args['redirect_uri'] ?? null)) return failure('bad_redirect_uri');
  if (!verifies(code['challenge'], args['code_verifier'])) return failure('invalid_code_verifier');
  code['isUsed'] = true;
  if (code['scopes'].length > 0) world.scopes = code['scopes'];
  world.isInstalled = true;
  return issue(world, `xoxb-${world.settled.teamId}-${randomWord()}`);
};

function client(world: World, args: Json): Json | null {
  if (args['client_id'] !== world.settled.clientId) return failure('invalid_client_id');
  return args['client_secret'] === world.settled.clientSecret ? null : failure('bad_client_secret');
}

function verifies(challenge: string | null, verifier: unknown): boolean {
  if (!challenge) return verifier === undefined;
  return createHash('sha256').update(textOf(verifier)).digest('base64url') === challenge;
}

/** A refresh token is good once. The access token it came with lives on until it runs out. */
function refresh(world: World, args: Json): Json {
  const used = textOf(args['refresh_token']);
  if (world.refreshTokens.get(used) !== 'ok') return failure('invalid_refresh_token');
  world.refreshTokens.set(used, 'used');
  return issue(world, `xoxe.xoxb-1-${world.settled.teamId}-${randomWord()}`);
}

function issue(world: World, fresh: string): Json {
  const { settled } = world;
  const token = settled.rotation ? fresh.replace(/^xoxb-/, 'xoxe.xoxb-1-') : fresh;
  world.tokens.set(token, { kind: 'bot', status: 'ok' });
  world.botToken = token;
  const next = `xoxe-1-${settled.teamId}-${randomWord()}`;
  if (settled.rotation) world.refreshTokens.set(next, 'ok');
  return {
    ok: true,
    access_token: token,
    token_type: 'bot',
    scope: world.scopes.join(','),
    bot_user_id: settled.botUserId,
    app_id: settled.appId,
    team: settled.isEnterpriseInstall ? null : { id: settled.teamId, name: settled.teamName },
    enterprise: settled.enterprise,
    is_enterprise_install: settled.isEnterpriseInstall,
    authed_user: { id: world.userNamed(world.consent.userId)?.['user_id'] ?? null },
    ...(settled.rotation ? { expires_in: TOKEN_LIFE_S, refresh_token: next } : {}),
  };
}

/** Exchanges a token that does not run out for one that does. */
const exchange: Method = (world, args, call) => {
  const wrong = client(world, args);
  if (wrong) return wrong;
  if (world.tokens.get(call.token ?? '')?.status !== 'ok') return failure('invalid_auth');
  return issue(world, `xoxe.xoxb-1-${world.settled.teamId}-${randomWord()}`);
};

function end(world: World, status: 'token_revoked' | 'account_inactive'): void {
  for (const token of world.tokens.values()) if (token.kind === 'bot') token.status = status;
  for (const token of world.refreshTokens.keys()) world.refreshTokens.set(token, 'used');
  world.isInstalled = false;
  world.emit({ type: 'tokens_revoked', tokens: { oauth: [], bot: [world.settled.botUserId] } });
}

/** What an admin's "Remove app" does; the app hears both events. */
export function uninstall(world: World): void {
  end(world, 'account_inactive');
  world.emit({ type: 'app_uninstalled' });
}

export const oauthMethods: Record<string, Method> = {
  'oauth.v2.access': access,
  'oauth.v2.exchange': exchange,
  'auth.revoke': (world, args) => {
    if (!args['test']) end(world, 'token_revoked');
    return { ok: true, revoked: !args['test'] };
  },
  'apps.uninstall': (world, args) => {
    const wrong = client(world, args);
    if (wrong) return wrong;
    uninstall(world);
    return { ok: true };
  },
  'apps.connections.open': (world) => world.door.hub.open(),
};
