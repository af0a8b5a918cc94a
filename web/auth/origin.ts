import type { MiddlewareHandler } from 'hono';
import type { Config } from '#core/config.ts';
import { forbidden } from '#core/errors.ts';
import type { WebEnv } from '#web/env.ts';
import { presentedKey } from './api-key.ts';
import { hasSessionCookie } from './session.ts';

const READING = new Set(['GET', 'HEAD', 'OPTIONS']);
const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

/**
 * Refuses writes that another site made a browser send: by form, fetch or login form. An API key needs no such check, since no site
 * can add one to a request of somebody else's browser.
 */
export const createOriginGuard =
  (config: Config): MiddlewareHandler<WebEnv> =>
  async (c, next) => {
    if (READING.has(c.req.method) || presentedKey(c.req.raw.headers) !== undefined) return next();
    const header = (name: string) => c.req.header(name);
    if (!isSameSite(config, header, hasSessionCookie(c.req.raw.headers)))
      throw forbidden('This came from another site. Open the page at its own address and try again.');
    return next();
  };

function isSameSite(config: Config, header: (name: string) => string | undefined, hasCookie: boolean): boolean {
  const origin = header('origin');
  if (origin !== undefined)
    return origin === new URL(config.publicUrl).origin || isOwnLoopback(config, origin, header('host'));
  const site = header('sec-fetch-site');
  if (site !== undefined) return site === 'same-origin';
  // Neither: no browser of today, so nothing to protect unless it shows a session.
  return !hasCookie;
}

/** Without PUBLIC_URL on a loopback host, http://localhost, 127.0.0.1 and [::1] are all us: whichever was typed. */
function isOwnLoopback(config: Config, origin: string, host: string | undefined): boolean {
  if (config.PUBLIC_URL !== undefined || host === undefined) return false;
  const isLoopbackHost = ['127.0.0.1', 'localhost', '::1'].includes(config.HOST);
  return isLoopbackHost && LOOPBACK.test(host) && origin === `http://${host}`;
}
