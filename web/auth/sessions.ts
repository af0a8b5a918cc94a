import { notFound } from '#core/errors.ts';
import { actorText } from '#core/roles.ts';
import { endSession, endSessions, listSessions } from '#db/accounts.ts';
import type { Principal } from '#db/api-keys.ts';
import { audit } from '#db/audit.ts';
import type { Database, Org } from '#db/client.ts';
import { readMember } from '#db/members.ts';
import type { BetterAuth } from './better-auth.ts';
import { cookieOnly, hasSessionCookie } from './session.ts';

/** One place where somebody is signed in. */
export interface OwnSession {
  id: string;
  userAgent: string | null;
  createdAt: Date;
  seenAt: Date;
  /** The one that asks. */
  isThis: boolean;
}

export function createSessions({ db, betterAuth }: { db: Database; betterAuth: BetterAuth }) {
  /** The token of the session a request shows, or undefined. */
  const tokenOf = async (headers: Headers): Promise<string | undefined> =>
    hasSessionCookie(headers)
      ? (await betterAuth.api.getSession({ headers: cookieOnly(headers) }))?.session.token
      : undefined;

  const ownSessions = async (actor: Principal, headers: Headers): Promise<OwnSession[]> => {
    const current = await tokenOf(headers);
    const found = await db.withOrg(actor.orgId, async (org) => {
      const userId = await userOf(org, actor);
      return userId ? listSessions(org, userId) : [];
    });
    return found.map(({ token, ...session }) => ({ ...session, isThis: token === current }));
  };

  const endOwnSession = (actor: Principal, sessionId: string): Promise<void> =>
    db.withOrg(actor.orgId, async (org) => {
      const userId = await userOf(org, actor);
      if (!userId || !(await endSession(org, userId, sessionId))) throw notFound('session');
      await noteEnd(org, actor, 'one');
    });

  const endOwnSessions = (actor: Principal): Promise<void> =>
    db.withOrg(actor.orgId, async (org) => {
      const userId = await userOf(org, actor);
      if (userId) await endSessions(org, userId);
      await noteEnd(org, actor, 'all');
    });
  return { tokenOf, ownSessions, endOwnSession, endOwnSessions };
}

const userOf = async (org: Org, { memberId }: Principal): Promise<string | null | undefined> =>
  (await readMember(org, memberId))?.userId;

const noteEnd = (org: Org, actor: Principal, which: 'one' | 'all'): Promise<void> =>
  audit(org, {
    actor: actorText(actor),
    action: 'member.signed_out',
    target: { type: 'member', id: actor.memberId },
    details: { which },
  });
