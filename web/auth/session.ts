/** Whether a session cookie is there at all: without one no query is needed. */
export const hasSessionCookie = (headers: Headers): boolean =>
  /(?:^|;\s*)(?:__Host-)?abw_session=/.test(headers.get('cookie') ?? '');

/** better-auth's own endpoints are given the cookie and nothing else of a request. */
export const cookieOnly = (headers: Headers): Headers => {
  const cookie = headers.get('cookie');
  return new Headers(cookie === null ? {} : { cookie });
};
