import { and, asc, eq, sql } from 'drizzle-orm';
import type { Org } from './client.ts';
import { runFeedback } from './schema/attachments.ts';
import { members } from './schema/identity.ts';
import { runs } from './schema/runs.ts';

export type Rating = 'good' | 'bad';

/** Keeps what a member said of a run's answer; the last word counts. False: there is no such run in the org. */
export async function rateRun(
  org: Org,
  said: { runId: string; memberId: string; rating: Rating; surface: string },
): Promise<boolean> {
  const [run] = await org.tx
    .select({ id: runs.id })
    .from(runs)
    .where(and(eq(runs.orgId, org.id), eq(runs.id, said.runId)));
  if (!run) return false;
  const { rating, surface } = said;
  await org.tx
    .insert(runFeedback)
    .values({ ...said, orgId: org.id, updatedAt: sql`now()` })
    .onConflictDoUpdate({
      target: [runFeedback.orgId, runFeedback.runId, runFeedback.memberId],
      set: { rating, surface, updatedAt: sql`now()` },
    });
  return true;
}

/** What people said of a run's answer, by name, oldest first. */
export const feedbackOf = (org: Org, runId: string): Promise<{ name: string; rating: Rating }[]> =>
  org.tx
    .select({ name: members.name, rating: runFeedback.rating })
    .from(runFeedback)
    .innerJoin(members, and(eq(members.orgId, runFeedback.orgId), eq(members.id, runFeedback.memberId)))
    .where(and(eq(runFeedback.orgId, org.id), eq(runFeedback.runId, runId)))
    .orderBy(asc(runFeedback.createdAt), asc(runFeedback.id));
