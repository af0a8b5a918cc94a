import { and, eq } from 'drizzle-orm';
import type { Org } from './client.ts';
import { messages } from './schema/chat.ts';

/** What a run's answer suggested to say next, as it was stored; empty when it has not answered. */
export async function suggestionsOf(org: Org, runId: string): Promise<string[]> {
  const [row] = await org.tx
    .select({ suggestions: messages.suggestions })
    .from(messages)
    .where(and(eq(messages.orgId, org.id), eq(messages.runId, runId), eq(messages.role, 'assistant')));
  return row?.suggestions ?? [];
}
