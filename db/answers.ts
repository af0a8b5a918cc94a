import { and, eq } from 'drizzle-orm';
import type { Org } from './client.ts';
import { answers } from './schema/index.ts';

/** Stores the answer to a question; asking again replaces nothing. */
export const putAnswer = (org: Org, answer: { id: string; isOk: boolean; text: string }): Promise<unknown> =>
  org.tx
    .insert(answers)
    .values({ ...answer, orgId: org.id })
    .onConflictDoNothing();

/** What was asked, or undefined once nobody waits any more. */
export async function readQuestion(org: Org, questionId: string): Promise<string | undefined> {
  const [row] = await org.tx
    .select({ text: answers.text })
    .from(answers)
    .where(and(eq(answers.orgId, org.id), eq(answers.id, questionId)));
  return row?.text;
}

/** Takes the answer out. */
export async function takeAnswer(org: Org, answerId: string): Promise<{ isOk: boolean; text: string } | undefined> {
  const [row] = await org.tx
    .delete(answers)
    .where(and(eq(answers.orgId, org.id), eq(answers.id, answerId)))
    .returning();
  return row;
}
