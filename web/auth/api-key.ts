import { ProblemError } from '#web/problem.ts';

/** The API key a request presents, valid or not; undefined when it presents none. Only `Bearer` is ours: a proxy may add `Basic`. */
export function presentedKey(headers: Headers): string | undefined {
  const bearer = /^bearer\b(.*)$/i.exec(headers.get('authorization') ?? '')?.[1]?.trim();
  return bearer ?? headers.get('x-api-key')?.trim();
}

export const looksLikeKey = (key: string): boolean => /^abw_[A-Za-z0-9_-]{16,200}$/.test(key);

export const badKey = (): ProblemError =>
  new ProblemError(
    401,
    'This API key is unknown or was revoked. Make another one and send it as "Authorization: Bearer abw_…".',
    {
      headers: { 'www-authenticate': 'Bearer' },
    },
  );

export const outOfScope = (): ProblemError =>
  new ProblemError(403, 'The scope of this API key does not cover this. Use a key with full scope.');

export const notSignedIn = (): ProblemError =>
  new ProblemError(401, 'Sign in, or send an API key as "Authorization: Bearer abw_…".', {
    headers: { 'www-authenticate': 'Bearer' },
  });
