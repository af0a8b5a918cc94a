import { and, eq, inArray } from 'drizzle-orm';
import type { Org } from '#db/client.ts';
import type { Run } from '#db/runs.ts';
import { inboundEvents, members, messages, slackPosts } from '#db/schema/index.ts';
import type { Thread } from '#db/threads.ts';
import { isUnsettled } from './chat/slack/anchor.ts';

/** How a message of Slack is keyed (RULES I2); what comes by a button or a window has the key of its trigger. */
const MESSAGE_KEY = /^[A-Z0-9]+:\d+\.\d+$/;

/**
 * Whose question a run answers and what it was, when Slack's thread does not show it: it came by a suggestion's button, by a shortcut or from the panel. Null:
 * everybody in the thread can read it.
 */
export async function askedUnseen(
  org: Org,
  run: Pick<Run, 'id' | 'messageId' | 'requestedBy' | 'seq'>,
  thread: Pick<Thread, 'id' | 'platform' | 'thread'>,
): Promise<{ byName: string; text: string } | null> {
  if (thread.platform !== 'slack') return null;
  const [event] = await org.tx
    .select({ key: inboundEvents.sourceKey })
    .from(inboundEvents)
    .where(and(eq(inboundEvents.orgId, org.id), eq(inboundEvents.runId, run.id)));
  if (event && MESSAGE_KEY.test(event.key)) return null;
  // The message that its thread begins with says it, or will: the answer's own post may bring it about.
  if (run.seq === 1 && (isUnsettled(thread) || (await hasAnchor(org, thread)))) return null;
  const [asked] = await org.tx
    .select({ text: messages.text, name: members.name })
    .from(messages)
    .leftJoin(members, and(eq(members.orgId, messages.orgId), eq(members.id, messages.memberId)))
    .where(and(eq(messages.orgId, org.id), eq(messages.id, run.messageId)));
  return asked ? { byName: asked.name ?? 'Someone', text: asked.text } : null;
}

async function hasAnchor(org: Org, { id }: Pick<Thread, 'id'>): Promise<boolean> {
  const [anchor] = await org.tx
    .select({ id: slackPosts.id })
    .from(slackPosts)
    .where(and(eq(slackPosts.orgId, org.id), inArray(slackPosts.key, [`anchor:${id}`, `anchor:${id}:direct`])))
    .limit(1);
  return anchor !== undefined;
}
