import { and, asc, eq, gt, isNotNull, like, or, sql } from 'drizzle-orm';
import type { Org } from './client.ts';
import { slackPosts } from './schema/slack.ts';

// What we say in Slack, written down before it is said: a post whose answer was lost is looked for, never repeated blindly.

export type SlackPost = typeof slackPosts.$inferSelect;

/** Where a message goes. `thread`: its root's ts; '' for a message of its own; `new:…` for the root of a thread that begins with it. */
export interface PostPlace {
  tenant: string;
  channel: string;
  thread: string;
}
export interface WantedPost {
  key: string;
  part: number;
  place: PostPlace;
  /** sha256 of what it will show. */
  shows: string;
}

/** What is to be done now. `send`: written down, and nothing of it went out before. `look`: an earlier send may have gone through, `sentAgoMs` ago. */
export type Claim =
  | { kind: 'posted'; post: SlackPost }
  | { kind: 'busy'; againInMs: number }
  | { kind: 'send'; post: SlackPost }
  | { kind: 'look'; post: SlackPost; sentAgoMs: number };

const isPost = (org: Org, { id }: { id: string }) => and(eq(slackPosts.orgId, org.id), eq(slackPosts.id, id));
const leaseOf = (ms: number) => sql`clock_timestamp() + make_interval(secs => ${ms / 1000}::float8)` as never;
const now = sql`clock_timestamp()` as never;

/** Takes the post for `leaseMs`: of two processes with the same key one goes on, the other hears `busy`. */
export async function claimPost(org: Org, wanted: WantedPost, leaseMs: number): Promise<Claim> {
  const { key, part, place, shows } = wanted;
  const begun = { ...place, shows, attempts: 1, leaseUntil: leaseOf(leaseMs), sentAt: now, updatedAt: now };
  const [made] = await org.tx
    .insert(slackPosts)
    .values({ orgId: org.id, key, part, ...begun, intendedAt: now })
    .onConflictDoNothing()
    .returning();
  if (made) return { kind: 'send', post: made };
  const [found] = await org.tx
    .select({
      post: slackPosts,
      heldMs: sql<number>`coalesce(extract(epoch from ${slackPosts.leaseUntil} - clock_timestamp()) * 1000, 0)::float8`,
      sentAgoMs: sql<number>`coalesce(extract(epoch from clock_timestamp() - ${slackPosts.sentAt}) * 1000, 0)::float8`,
    })
    .from(slackPosts)
    .where(and(eq(slackPosts.orgId, org.id), eq(slackPosts.key, key), eq(slackPosts.part, part)))
    .for('update');
  if (!found) throw new Error('post vanished');
  const { post, heldMs, sentAgoMs } = found;
  if (post.state === 'posted') return { kind: 'posted', post };
  if (heldMs > 0) return { kind: 'busy', againInMs: Math.ceil(heldMs) };
  if (post.attempts > 0) {
    await org.tx
      .update(slackPosts)
      .set({ leaseUntil: leaseOf(leaseMs) })
      .where(isPost(org, post));
    return { kind: 'look', post, sentAgoMs };
  }
  return { kind: 'send', post: await beginSend(org, post, wanted, leaseMs) };
}

/** Writes down that it is sent now. Only whoever holds the post may. */
export async function beginSend(
  org: Org,
  post: Pick<SlackPost, 'id'>,
  { place, shows }: Pick<WantedPost, 'place' | 'shows'>,
  leaseMs: number,
): Promise<SlackPost> {
  const attempts = sql`${slackPosts.attempts} + 1` as never;
  const [begun] = await org.tx
    .update(slackPosts)
    .set({ ...place, shows, attempts, leaseUntil: leaseOf(leaseMs), sentAt: now, updatedAt: now })
    .where(isPost(org, post))
    .returning();
  if (!begun) throw new Error('post vanished');
  return begun;
}

