import type { Logger } from 'pino';
import { PlatformFailure } from '#core/errors.ts';
import type { KeyRing } from '#core/keys.ts';
import type { Database } from '#db/client.ts';
import { revokeInstallation } from '#db/slack-installations.ts';
import { lockToken, openToken, storeRefreshed, type OpenInstallation } from '#db/slack-tokens.ts';
import type { Env } from './env.ts';
import { isGone } from './failure.ts';
import type { Refresh } from './oauth.ts';
import type { SlackPlace } from './types.ts';
import type { SlackWeb } from './web.ts';

/** Another process may have refreshed or removed it meanwhile: looked at again after this. */
const CACHE_MS = 60_000;
/** Slack's tokens live twelve hours where they rotate; what is left must outlast a long run's next call. */
const REFRESH_BEFORE_MS = 2 * 3_600_000;

/** A token with the way to Slack that uses it. */
interface Held {
  token: string;
  web: SlackWeb;
}

interface TokenDeps {
  db: Database;
  keys: KeyRing;
  log: Logger;
  web: (token: string) => SlackWeb;
  env: Env;
  refresh: Refresh;
  now: () => number;
}

const notInstalled = () =>
  new PlatformFailure('refused', 'not_installed', { detail: 'this organisation has no such Slack workspace' });

/** Which token a place's calls are made with. */
export function createTokens({ db, keys, log, web, env, refresh, now }: TokenDeps) {
  const cache = new Map<string, Held & { until: number }>();
  const underWay = new Map<string, Promise<Held>>();
  const nameOf = ({ orgId, tenant }: SlackPlace): string => `${orgId}:${tenant}`;

  /** The place's token. Refused 'not_installed': the org has no active installation there. */
  async function read(at: SlackPlace): Promise<Held> {
    const cached = cache.get(nameOf(at));
    return cached && cached.until > now() ? cached : load(at, undefined);
  }

  /** Slack refused `refused`: the token that took its place meanwhile, or, when none did, null; the installation is then revoked. */
  async function reread(at: SlackPlace, refused: string, code: string): Promise<Held | null> {
    cache.delete(nameOf(at));
    const next = await load(at, refused);
    if (next.token !== refused) return next;
    await revoke(at, refused, code);
    return null;
  }

  /** Calls of one process that need the same token at once wait for one look. */
  function load(at: SlackPlace, refused: string | undefined): Promise<Held> {
    const name = `${nameOf(at)}:${refused ?? ''}`;
    const going = underWay.get(name);
    if (going) return going;
    const started = loadOnce(at, refused).finally(() => underWay.delete(name));
    underWay.set(name, started);
    return started;
  }

  async function loadOnce(at: SlackPlace, refused: string | undefined): Promise<Held> {
    const found = await db.withOrg(at.orgId, (org) => openToken(org, keys, at.tenant));
    if (!found) throw notInstalled();
    if (found.source === 'env') return keep(at, await env.tokenFor(at), null);
    const { token, expiresAt } = isDue(found, refused) ? await refreshed(at, found, refused) : readable(found);
    return keep(at, token, expiresAt);
  }

  function keep(at: SlackPlace, token: string, expiresAt: Date | null): Held {
    const name = nameOf(at);
    const before = cache.get(name);
    const held = before?.token === token ? before : { token, web: web(token) };
    const until = Math.min(now() + CACHE_MS, expiresAt?.getTime() ?? Infinity);
    const kept = { token, web: held.web, until };
    cache.set(name, kept);
    return kept;
  }

  const isDue = ({ secret, expiresAt }: OpenInstallation, refused: string | undefined): boolean =>
    secret?.refreshToken !== undefined &&
    secret.refreshToken !== null &&
    ((expiresAt !== null && expiresAt.getTime() - now() < REFRESH_BEFORE_MS) || secret.token === refused);

  /**
   * A new token, or the one that another process has just made. The one place that calls the network inside `withOrg`: Slack takes a refresh token once,
   * so of all processes exactly one may send it, and must have stored the next before anyone else looks; the row's lock is what they share. It is held
   * for one call of at most ten seconds, of one connection, twice a day for each workspace.
   */
  async function refreshed(at: SlackPlace, before: OpenInstallation, refused: string | undefined) {
    try {
      return await db.withOrg(at.orgId, async (org) => {
        const found = await lockToken(org, keys, at.tenant);
        if (!found) throw notInstalled();
        const refreshToken = found.secret?.refreshToken;
        if (!refreshToken || !isDue(found, refused)) return readable(found);
        const fresh = await refresh(refreshToken);
        await storeRefreshed(org, keys, at.tenant, fresh);
        return { token: fresh.secret.token, expiresAt: fresh.expiresAt };
      });
    } catch (error) {
      if (!(error instanceof PlatformFailure) || error.code === 'not_installed') throw error;
      log.warn({ ...at, code: error.code }, 'a Slack token could not be refreshed');
      const old = readable(before);
      const isUsable = old.token !== refused && (old.expiresAt === null || old.expiresAt.getTime() > now());
      if (isUsable) return old;
      if (!isOver(error)) throw error;
      // Its last chance is gone; `reread` says so itself.
      if (old.token === refused) return old;
      await revoke(at, old.token, error.code);
      throw new PlatformFailure('refused', 'token_expired');
    }
  }

  /** Marks it as no longer working, unless it has another token by now. */
  async function revoke(at: SlackPlace, token: string, code: string): Promise<void> {
    forget(at);
    const isMarked = await db.withOrg(at.orgId, async (org) => {
      const found = await lockToken(org, keys, at.tenant);
      if (!found || (found.secret !== null && found.secret.token !== token)) return false;
      return revokeInstallation(org, at.tenant, { code, problem: problemOf(found.source, code) });
    });
    if (isMarked) log.error({ ...at, code, alert: true }, 'Slack no longer accepts the token of a workspace');
  }

  function forget(at: SlackPlace): void {
    cache.delete(nameOf(at));
    env.forget(at);
  }

  return { read, reread, forget };
}

function readable({ secret, expiresAt }: OpenInstallation): { token: string; expiresAt: Date | null } {
  if (!secret) throw notInstalled();
  return { token: secret.token, expiresAt };
}

/** Slack will never take this refresh token again; a wrong client secret, say, is put right by the operator. */
const isOver = (failure: PlatformFailure): boolean =>
  failure.kind === 'refused' && (/refresh_token|invalid_grant/.test(failure.code) || isGone(failure));

const problemOf = (source: 'oauth' | 'env', code: string): string =>
  source === 'env'
    ? `Slack does not accept SLACK_BOT_TOKEN any more (${code}). Put a current token into the settings and restart.`
    : `Slack does not accept the app's token for this workspace any more (${code}). Install the app again.`;
