import { and, desc, eq, sql } from 'drizzle-orm';
import type { Outgoing } from '#core/chat.ts';
import type { Actor } from '#core/roles.ts';
import type { Org } from '#db/client.ts';
import { findApproval } from '#db/lists.ts';
import { activeRunsIn, type Run } from '#db/runs.ts';
import { messages, threads, webPosts } from '#db/schema/chat.ts';
import { members } from '#db/schema/identity.ts';
import { runs } from '#db/schema/runs.ts';
import type { Thread } from '#db/threads.ts';
import { type ApprovalView, viewsOf } from './approvals.ts';
import { type EffectView, readEffectViews } from './effects.ts';

export interface ListedThread {
  id: string;
  title: string;
  updatedAt: Date;
  /** A run of it is going on or waits. */
  activity: 'running' | 'waiting' | null;
}

export type TimelineItem =
  | { kind: 'message'; id: string; text: string; byName: string; runId: string | null; createdAt: Date }
  | { kind: 'post'; id: string; content: Outgoing; createdAt: Date }
  | { kind: 'approval'; id: string; approval: ApprovalView; createdAt: Date }
  | { kind: 'effect'; id: string; effect: EffectView; createdAt: Date };

export interface Timeline {
  items: TimelineItem[];
  activeRuns: Run[];
}

const LIMIT = 200;
const ownWeb = (org: Org, actor: Actor) =>
  and(eq(threads.orgId, org.id), eq(threads.platform, 'web'), eq(threads.createdBy, actor.memberId));

/** The actor's own web threads, the newest first. */
export async function listOwnThreads(org: Org, actor: Actor): Promise<ListedThread[]> {
  const active = sql<
    'running' | 'waiting' | null
  >`(select min(${runs.status}) from ${runs} where ${runs.orgId} = ${threads.orgId}
    and ${runs.threadId} = ${threads.id} and ${runs.status} in ('running', 'waiting'))`;
  return org.tx
    .select({ id: threads.id, title: threads.title, updatedAt: threads.updatedAt, activity: active })
    .from(threads)
    .where(ownWeb(org, actor))
    .orderBy(desc(threads.updatedAt))
    .limit(40);
}

/** A web thread of the actor's own. Anyone else's is not there, for admins too (RULES D3). */
export async function readOwnThread(org: Org, actor: Actor, threadId: string): Promise<Thread | undefined> {
  const [row] = await org.tx
    .select()
    .from(threads)
    .where(and(ownWeb(org, actor), eq(threads.id, threadId)));
  return row;
}

/** What the thread shows, oldest first: people's messages and the assistant's posts; cards with the state they have now. */
export async function readTimeline(org: Org, actor: Actor, threadId: string): Promise<Timeline> {
  const said = await org.tx
    .select({ message: messages, byName: members.name })
    .from(messages)
    .leftJoin(members, and(eq(members.orgId, messages.orgId), eq(members.id, messages.memberId)))
    .where(and(eq(messages.orgId, org.id), eq(messages.threadId, threadId), eq(messages.role, 'user')))
    .orderBy(desc(messages.seq))
    .limit(LIMIT);
  const posts = await org.tx
    .select()
    .from(webPosts)
    .where(and(eq(webPosts.orgId, org.id), eq(webPosts.threadId, threadId)))
    .orderBy(desc(webPosts.createdAt), desc(webPosts.id))
    .limit(LIMIT);

  const approvalRows = await Promise.all(idsOf(posts, 'approval').map((id) => findApproval(org, actor, id)));
  const approvals = await viewsOf(
    org,
    approvalRows.filter((row) => row !== undefined),
  );
  const effects = await readEffectViews(org, idsOf(posts, 'effect'));

  const items: TimelineItem[] = [
    ...said.map(({ message, byName }): TimelineItem => ({
      kind: 'message',
      id: message.id,
      text: message.text,
      byName: byName ?? 'Someone',
      runId: message.runId,
      createdAt: message.createdAt,
    })),
    ...posts.map((post) => itemOf(post, approvals, effects)),
  ];
  return {
    items: items.sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || rank(a) - rank(b)).slice(-LIMIT),
    activeRuns: await activeRunsIn(org, threadId),
  };
}

type Post = typeof webPosts.$inferSelect;

const idsOf = (posts: readonly Post[], kind: 'approval' | 'effect'): string[] => [
  ...new Set(posts.flatMap(({ content }) => (content.subject?.kind === kind ? [content.subject.id] : []))),
];

function itemOf(post: Post, approvals: readonly ApprovalView[], effects: readonly EffectView[]): TimelineItem {
  const { id, content, createdAt } = post;
  const approval = content.subject?.kind === 'approval' && approvals.find((one) => one.id === content.subject?.id);
  if (approval) return { kind: 'approval', id, approval, createdAt };
  const effect = content.subject?.kind === 'effect' && effects.find((one) => one.id === content.subject?.id);
  if (effect) return { kind: 'effect', id, effect, createdAt };
  return { kind: 'post', id, content, createdAt };
}

const rank = ({ kind }: TimelineItem): number => (kind === 'message' ? 0 : 1);
