import { and, asc, eq, or } from 'drizzle-orm';
import type { Org } from './client.ts';
import type { Connection } from './connections.ts';
import { connections } from './schema/connections.ts';

const isUsableBy = (memberId: string) => or(eq(connections.visibility, 'org'), eq(connections.ownerMemberId, memberId));

/** What a member's runs may use: the org's connections and their own (RULES D3). */
export const usableConnections = (org: Org, memberId: string): Promise<Connection[]> =>
  org.tx
    .select()
    .from(connections)
    .where(and(eq(connections.orgId, org.id), eq(connections.status, 'active'), isUsableBy(memberId)))
    .orderBy(asc(connections.createdAt));
