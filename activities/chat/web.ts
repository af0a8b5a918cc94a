import { and, eq } from 'drizzle-orm';
import type { ChatOut, MessageRef, ThreadRef } from '#core/chat.ts';
import type { Database, Org } from '#db/client.ts';
import { notify } from '#db/notify.ts';
import { webPosts } from '#db/schema/index.ts';
import { findThreadAt } from '#db/threads.ts';
import { WEB_BUDGET } from './render/index.ts';

/** The web chat's mouth. Its posts are rows of our own database, so posting and recording that it was posted are one thing: the key is unique. */
export function createWebChat(db: Database): ChatOut {
  return {
    platform: 'web',
    budget: WEB_BUDGET,
    post: (orgId, to, message) =>
      db.withOrg(orgId, async (org): Promise<MessageRef> => {
        const threadId = await threadIdOf(org, to);
        const [[made]] = await Promise.all([
          org.tx
            .insert(webPosts)
            .values({ orgId, threadId, key: message.key, content: message })
            .onConflictDoNothing()
            .returning({ id: webPosts.id }),
          notify(org, { threadId }),
        ]);
        return { ...to, message: made?.id ?? (await postIdOf(org, message.key)) };
      }),
    edit: (orgId, at, message) =>
      db.withOrg(orgId, async (org) => {
        await org.tx
          .update(webPosts)
          .set({ content: message, editedAt: new Date() })
          .where(and(eq(webPosts.orgId, orgId), eq(webPosts.id, at.message)));
        await notify(org, { threadId: await threadIdOf(org, at) });
      }),
  };
}

async function postIdOf(org: Org, key: string): Promise<string> {
  const [post] = await org.tx
    .select({ id: webPosts.id })
    .from(webPosts)
    .where(and(eq(webPosts.orgId, org.id), eq(webPosts.key, key)));
  return post?.id ?? '';
}

async function threadIdOf(org: Org, where: ThreadRef): Promise<string> {
  const thread = await findThreadAt(org, where);
  if (!thread) throw new Error('thread vanished');
  return thread.id;
}
