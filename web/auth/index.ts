import type { Context, MiddlewareHandler } from 'hono';
import type { Principal } from '#db/api-keys.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import { notSignedIn } from './api-key.ts';
import { createBetterAuth } from './better-auth.ts';
import { createInvitations, type Accepted, type Invited } from './invitations.ts';
import { createLimits } from './limits.ts';
import { createIdentify } from './identify.ts';
import { createOriginGuard } from './origin.ts';
import { createPasswordResets, type Resetting } from './password-resets.ts';
import { createPasswords } from './passwords.ts';
import { createSessions, type OwnSession } from './sessions.ts';
import { createSignIn, type SignedIn } from './sign-in.ts';

export type { Accepted, Invited, OwnSession, Resetting, SignedIn };

/** Who is there, and how they come in. Accounts exist only through an accepted invitation. */
export interface Auth {
  /** Sets `c.var.actor`: a member re-read from the database, or null. An unknown or revoked API key is 401 at once. */
  middleware: MiddlewareHandler<WebEnv>;
  /** Refuses writes that another site made a browser send. */
  sameOrigin: MiddlewareHandler<WebEnv>;
  /** 401 when nobody is signed in. */
  requireActor: MiddlewareHandler<WebEnv>;
  /** At most 10 tries a minute for an account, and for an account from one address. Puts no cookie anywhere: the caller does. */
  signIn(email: string, password: string, headers: Headers, address?: string): Promise<SignedIn>;
  /** Ends the session of the cookie. Answers Set-Cookie values that remove it. */
  signOut(headers: Headers): Promise<{ cookies: string[] }>;
  /** What a page shows before it asks for a password; null: unknown, used or expired. */
  readInvitation(token: string): Promise<Invited | null>;
  /** Sets the password and makes the member active. `withKey` adds an API key of their own. Throws `UserError` 404, 409, 410, 422 or 429. */
  acceptInvitation(
    token: string,
    password: string,
    options?: { withKey?: boolean; address?: string },
  ): Promise<Accepted>;
  /** Every session ends but that of `headers`. Throws `UserError` 422 for a wrong current or unfit new password, or 429. */
  changePassword(actor: Principal, current: string, next: string, headers?: Headers): Promise<void>;
  /** Whom a reset link is for; null: unknown, used, expired, or the right to it is gone. */
  readPasswordReset(token: string): Promise<Resetting | null>;
  /** Sets the password of a reset link; every session of theirs ends. Throws `UserError` 404, 410, 422 or 429. */
  resetPassword(token: string, password: string, address?: string): Promise<{ email: string }>;
  /** Where the actor is signed in, last seen first. */
  ownSessions(actor: Principal, headers: Headers): Promise<OwnSession[]>;
  /** Throws `UserError` 404 for a session that is not the actor's. */
  endOwnSession(actor: Principal, sessionId: string): Promise<void>;
  /** Signs the actor out everywhere, here too. Keys stay. */
  endOwnSessions(actor: Principal): Promise<void>;
  /** Checks the length (8 to 128 characters) and hashes. Throws `UserError` 422. */
  hashPassword(password: string): Promise<string>;
}

export function createAuth(deps: Pick<WebDeps, 'db' | 'keys' | 'config'>): Auth {
  const betterAuth = createBetterAuth(deps);
  const limits = createLimits(deps.db);
  const { tokenOf, ...sessions } = createSessions({ db: deps.db, betterAuth });
  const passwords = createPasswords({ db: deps.db, betterAuth, limits, tokenOf });
  return {
    middleware: createIdentify({ db: deps.db, betterAuth }),
    sameOrigin: createOriginGuard(deps.config),
    requireActor: async (c, next) => {
      actorOf(c);
      await next();
    },
    ...createSignIn({ db: deps.db, betterAuth, limits }),
    ...createInvitations({ db: deps.db, limits, hashPassword: passwords.hashPassword }),
    ...createPasswordResets({ db: deps.db, limits, hashPassword: passwords.hashPassword }),
    ...sessions,
    ...passwords,
  };
}

/** Who acts in this request. Throws 401 when nobody is signed in. */
export function actorOf(c: Context<WebEnv>): Principal {
  const actor = c.get('actor');
  if (!actor) throw notSignedIn();
  return actor;
}
