import { notFound } from '#core/errors.ts';
import { audit } from '#db/audit.ts';
import type { Database } from '#db/client.ts';
import { findReset, readReset, resetOver, useReset } from '#db/password-resets.ts';
import { tooMany, type Limits } from './limits.ts';

/** Whom a reset link is for, for the page that asks for a password. */
export interface Resetting {
  email: string;
  name: string;
  orgName: string;
}

export function createPasswordResets({
  db,
  limits,
  hashPassword,
}: {
  db: Database;
  limits: Limits;
  hashPassword: (password: string) => Promise<string>;
}) {
  const readPasswordReset = async (token: string): Promise<Resetting | null> => {
    const found = await findReset(db, token);
    const member = found && (await db.withOrg(found.orgId, (org) => readReset(org, token)));
    return member ? { email: member.email, name: member.name, orgName: member.orgName } : null;
  };

  const resetPassword = async (token: string, password: string, address = 'unknown'): Promise<{ email: string }> => {
    const found = await findReset(db, token);
    if (!found || !(await readPasswordReset(token))) {
      // Only failures count.
      const waitMs = await limits.count('reset', address);
      if (waitMs > 0) throw tooMany(waitMs);
      throw found ? resetOver() : notFound('link');
    }
    // Hashing takes long, so it comes after the look-up and outside the transaction.
    const passwordHash = await hashPassword(password);
    return db.withOrg(found.orgId, async (org) => {
      const { id, email } = await useReset(org, token, passwordHash);
      await audit(org, {
        actor: `member:${id}`,
        action: 'member.password_reset',
        target: { type: 'member', id },
      });
      return { email };
    });
  };
  return { readPasswordReset, resetPassword };
}
