import { APIError } from 'better-auth/api';
import { loginOf } from '#db/accounts.ts';
import { audit } from '#db/audit.ts';
import type { Database } from '#db/client.ts';
import { findMemberOfUser } from '#db/members.ts';
import { isStorable } from '#core/text.ts';
import { createGate } from './gate.ts';
import type { BetterAuth } from './better-auth.ts';
import type { Limits } from './limits.ts';
import { cookieOnly } from './session.ts';

export type SignedIn =
  | { kind: 'signed_in'; memberId: string; /** Set-Cookie values. */ cookies: string[] }
  | { kind: 'refused'; status: 401 | 429; text: string; retryAfterMs: number };

// One text for everything: which addresses have accounts is nobody's business.
const WRONG: SignedIn = { kind: 'refused', status: 401, text: 'E-mail or password is wrong.', retryAfterMs: 0 };

export function createSignIn({ db, betterAuth, limits }: { db: Database; betterAuth: BetterAuth; limits: Limits }) {
  const gate = createGate({ most: 2, waiting: 20 });
  const signIn = async (typed: string, password: string, headers: Headers, address = 'unknown'): Promise<SignedIn> => {
    const email = typed.trim().toLowerCase();
    if (!isStorable(email) || !isStorable(password)) return WRONG;
    const pair = `${address} ${email}`;
    const waitMs = Math.max(await limits.count('account', email), await limits.count('address', pair));
    if (waitMs > 0) {
      const text = `Too many tries. Wait ${Math.ceil(waitMs / 1000)} seconds and try again.`;
      return { kind: 'refused', status: 429, text, retryAfterMs: waitMs };
    }
    // Hashing is slow on purpose: without a gate a flood of tries, each for another address, would hold up everybody.
    const checked = await gate(async () => ({ session: await openSession(betterAuth, email, password, headers) }));
    if (!checked)
      return {
        kind: 'refused',
        status: 429,
        text: 'Too many people sign in just now. Try again in a few seconds.',
        retryAfterMs: 5_000,
      };
    const { session } = checked;
    if (!session) return WRONG;
    const member = await findMemberOfUser(db, session.userId);
    if (!member) {
      const { internalAdapter } = await betterAuth.$context;
      await internalAdapter.deleteSession(session.token);
      return WRONG;
    }
    await limits.clear('account', email);
    await limits.clear('address', pair);
    const target = { type: 'member', id: member.id };
    await db.withOrg(member.orgId, (org) =>
      audit(org, { actor: `member:${member.id}`, action: 'member.signed_in', target }),
    );
    return { kind: 'signed_in', memberId: member.id, cookies: session.cookies };
  };

  const signOut = async (headers: Headers): Promise<{ cookies: string[] }> => {
    const ended = await betterAuth.api.signOut({ headers: cookieOnly(headers), returnHeaders: true });
    return { cookies: ended.headers.getSetCookie() };
  };
  return { signIn, signOut };
}

/** better-auth hashes for unknown addresses too, so that both take the same time. Null: refused. */
async function openSession(betterAuth: BetterAuth, email: string, password: string, headers: Headers) {
  const userAgent = headers.get('user-agent')?.slice(0, 300);
  try {
    const { headers: answered, response } = await betterAuth.api.signInEmail({
      body: { email: loginOf(email), password },
      headers: new Headers(userAgent === undefined ? {} : { 'user-agent': userAgent }),
      returnHeaders: true,
    });
    return { userId: response.user.id, token: response.token, cookies: answered.getSetCookie() };
  } catch (error) {
    if (error instanceof APIError && error.statusCode < 500) return null;
    throw error;
  }
}
