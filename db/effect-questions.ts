import { and, eq, isNotNull, lt, ne, or, sql } from 'drizzle-orm';
import type { Database, Org } from './client.ts';
import { effects, runs } from './schema/index.ts';

/** Tries to show a question anew, before it is left as it is (RULES S1). */
export const MAX_QUESTION_EDITS = 10;

const isEffect = (org: Org, effectId: string) => and(eq(effects.orgId, org.id), eq(effects.id, effectId));

/** Notes what the question about an unclear effect shows now (RULES E6). */
export const markQuestion = (org: Org, effectId: string, shows: 'open' | 'over' | 'answered'): Promise<unknown> =>
  org.tx
    .update(effects)
    .set({ questionShows: shows, questionAttempts: 0, nextQuestionAt: null })
    .where(isEffect(org, effectId));

/** Notes that it could not be shown: again after 5 s, 10 s, 20 s, … up to 5 min. Gives how often it has failed. */
export async function countQuestionFailure(org: Org, effectId: string): Promise<number> {
  const [row] = await org.tx
    .update(effects)
    .set({
      questionAttempts: sql`${effects.questionAttempts} + 1`,
      nextQuestionAt: sql`now() + make_interval(secs => least(300, 5 * 2 ^ ${effects.questionAttempts}))`,
    })
    .where(isEffect(org, effectId))
    .returning({ attempts: effects.questionAttempts });
  return row?.attempts ?? 0;
}

/** Questions of ended runs that still offer to send again, or that were answered since: no workflow edits them any more. */
export const staleQuestions = (
  db: Database,
  limit: number,
): Promise<{ orgId: string; runId: string; effectId: string }[]> =>
  db.withSystem('find questions of ended runs that show something older', (tx) =>
    tx
      .select({ orgId: effects.orgId, runId: effects.runId, effectId: effects.id })
      .from(effects)
      .innerJoin(runs, and(eq(runs.orgId, effects.orgId), eq(runs.id, effects.runId)))
      .where(
        and(
          sql`${effects.questionShows} in ('open', 'over')`,
          lt(effects.questionAttempts, MAX_QUESTION_EDITS),
          sql`coalesce(${effects.nextQuestionAt}, 'epoch') <= now()`,
          isNotNull(runs.endedAt),
          or(
            and(eq(effects.state, 'ambiguous'), ne(effects.questionShows, 'over')),
            and(ne(effects.state, 'ambiguous'), isNotNull(effects.resolution)),
          ),
        ),
      )
      .limit(limit),
  );
