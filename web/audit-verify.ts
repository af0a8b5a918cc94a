import { type AuditVerdict, verifyChain } from '#db/audit.ts';
import type { WebDeps } from './deps.ts';

/** Verifies an org's chain. Whoever asks while it is being walked gets the answer of that walk: a long one is not done twice at once. */
export function createVerify({ db, keys }: Pick<WebDeps, 'db' | 'keys'>): (orgId: string) => Promise<AuditVerdict> {
  const walks = new Map<string, Promise<AuditVerdict>>();
  return (orgId) => {
    const going = walks.get(orgId);
    if (going) return going;
    const walk = verifyChain((fn) => db.withOrg(orgId, ({ tx }) => fn(tx)), orgId, keys).finally(() =>
      walks.delete(orgId),
    );
    walks.set(orgId, walk);
    return walk;
  };
}
