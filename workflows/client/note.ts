import type { ThreadRef } from '#core/chat.ts';
import type { Database, Tx } from '#db/client.ts';
import { actingFor, claimEvent, reclaimEvent } from '#db/inbox.ts';
import { findThreadAt } from '#db/threads.ts';
import { orgOf } from './sender.ts';
import type { Noted, NoteInput } from './types.ts';

/** RULES I1, I2 for everything that is no request: its row, and its signature's, in one transaction. */
export const createNote =
  (db: Database) =>
  async ({ signature, orgId: known, actMs, ...event }: NoteInput): Promise<Noted> => {
    const orgId = known ?? (await orgOf(db, event));
    const claim = async (tx: Tx, row: Parameters<typeof claimEvent>[1]): Promise<Noted> => ({
      orgId,
      isReplay: !(await claimEvent(tx, row, { signature })),
    });
    if (orgId !== null)
      return db.withOrg(orgId, async (org) => {
        const acting = actMs === undefined ? {} : { actingUntil: actingFor(actMs) };
        const noted = await claim(org.tx, { ...event, ...acting, orgId });
        if (!noted.isReplay || actMs === undefined) return noted;
        return { orgId, ...(await reclaimEvent(org, { ...event, orgId }, actMs)) };
      });
    return db.withSystem('remember an event of an unknown tenant', (tx) =>
      claim(tx, { ...event, orgId, outcome: 'refused', reason: 'unknown_tenant' }),
    );
  };

/** Whether there is a thread of ours at a place. */
export const createIsInThread =
  (db: Database) =>
  async (where: ThreadRef, known?: string): Promise<boolean> => {
    const orgId = known ?? (await orgOf(db, where));
    return orgId !== null && (await db.withOrg(orgId, (org) => findThreadAt(org, where))) !== undefined;
  };
