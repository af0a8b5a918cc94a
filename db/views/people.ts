import { and, asc, eq, or } from 'drizzle-orm';
import { may, type Actor } from '#core/roles.ts';
import type { Org } from '#db/client.ts';
import { connections } from '#db/schema/connections.ts';
import { members } from '#db/schema/identity.ts';

export interface PersonName {
  id: string;
  name: string;
}

/** Everybody who is or was in the org, by name: for a choice. */
export const readPeople = (org: Org): Promise<PersonName[]> =>
  org.tx
    .select({ id: members.id, name: members.name })
    .from(members)
    .where(eq(members.orgId, org.id))
    .orderBy(asc(members.name), asc(members.id))
    .limit(1_000);

/** The connections an actor may know of, by name: for a choice. */
export const readConnectionNames = (org: Org, actor: Actor): Promise<PersonName[]> =>
  org.tx
    .select({ id: connections.id, name: connections.name })
    .from(connections)
    .where(
      and(
        eq(connections.orgId, org.id),
        may(actor, 'connection.manage')
          ? undefined
          : or(eq(connections.visibility, 'org'), eq(connections.ownerMemberId, actor.memberId)),
      ),
    )
    .orderBy(asc(connections.name), asc(connections.id))
    .limit(1_000);
