import type { ThreadRef } from '#core/chat.ts';
import type { Database } from '#db/client.ts';
import { claimEvent } from '#db/inbox.ts';
import { findThreadAt } from '#db/threads.ts';
import { orgOfTenant } from './sender.ts';
import type { Noted, NoteInput } from './types.ts';

/** RULES I1, I2 for everything that is no request: its row, and its signature's, in one transaction. */
export const createNote =
  (db: Database) =>
  async ({ signature, ...event }: NoteInput): Promise<Noted> => {
    const noted = await db.withSystem('find the org of a platform event', async (tx) => {
      const orgId = await orgOfTenant(tx, event);
      if (orgId) return { orgId, isReplay: false };
      const row = { ...event, orgId, outcome: 'refused' as const, reason: 'unknown_tenant' };
      return { orgId, isReplay: !(await claimEvent(tx, row, { signature })) };
    });
    const { orgId } = noted;
    if (orgId === null) return noted;
    const isNew = await db.withOrg(orgId, (org) => claimEvent(org.tx, { ...event, orgId }, { signature }));
    return { orgId, isReplay: !isNew };
  };

/** Whether there is a thread of ours at a place. */
export const createIsInThread =
  (db: Database) =>
  async (where: ThreadRef): Promise<boolean> => {
    const orgId = await db.withSystem('find the org of a thread', (tx) => orgOfTenant(tx, where));
    return orgId !== null && (await db.withOrg(orgId, (org) => findThreadAt(org, where))) !== undefined;
  };
