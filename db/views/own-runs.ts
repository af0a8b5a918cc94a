import { and, desc, eq, inArray } from 'drizzle-orm';
import type { Org } from '#db/client.ts';
import { messages, threads } from '#db/schema/chat.ts';
import { runs } from '#db/schema/runs.ts';

export interface OwnRun {
  id: string;
  /** What was asked. */
  text: string;
  status: 'running' | 'waiting' | 'done' | 'failed' | 'stopped';
  startedAt: Date;
}

const MOST = 20;

/** What a member has under way, newest first; with `place`, in that channel of a workspace. */
export const activeRunsOf = (
  org: Org,
  memberId: string,
  place?: { tenant: string; channel: string },
): Promise<OwnRun[]> =>
  org.tx
    .select({ id: runs.id, text: messages.text, status: runs.status, startedAt: runs.createdAt })
    .from(runs)
    .innerJoin(threads, and(eq(threads.orgId, runs.orgId), eq(threads.id, runs.threadId)))
    .innerJoin(messages, and(eq(messages.orgId, runs.orgId), eq(messages.id, runs.messageId)))
    .where(
      and(
        eq(runs.orgId, org.id),
        eq(runs.requestedBy, memberId),
        inArray(runs.status, ['running', 'waiting']),
        place &&
          and(eq(threads.platform, 'slack'), eq(threads.tenant, place.tenant), eq(threads.channel, place.channel)),
      ),
    )
    .orderBy(desc(runs.createdAt), desc(runs.id))
    .limit(MOST);
