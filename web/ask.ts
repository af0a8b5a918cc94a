import type { ThreadRef } from '#core/chat.ts';
import { notFound } from '#core/errors.ts';
import type { Principal } from '#db/api-keys.ts';
import type { Org } from '#db/client.ts';
import { findThread } from '#db/lists.ts';
import { findRun } from '#db/run-list.ts';
import type { Received } from '#workflows/client.ts';
import type { WebDeps } from './deps.ts';

export interface Ask {
  /** One key, one request: the same key asks the same again (RULES I2). */
  sourceKey: string;
  text: string;
  /** A web thread of the asker's own; otherwise a new one of the name `newThread`. */
  threadId?: string | undefined;
  newThread: string;
  /** The run that is asked for again, one the asker may see. Who asks is the requester, whoever asked first. */
  againOf?: string | undefined;
}

/** Asks as in the web chat. Throws `UserError` 404 for a thread that is not the asker's, or a run they may not see. */
export async function ask(
  { db, client }: Pick<WebDeps, 'db' | 'client'>,
  actor: Principal,
  asked: Ask,
): Promise<Received> {
  const { sourceKey, text, threadId, newThread, againOf } = asked;
  const where = await db.withOrg(actor.orgId, async (org) => {
    if (againOf !== undefined && !(await findRun(org, actor, againOf))) throw notFound('run');
    return placeOf(org, actor, threadId, newThread);
  });
  return client.receive({
    sourceKey,
    where,
    sender: { id: actor.memberId, name: actor.name, isBot: false, isGuest: false },
    text,
    isDirect: true,
    ...(againOf !== undefined && { againOf }),
  });
}

/**
 * A thread is written to by the one who began it, also when an admin may know of it. What an API key begins is a script's business, so it is not private
 * (db/visibility.ts).
 */
async function placeOf(
  org: Org,
  actor: Principal,
  threadId: string | undefined,
  newThread: string,
): Promise<ThreadRef> {
  const web = { platform: 'web', tenant: actor.orgId, channel: actor.apiKey ? 'api' : 'web' } as const;
  if (threadId === undefined) return { ...web, thread: newThread };
  const thread = await findThread(org, actor, threadId);
  if (!thread || thread.createdBy !== actor.memberId || thread.platform !== 'web') throw notFound('thread');
  return { ...web, channel: thread.channel, thread: thread.thread };
}
