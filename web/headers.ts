import type { MiddlewareHandler } from 'hono';
import { newId } from '#core/ids.ts';
import type { Config } from '#core/config.ts';
import type { WebEnv } from './env.ts';

const CSP = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** Headers of every answer, and a request id. */
export function createEnvelope({ config }: { config: Config }): MiddlewareHandler<WebEnv> {
  const fixed: [string, string][] = [
    ['content-security-policy', CSP],
    ['x-content-type-options', 'nosniff'],
    ['x-frame-options', 'DENY'],
    // Not `no-referrer`: with it Chromium sends `Origin: null` on plain form posts, which the same-origin check refuses.
    ['referrer-policy', 'same-origin'],
    ['cross-origin-opener-policy', 'same-origin'],
    ['cross-origin-resource-policy', 'same-origin'],
    ['permissions-policy', 'camera=(), microphone=(), geolocation=()'],
  ];
  if (config.publicUrl.startsWith('https:')) fixed.push(['strict-transport-security', 'max-age=31536000']);
  return async (c, next) => {
    // Ours always: a sender's id would reach logs and answers unchecked.
    const requestId = newId();
    c.set('requestId', requestId);
    c.set('actor', null);
    c.set('signedInBy', null);
    await next();
    const { headers } = c.res;
    for (const [name, value] of fixed) headers.set(name, value);
    headers.set('x-request-id', requestId);
    if (!headers.has('cache-control')) headers.set('cache-control', 'no-store');
  };
}
