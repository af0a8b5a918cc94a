import { notFound, UserError } from '#core/errors.ts';
import { createApiKey } from '#db/api-keys.ts';
import { audit } from '#db/audit.ts';
import type { Database } from '#db/client.ts';
import { findInvitation, invitationOver, readInvited, useInvitation } from '#db/invitations.ts';
import { tooMany, type Limits } from './limits.ts';

export interface Accepted {
  memberId: string;
  email: string;
  /** Only with `withKey`; shown once. */
  key: string | null;
}
export interface Invited {
  email: string;
  name: string;
  orgName: string;
}

export function createInvitations({
  db,
  limits,
  hashPassword,
}: {
  db: Database;
  limits: Limits;
  hashPassword: (password: string) => Promise<string>;
}) {
  const readInvitation = async (token: string): Promise<Invited | null> => {
    const found = await findInvitation(db, token);
    return found?.isOpen ? db.withOrg(found.orgId, (org) => readInvited(org, token)) : null;
  };

  const acceptInvitation = async (
    token: string,
    password: string,
    { withKey = false, address = 'unknown' }: { withKey?: boolean; address?: string } = {},
  ): Promise<Accepted> => {
    const found = await findInvitation(db, token);
    if (!found?.isOpen) throw await refusal(limits, address, found === undefined);
    // Hashing takes long, so it comes after the look-up and outside the transaction.
    const passwordHash = await hashPassword(password);
    return db.withOrg(found.orgId, async (org) => {
      const { id: memberId, email } = await useInvitation(org, token, passwordHash);
      const made = withKey
        ? await createApiKey(org, { memberId, createdBy: memberId, name: 'Made when the invitation was accepted' })
        : null;
      await audit(org, {
        actor: `member:${memberId}`,
        action: 'member.joined',
        target: { type: 'member', id: memberId },
        details: { apiKeyId: made?.id ?? null },
      });
      return { memberId, email, key: made?.key ?? null };
    });
  };
  return { readInvitation, acceptInvitation };
}

/** Only failures count, so a team that joins at once is not held up. */
async function refusal(limits: Limits, address: string, isUnknown: boolean): Promise<UserError> {
  const waitMs = await limits.count('invitation', address);
  if (waitMs > 0) return tooMany(waitMs);
  return isUnknown ? notFound('invitation') : invitationOver();
}
