import { and, eq } from 'drizzle-orm';
import { open, seal, type KeyRing } from '#core/keys.ts';
import type { Json, JsonObject } from '#core/tools.ts';
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

/** A question about a connection that is being made. */
export interface ModulesQuestion {
  connector: string;
  /** As they were sent. */
  settings: JsonObject;
  credential: Json;
}
type Place = { orgId: string; questionId: string };
const placeOf = ({ orgId, questionId }: Place): string => `question:${orgId}:${questionId}`;

/** Sealed while it waits: it holds a credential (RULES D5). */
export function sealQuestion(keys: KeyRing, question: ModulesQuestion, place: Place): string {
  const sealed = seal(keys.subkey('credentials'), Buffer.from(JSON.stringify(question)), placeOf(place));
  return `${keys.newest}:${Buffer.from(sealed).toString('base64')}`;
}

export function openQuestion(keys: KeyRing, text: string, place: Place): ModulesQuestion {
  const [keyId = '', base64 = ''] = text.split(':', 2);
  const plain = open(keys.subkey('credentials', keyId), Buffer.from(base64, 'base64'), placeOf(place));
  return JSON.parse(Buffer.from(plain).toString('utf8')) as ModulesQuestion;
}

/** Takes the answer out. */
export async function takeAnswer(org: Org, answerId: string): Promise<{ isOk: boolean; text: string } | undefined> {
  const [row] = await org.tx
    .delete(answers)
    .where(and(eq(answers.orgId, org.id), eq(answers.id, answerId)))
    .returning();
  return row;
}
