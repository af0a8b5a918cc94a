import { and, desc, eq, gt, ne, sql } from 'drizzle-orm';
import { UserError } from '#core/errors.ts';
import { newId } from '#core/ids.ts';
import type { Database, Org, Tx } from './client.ts';
import { account, session, user } from './schema/auth.ts';

/** The address under which better-auth knows an account: it takes none without a dot, such as the first owner's owner@localhost. */
export const loginOf = (email: string): string => (email.endsWith('@localhost') ? `${email}.localdomain` : email);

/** Turns a transaction into one of an org: from here on it has the app role and sees that org only. */
export async function enterOrg(tx: Tx, orgId: string): Promise<Org> {
  await tx.execute(sql`select set_config('role', 'abw_app', true), set_config('app.org_id', ${orgId}, true)`);
  return { id: orgId, tx };
}

/** Turns a transaction into one of the system role (RULES D1). */
export async function enterSystem(tx: Tx): Promise<Tx> {
  await tx.execute(sql`select set_config('role', 'abw_system', true), set_config('app.org_id', '', true)`);
  return tx;
}

/** better-auth's tables belong to the login role: steps out to it inside the org's transaction, and back. An error ends both. */
async function asLogin<T>(org: Org, fn: (tx: Tx) => Promise<T>): Promise<T> {
  await org.tx.execute(sql`select set_config('role', 'none', true)`);
  const result = await fn(org.tx);
  await org.tx.execute(sql`select set_config('role', 'abw_app', true)`);
  return result;
}

/**
 * Gives a member's account its password, making the account when `userId` is null; every session of it ends, but the one with the token `keep`.
 * Answers the user id.
 * Throws `UserError` 409 when the address belongs to an account elsewhere: that account is never touched.
 */
export const savePassword = (
  org: Org,
  owner: { userId: string | null; email: string; name: string; passwordHash: string; keep?: string | undefined },
): Promise<string> =>
  asLogin(org, async (tx) => {
    const { userId, email, name, passwordHash: password, keep } = owner;
    const now = new Date();
    if (userId) {
      await tx.update(account).set({ password, updatedAt: now }).where(isPasswordOf(userId));
      await tx.delete(session).where(isSessionOf(userId, keep));
      return userId;
    }
    const [made] = await tx
      .insert(user)
      .values({ id: newId(), name, email: loginOf(email), emailVerified: true, createdAt: now, updatedAt: now })
      .onConflictDoNothing()
      .returning({ id: user.id });
    if (!made)
      throw new UserError('This address cannot be used here. Ask your admin to invite another address.', {
        status: 409,
      });
    const { id } = made;
    await tx.insert(account).values({
      id: newId(),
      accountId: id,
      providerId: 'credential',
      userId: id,
      password,
      createdAt: now,
      updatedAt: now,
    });
    return id;
  });

const isPasswordOf = (userId: string) => and(eq(account.userId, userId), eq(account.providerId, 'credential'));

/** Ends every session of the user, but the one with the token `keep`. */
export const endSessions = (org: Org, userId: string, keep?: string): Promise<unknown> =>
  asLogin(org, (tx) => tx.delete(session).where(isSessionOf(userId, keep)));

const isSessionOf = (userId: string, but?: string) =>
  and(eq(session.userId, userId), but === undefined ? undefined : ne(session.token, but));

/** Somebody signed in somewhere. */
export interface Session {
  id: string;
  /** Told from the other ones; never shown. */
  token: string;
  userAgent: string | null;
  createdAt: Date;
  seenAt: Date;
}

/** Sessions that are not over, last seen first. */
export const listSessions = (org: Org, userId: string): Promise<Session[]> =>
  asLogin(org, (tx) =>
    tx
      .select({
        id: session.id,
        token: session.token,
        userAgent: session.userAgent,
        createdAt: session.createdAt,
        seenAt: session.updatedAt,
      })
      .from(session)
      .where(and(eq(session.userId, userId), gt(session.expiresAt, sql`now()`)))
      .orderBy(desc(session.updatedAt))
      .limit(100),
  );

/** Ends one session of the user. False: there is no such one. */
export const endSession = (org: Org, userId: string, sessionId: string): Promise<boolean> =>
  asLogin(org, async (tx) => {
    const ended = await tx
      .delete(session)
      .where(and(eq(session.userId, userId), eq(session.id, sessionId)))
      .returning({ id: session.id });
    return ended.length > 0;
  });

/** Notes that a session was used; better-auth itself is told never to touch it. */
export const noteSessionUse = (db: Database, sessionId: string): Promise<unknown> =>
  db.global.update(session).set({ updatedAt: new Date() }).where(eq(session.id, sessionId));

/** The stored password hash of a user, or null. */
export async function readPasswordHash(db: Database, userId: string): Promise<string | null> {
  const [row] = await db.global.select({ password: account.password }).from(account).where(isPasswordOf(userId));
  return row?.password ?? null;
}
