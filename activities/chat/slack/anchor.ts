import { and, asc, eq } from 'drizzle-orm';
import type { PlatformApi, ThreadRef } from '#core/chat.ts';
import { type Database, sqlState, type Org } from '#db/client.ts';
import type { Logger } from 'pino';
import { identityOf } from '#db/identities.ts';
import { members, messages, threads } from '#db/schema/index.ts';
import { findAnchor } from '#db/slack-posts.ts';
import { findThreadAt, type Thread } from '#db/threads.ts';
import { anchorMessage } from '#activities/chat/render/slack/index.ts';
import { isPerson, openDirect } from './direct.ts';
import type { createPost, Posted } from './post.ts';
import { Unreachable } from './refusals.ts';

interface Deps {
  db: Database;
  slack: PlatformApi;
  log: Logger;
  post: ReturnType<typeof createPost>;
}

/** A place that has no message yet, such as that of a slash command: its first post begins a thread. */
export const isUnsettled = ({ thread }: Pick<ThreadRef, 'thread'>): boolean => thread.startsWith('new:');

/**
 * Turns a `new:…` place into the real one: posts the message that the thread begins with, once, and moves the thread's row there. Where the assistant may
 * not speak, the thread begins in a direct message to whoever asked. Any other place is given back as it is.
 */
export function createAnchors({ db, slack, log, post }: Deps) {
  return async (orgId: string, to: ThreadRef): Promise<ThreadRef> => {
    if (!isUnsettled(to)) return to;
    const found = await db.withOrg(orgId, (org) => readPlace(org, to));
    if (found.kind === 'moved') return { ...to, ...found.place };
    const root = await begin(orgId, to, found);
    await move(orgId, found.thread, root);
    return { ...to, channel: root.channel, thread: root.ts };
  };

  async function begin(orgId: string, to: ThreadRef, { thread, asker, name, text }: Unsettled): Promise<Posted> {
    const content = anchorMessage({ name, text });
    const postTo = (channel: string, key: string): Promise<Posted> =>
      post(orgId, {
        key,
        part: 0,
        place: { tenant: to.tenant, channel, thread: to.thread },
        content,
        plain: content.text,
      });
    const direct = async (person: string): Promise<string> => openDirect(slack, orgId, to.tenant, person);
    const key = `anchor:${thread.id}`;
    try {
      return await postTo(isPerson(to.channel) ? await direct(to.channel) : to.channel, key);
    } catch (error) {
      if (!(error instanceof Unreachable) || asker === undefined || isPerson(to.channel)) throw error;
      log.info({ orgId, threadId: thread.id, code: error.code }, 'a thread begins in a direct message');
      return postTo(await direct(asker), `${key}:direct`);
    }
  }

  async function move(orgId: string, thread: Thread, { channel, ts }: Posted): Promise<void> {
    try {
      await db.withOrg(orgId, (org) =>
        org.tx
          .update(threads)
          // Messages to the assistant alone are nobody else's to read (RULES D3).
          .set({ channel, thread: ts, ...(channel.startsWith('D') ? { isDirect: true } : {}) })
          .where(and(eq(threads.orgId, orgId), eq(threads.id, thread.id), eq(threads.thread, thread.thread))),
      );
    } catch (error) {
      if (sqlState(error) !== UNIQUE_VIOLATION) throw error;
      // Somebody wrote under the root before its row was moved, and was heard in a thread of its own: ours speaks there by its anchor.
      log.warn({ orgId, threadId: thread.id }, 'another thread has the place already');
    }
  }
}
const UNIQUE_VIOLATION = '23505';

interface Unsettled {
  kind: 'unsettled';
  thread: Thread;
  /** The Slack account of whoever asked. */
  asker: string | undefined;
  name: string;
  text: string;
}

async function readPlace(
  org: Org,
  to: ThreadRef,
): Promise<Unsettled | { kind: 'moved'; place: { channel: string; thread: string } }> {
  const anchor = await findAnchor(org, to);
  if (anchor?.ts) {
    const thread = await findThreadAt(org, to);
    const place = { channel: anchor.channel, thread: anchor.ts };
    if (!thread) return { kind: 'moved', place };
  }
  const thread = await findThreadAt(org, to);
  if (!thread) throw new Error('thread vanished');
  const [first] = await org.tx
    .select({ text: messages.text, name: members.name })
    .from(messages)
    .leftJoin(members, and(eq(members.orgId, messages.orgId), eq(members.id, messages.memberId)))
    .where(and(eq(messages.orgId, org.id), eq(messages.threadId, thread.id)))
    .orderBy(asc(messages.seq))
    .limit(1);
  const asker = (await identityOf(org, thread.createdBy, 'slack', to.tenant))?.externalId;
  return { kind: 'unsettled', thread, asker, name: first?.name ?? 'Someone', text: first?.text ?? '' };
}
