import { betterAuth } from 'better-auth';
import { drizzleAdapter } from 'better-auth/adapters/drizzle';
import type { Config } from '#core/config.ts';
import type { KeyRing } from '#core/keys.ts';
import { newId } from '#core/ids.ts';
import type { Database } from '#db/client.ts';
import { account, session, user, verification } from '#db/schema/auth.ts';

const SESSION_SECONDS = 7 * 24 * 3600;
export const PASSWORD_LENGTH = { min: 8, max: 128 } as const;

/**
 * better-auth keeps users, passwords and sessions, and nothing else (RULES D4). None of its HTTP endpoints is mounted: we call it from
 * code, so there is no sign-up, no reset and no account linking to reach from outside.
 */
export function createBetterAuth({ db, keys, config }: { db: Database; keys: KeyRing; config: Config }) {
  const isHttps = config.publicUrl.startsWith('https:');
  return betterAuth({
    appName: 'Abetworks',
    baseURL: config.publicUrl,
    basePath: '/not-mounted',
    secret: Buffer.from(keys.subkey('cookies')).toString('base64'),
    database: drizzleAdapter(db.global, { provider: 'pg', schema: { user, session, account, verification } }),
    emailAndPassword: {
      enabled: true,
      disableSignUp: true,
      minPasswordLength: PASSWORD_LENGTH.min,
      maxPasswordLength: PASSWORD_LENGTH.max,
    },
    // A session lasts a week whatever happens; signing in again is the only way to a longer one.
    session: { expiresIn: SESSION_SECONDS, disableSessionRefresh: true, cookieCache: { enabled: false } },
    advanced: {
      // Named by hand below: `__Host-` is stricter than better-auth's own `__Secure-`.
      useSecureCookies: false,
      defaultCookieAttributes: { httpOnly: true, sameSite: 'lax', path: '/', secure: isHttps },
      cookies: {
        session_token: { name: isHttps ? '__Host-abw_session' : 'abw_session' },
        dont_remember: { name: isHttps ? '__Host-abw_brief' : 'abw_brief' },
      },
      database: { generateId: () => newId() },
      // The address of a peer behind a proxy says nothing, and forwarded headers are never believed.
      ipAddress: { disableIpTracking: true },
    },
    // Ours is in front (web/auth/limits.ts); theirs counts only HTTP endpoints.
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { disabled: true },
  });
}
export type BetterAuth = ReturnType<typeof createBetterAuth>;
