import { z } from 'zod';
import { UserError } from '#core/errors.ts';
import { isStorable } from '#core/text.ts';
import { actorText } from '#core/roles.ts';
import { readPasswordHash, savePassword } from '#db/accounts.ts';
import type { Principal } from '#db/api-keys.ts';
import { audit } from '#db/audit.ts';
import type { Database } from '#db/client.ts';
import { readMember } from '#db/members.ts';
import { voidResetsOf } from '#db/password-resets.ts';
import { PASSWORD_LENGTH, type BetterAuth } from './better-auth.ts';
import { tooMany, type Limits } from './limits.ts';

const { min, max } = PASSWORD_LENGTH;
/** Any characters, spaces too. */
const zPassword = z
  .string()
  .min(min, `must be at least ${min} characters`)
  .max(max, `must be at most ${max} characters`)
  .refine(isStorable, 'holds a NUL character or broken Unicode');

const wrongPassword = (): UserError =>
  new UserError('current: this is not your password.', { status: 422, field: 'current' });

export function createPasswords({
  db,
  betterAuth,
  limits,
  tokenOf,
}: {
  db: Database;
  betterAuth: BetterAuth;
  limits: Limits;
  tokenOf: (headers: Headers) => Promise<string | undefined>;
}) {
  const hashPassword = async (password: string): Promise<string> => {
    const parsed = zPassword.safeParse(password);
    if (!parsed.success)
      throw new UserError(`password: ${parsed.error.issues[0]?.message ?? 'is not valid'}`, {
        status: 422,
        field: 'password',
      });
    return (await betterAuth.$context).password.hash(parsed.data);
  };

  const changePassword = async (
    actor: Principal,
    current: string,
    next: string,
    headers = new Headers(),
  ): Promise<void> => {
    const waitMs = await limits.count('password', actor.memberId);
    if (waitMs > 0) throw tooMany(waitMs);
    const userId = (await db.withOrg(actor.orgId, (org) => readMember(org, actor.memberId)))?.userId;
    const hash = userId ? await readPasswordHash(db, userId) : null;
    if (!userId || hash === null) throw wrongPassword();
    const { password } = await betterAuth.$context;
    if (!(await password.verify({ hash, password: current }))) throw wrongPassword();
    const passwordHash = await hashPassword(next);
    const keep = await tokenOf(headers);
    await db.withOrg(actor.orgId, async (org) => {
      await savePassword(org, { userId, email: actor.email, name: actor.name, passwordHash, keep });
      await voidResetsOf(org, actor.memberId);
      const target = { type: 'member', id: actor.memberId };
      await audit(org, { actor: actorText(actor), action: 'member.password_changed', target });
    });
    await limits.clear('password', actor.memberId);
  };
  return { hashPassword, changePassword };
}