/** It is there. The first answer counts, should there ever be two. */
export async function settlePost(org: Org, post: Pick<SlackPost, 'id'>, at: { channel: string; ts: string }) {
  await org.tx
    .update(slackPosts)
    .set({ ...at, state: 'posted', leaseUntil: null, updatedAt: now })
    .where(and(isPost(org, post), eq(slackPosts.state, 'intended')));
}

/** Lets others try. `isOut` false: this send certainly did not go through. */
export const letPostGo = (org: Org, post: Pick<SlackPost, 'id'>, { isOut }: { isOut: boolean }): Promise<unknown> =>
  org.tx
    .update(slackPosts)
    .set({ leaseUntil: null, ...(isOut ? {} : { attempts: sql`greatest(0, ${slackPosts.attempts} - 1)` }) })
    .where(and(isPost(org, post), eq(slackPosts.state, 'intended')));

/** The posts of the message that has a part at this place, in order; none: it was not posted by us. */
export async function postsOfMessage(
  org: Org,
  { tenant, channel, ts }: { tenant: string; channel: string; ts: string },
): Promise<SlackPost[]> {
  const [at] = await org.tx
    .select({ key: slackPosts.key })
    .from(slackPosts)
    .where(
      and(
        eq(slackPosts.orgId, org.id),
        eq(slackPosts.tenant, tenant),
        eq(slackPosts.channel, channel),
        eq(slackPosts.ts, ts),
      ),
    )
    .limit(1);
  if (!at) return [];
  return org.tx
    .select()
    .from(slackPosts)
    .where(and(eq(slackPosts.orgId, org.id), eq(slackPosts.key, at.key)))
    .orderBy(asc(slackPosts.part));
}

/** Remembers what a post shows since its last edit. */
export const markShown = (org: Org, post: Pick<SlackPost, 'id'>, shows: string): Promise<unknown> =>
  org.tx.update(slackPosts).set({ shows, updatedAt: now }).where(isPost(org, post));

/** The root message that a `new:…` thread began with, once it is there. */
export async function findAnchor(
  org: Org,
  { tenant, thread }: { tenant: string; thread: string },
): Promise<SlackPost | undefined> {
  const [row] = await org.tx
    .select()
    .from(slackPosts)
    .where(
      and(
        eq(slackPosts.orgId, org.id),
        eq(slackPosts.tenant, tenant),
        eq(slackPosts.thread, thread),
        eq(slackPosts.state, 'posted'),
        // In these very words: those of its index.
        sql`${slackPosts.key} like 'anchor:%'`,
      ),
    )
    .limit(1);
  return row;
}

/** Whether the post of `key` is in Slack, or may be. */
export async function mayBeOut(org: Org, key: string): Promise<boolean> {
  const [row] = await org.tx
    .select({ id: slackPosts.id })
    .from(slackPosts)
    .where(and(eq(slackPosts.orgId, org.id), eq(slackPosts.key, key), gt(slackPosts.attempts, 0)))
    .limit(1);
  return row !== undefined;
}

/**
 * Whether a message that people see at a place may be the post of `key`, or of a copy of it, although it is not on record yet: Slack shows a message before
 * its answer has come, and that may be lost.
 */
export async function isBeingPosted(
  org: Org,
  key: string,
  { tenant, channel, ts }: { tenant: string; channel: string; ts: string },
): Promise<boolean> {
  const [row] = await org.tx
    .select({ id: slackPosts.id })
    .from(slackPosts)
    .where(
      and(
        eq(slackPosts.orgId, org.id),
        or(eq(slackPosts.key, key), like(slackPosts.key, `${key}:%`)),
        eq(slackPosts.tenant, tenant),
        eq(slackPosts.channel, channel),
        or(eq(slackPosts.ts, ts), and(eq(slackPosts.state, 'intended'), isNotNull(slackPosts.sentAt))),
      ),
    )
    .limit(1);
  return row !== undefined;
}
