import type { MiddlewareHandler } from 'hono';
import { noteSessionUse } from '#db/accounts.ts';
import { findKeyPrincipal, type Principal } from '#db/api-keys.ts';
import type { Database } from '#db/client.ts';
import { findMemberOfUser } from '#db/members.ts';
import type { WebEnv } from '#web/env.ts';
import { badKey, looksLikeKey, presentedKey } from './api-key.ts';
import type { BetterAuth } from './better-auth.ts';
import { cookieOnly, hasSessionCookie } from './session.ts';

/** A session's last use is noted no more often than this. */
const NOTE_USE_MS = 60_000;

/** Sets who acts. A presented key is the only thing looked at: a wrong one is never made good by a cookie. */
export const createIdentify =
  ({ db, betterAuth }: { db: Database; betterAuth: BetterAuth }): MiddlewareHandler<WebEnv> =>
  async (c, next) => {
    const { headers } = c.req.raw;
    const key = presentedKey(headers);
    if (key === undefined) {
      const actor = hasSessionCookie(headers) ? await principalOfSession(db, betterAuth, headers) : null;
      c.set('actor', actor);
      c.set('signedInBy', actor ? 'cookie' : null);
      return next();
    }
    const actor = looksLikeKey(key) ? await findKeyPrincipal(db, key) : null;
    if (!actor) throw badKey();
    c.set('actor', actor);
    c.set('signedInBy', 'key');
    return next();
  };

/** The session says which user; role and status come from our own row, now. */
async function principalOfSession(db: Database, betterAuth: BetterAuth, headers: Headers): Promise<Principal | null> {
  const found = await betterAuth.api.getSession({ headers: cookieOnly(headers) });
  const member = found && (await findMemberOfUser(db, found.user.id));
  if (!member) return null;
  if (found.session.updatedAt.getTime() < Date.now() - NOTE_USE_MS) await noteSessionUse(db, found.session.id);
  const { orgId, id: memberId, role, name, email } = member;
  return { orgId, memberId, role, name, email };
}
