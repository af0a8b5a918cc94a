import { and, asc, eq, inArray, lt, notInArray, sql, type SQL } from 'drizzle-orm';
import { zOrgSettings } from '#core/policy.ts';
import { enterOrg, enterSystem } from './accounts.ts';
import { audit } from './audit.ts';
import type { Database, Org } from './client.ts';
import { prunePassing, pruneSignatures } from './retention-passing.ts';
import {
  approvalCards,
  approvals,
  approvalVotes,
  attachments,
  effects,
  inboundEvents,
  invitations,
  messages,
  modelCalls,
  orgs,
  passwordResets,
  rateLimits,
  runFeedback,
  runs,
  session,
  slackLive,
  slackPosts,
  threads,
  threadSummaries,
  toolCalls,
  turns,
  verification,
  webPosts,
} from './schema/index.ts';

/** What models cost is asked for up to a month back, so runs and their model calls outlive a shorter retention, emptied of every text. */
export const SPEND_DAYS = 35;
/** Put in the place of a text whose time is up while its run's row is still counted. A model refuses an empty one. */
export const REMOVED = '(Removed: older than this organisation keeps its requests.)';

const BATCH = 200;
const EVENT_BATCH = 5_000;

export interface Pruned {
  /** Rows removed, by what they were. */
  counts: Record<string, number>;
  /** The time was up before the work was done: call again soon. */
  isMore: boolean;
  /** Orgs whose settings cannot be read: nothing of theirs is removed. */
  unreadable: string[];
}

/**
 * Removes what is older than its org keeps it (`orgs.settings.retention`), in batches of one transaction each, until done or `withinMs` is over.
 * One process at a time. Active runs, unclear effects and the audit log are never touched; each batch leaves an audit row with its counts.
 */
export async function prune(db: Database, { withinMs }: { withinMs: number }): Promise<Pruned> {
  const end = performance.now() + withinMs;
  const counts: Record<string, number> = {};
  const unreadable: string[] = [];
  const add = (more: Record<string, number>): void => {
    for (const [name, n] of Object.entries(more)) if (n > 0) counts[name] = (counts[name] ?? 0) + n;
  };
  add({ ...(await pruneLogins(db)), signatures: await pruneSignatures(db) });
  const all = await db.withSystem('find orgs whose old rows may leave', (tx) =>
    tx.select({ id: orgs.id, settings: orgs.settings }).from(orgs).orderBy(asc(orgs.id)),
  );
  for (const { id, settings } of all) {
    const parsed = zOrgSettings.safeParse(settings);
    if (!parsed.success) {
      unreadable.push(id);
      continue;
    }
    const { runsDays, eventsDays } = parsed.data.retention;
    const steps: ((org: Org) => Promise<Record<string, number>>)[] = [prunePassing];
    if (eventsDays !== null) steps.push((org) => pruneEvents(org, eventsDays));
    if (runsDays !== null && runsDays < SPEND_DAYS) steps.push((org) => emptyRuns(org, runsDays));
    if (runsDays !== null) steps.push((org) => pruneRuns(org, Math.max(runsDays, SPEND_DAYS)));
    for (const step of steps)
      for (;;) {
        if (performance.now() >= end) return { counts, unreadable, isMore: true };
        const removed = await inTurn(db, id, step);
        if (removed === null) return { counts, unreadable, isMore: false };
        add(removed);
        if (Object.values(removed).every((n) => n === 0)) break;
      }
  }
  return { counts, unreadable, isMore: false };
}

/** One batch, its audit row last (RULES D6). Null: another process prunes now. */
const inTurn = (
  db: Database,
  orgId: string,
  step: (org: Org) => Promise<Record<string, number>>,
): Promise<Record<string, number> | null> =>
  db.withOrg(orgId, async (org) => {
    const [lock] = await org.tx.execute<{ is_ours: boolean }>(
      sql`select pg_try_advisory_xact_lock(hashtext('abetworks:prune')) as is_ours`,
    );
    if (!lock?.is_ours) return null;
    const counts = await step(org);
    if (Object.values(counts).some((n) => n > 0))
      await audit(org, {
        actor: 'system',
        action: 'retention.pruned',
        target: { type: 'org', id: orgId },
        details: counts,
      });
    return counts;
  });

const daysAgo = (days: number): SQL => sql`now() - make_interval(days => ${days})`;
const counted = async (rows: Promise<readonly unknown[]>): Promise<number> => (await rows).length;

async function pruneEvents(org: Org, days: number): Promise<Record<string, number>> {
  const { tx, id: orgId } = org;
  const old = tx
    .select({ id: inboundEvents.id })
    .from(inboundEvents)
    .where(and(eq(inboundEvents.orgId, orgId), lt(inboundEvents.createdAt, daysAgo(days))))
    .orderBy(asc(inboundEvents.createdAt))
    .limit(EVENT_BATCH);
  return {
    events: await counted(
      tx
        .delete(inboundEvents)
        .where(and(eq(inboundEvents.orgId, orgId), inArray(inboundEvents.id, old)))
        .returning({ id: inboundEvents.id }),
    ),
    invitations: await counted(
      tx
        .delete(invitations)
        .where(and(eq(invitations.orgId, orgId), lt(invitations.expiresAt, daysAgo(days))))
        .returning({ id: invitations.id }),
    ),
    resets: await counted(
      tx
        .delete(passwordResets)
        .where(and(eq(passwordResets.orgId, orgId), lt(passwordResets.expiresAt, daysAgo(days))))
        .returning({ id: passwordResets.id }),
    ),
  };
}

interface Old {
  runIds: string[];
  messageIds: string[];
  threadIds: string[];
}

/** Ended that long ago, with nothing left to find out. Locked, and not waited for. */
async function oldRuns(org: Org, days: number, only: SQL = sql`true`): Promise<Old> {
  const found = await org.tx
    .select({ id: runs.id, messageId: runs.messageId, threadId: runs.threadId })
    .from(runs)
    .where(
      and(
        eq(runs.orgId, org.id),
        inArray(runs.status, ['done', 'failed', 'stopped']),
        lt(runs.endedAt, daysAgo(days)),
        sql`not exists (select 1 from ${effects} where ${effects.orgId} = ${runs.orgId} and ${effects.runId} = ${runs.id} and ${effects.state} in ('intended', 'ambiguous'))`,
        // An effect of another run may have used its approval (RULES R3): that one leaves first.
        sql`not exists (select 1 from ${approvals} join ${effects} on ${effects.orgId} = ${approvals.orgId} and ${effects.approvalId} = ${approvals.id} where ${approvals.orgId} = ${runs.orgId} and ${approvals.runId} = ${runs.id} and ${effects.runId} <> ${runs.id})`,
        only,
      ),
    )
    .orderBy(asc(runs.endedAt))
    .limit(BATCH)
    .for('update', { of: runs, skipLocked: true });
  return {
    runIds: found.map(({ id }) => id),
    messageIds: found.map(({ messageId }) => messageId),
    threadIds: [...new Set(found.map(({ threadId }) => threadId))],
  };
}

/** Takes every text of these runs, and leaves the rows that money is counted from. */
async function emptyRuns(org: Org, days: number): Promise<Record<string, number>> {
  const isFull = sql`exists (select 1 from ${messages} where ${messages.orgId} = ${runs.orgId} and ${messages.id} = ${runs.messageId} and ${messages.text} <> ${REMOVED})`;
  const old = await oldRuns(org, days, isFull);
  if (old.runIds.length === 0) return {};
  await removeSteps(org, old.runIds);
  await org.tx
    .update(runs)
    .set({ statusText: null, given: null })
    .where(and(eq(runs.orgId, org.id), inArray(runs.id, old.runIds)));
  await org.tx
    .update(modelCalls)
    .set({ error: null })
    .where(and(eq(modelCalls.orgId, org.id), inArray(modelCalls.runId, old.runIds)));
  await org.tx
    .update(messages)
    .set({ text: REMOVED, suggestions: [] })
    .where(and(eq(messages.orgId, org.id), inArray(messages.id, old.messageIds)));
  await org.tx
    .delete(attachments)
    .where(and(eq(attachments.orgId, org.id), inArray(attachments.messageId, old.messageIds)));
  // A title is the first words of a request.
  await org.tx
    .update(threads)
    .set({ title: REMOVED })
    .where(and(eq(threads.orgId, org.id), inArray(threads.id, old.threadIds), lt(threads.updatedAt, daysAgo(days))));
  await removeTalk(org, old, days);
  return { emptied: old.runIds.length };
}

async function pruneRuns(org: Org, days: number): Promise<Record<string, number>> {
  const { tx, id: orgId } = org;
  const old = await oldRuns(org, days);
  if (old.runIds.length === 0) return {};
  await removeSteps(org, old.runIds);
  await tx.delete(modelCalls).where(and(eq(modelCalls.orgId, orgId), inArray(modelCalls.runId, old.runIds)));
  await tx.delete(runs).where(and(eq(runs.orgId, orgId), inArray(runs.id, old.runIds)));
  await removeTalk(org, old, days);
  return { runs: old.runIds.length, threads: await removeEmptyThreads(org, old.threadIds, days) };
}

/** What runs did, children first. */
async function removeSteps(org: Org, runIds: string[]): Promise<void> {
  const { tx, id: orgId } = org;
  const of = (
    table: typeof effects | typeof approvals | typeof toolCalls | typeof turns | typeof slackLive | typeof runFeedback,
  ) => and(eq(table.orgId, orgId), inArray(table.runId, runIds));
  const asked = tx.select({ id: approvals.id }).from(approvals).where(of(approvals));
  const done = await tx.select({ id: effects.id }).from(effects).where(of(effects));
  await removePosts(org, [...runIds, ...[...(await asked), ...done].map(({ id }) => id)]);
  await tx.delete(approvalCards).where(and(eq(approvalCards.orgId, orgId), inArray(approvalCards.approvalId, asked)));
  // The app role may add votes only; the system role may take those of ended runs.
  const system = await enterSystem(tx);
  await system
    .delete(approvalVotes)
    .where(and(eq(approvalVotes.orgId, orgId), inArray(approvalVotes.approvalId, asked)));
  await enterOrg(tx, orgId);
  await tx.delete(effects).where(of(effects));
  await tx.delete(approvals).where(of(approvals));
  await tx.delete(toolCalls).where(of(toolCalls));
  await tx.delete(turns).where(of(turns));
  await tx.delete(slackLive).where(of(slackLive));
  await tx.delete(runFeedback).where(of(runFeedback));
}

/** What was posted of these in Slack; a post's key is `<what>:<id>`, and a copy's goes on from there. The messages themselves stay with Slack. */
const removePosts = ({ tx, id: orgId }: Org, ids: readonly string[]): Promise<unknown> =>
  tx
    .delete(slackPosts)
    .where(and(eq(slackPosts.orgId, orgId), inArray(sql`split_part(${slackPosts.key}, ':', 2)`, [...ids])));

/** What was said around those runs, as far as it is as old and nothing that stays refers to it. */
async function removeTalk(org: Org, { threadIds }: Old, days: number): Promise<void> {
  const { tx, id: orgId } = org;
  const asked = tx
    .select({ id: runs.messageId })
    .from(runs)
    .where(and(eq(runs.orgId, orgId), inArray(runs.threadId, threadIds)));
  const isOld = and(
    eq(messages.orgId, orgId),
    inArray(messages.threadId, threadIds),
    lt(messages.createdAt, daysAgo(days)),
    notInArray(messages.id, asked),
  );
  const leaving = tx.select({ id: messages.id }).from(messages).where(isOld);
  await tx.delete(attachments).where(and(eq(attachments.orgId, orgId), inArray(attachments.messageId, leaving)));
  await tx.delete(messages).where(isOld);
  await tx
    .delete(webPosts)
    .where(
      and(
        eq(webPosts.orgId, orgId),
        inArray(webPosts.threadId, threadIds),
        lt(webPosts.createdAt, daysAgo(days)),
        sql`not exists (select 1 from ${approvalCards} where ${approvalCards.orgId} = ${orgId} and ${approvalCards.message} = ${webPosts.id}::text)`,
      ),
    );
  // Young ones too: each goes on from the one before, so it still tells what leaves here. The next answer makes a new one, of what is left.
  await tx
    .delete(threadSummaries)
    .where(and(eq(threadSummaries.orgId, orgId), inArray(threadSummaries.threadId, threadIds)));
}

/** Threads nobody has used since, with nothing left in them. */
async function removeEmptyThreads(org: Org, threadIds: string[], days: number): Promise<number> {
  const { tx, id: orgId } = org;
  const idle = await tx
    .select({ id: threads.id })
    .from(threads)
    .where(and(eq(threads.orgId, orgId), inArray(threads.id, threadIds), lt(threads.updatedAt, daysAgo(days))))
    .for('update', { skipLocked: true });
  const ids = idle.map(({ id }) => id);
  if (ids.length === 0) return 0;
  const holds = (table: typeof messages | typeof runs | typeof webPosts | typeof threadSummaries): SQL =>
    sql`exists (select 1 from ${table} where ${table.orgId} = ${orgId} and ${table.threadId} = ${threads.id})`;
  const isEmpty = sql`not (${sql.join([messages, runs, webPosts, threadSummaries].map(holds), sql` or `)})`;
  const gone = await tx
    .delete(threads)
    .where(and(eq(threads.orgId, orgId), inArray(threads.id, ids), isEmpty))
    .returning({ id: threads.id });
  if (gone.length > 0)
    await removePosts(
      org,
      gone.map(({ id }) => id),
    );
  return gone.length;
}

/** What is nobody's: sessions and tries that are over, events of unknown tenants. */
async function pruneLogins(db: Database): Promise<Record<string, number>> {
  const sessions = await counted(
    db.global
      .delete(session)
      .where(lt(session.expiresAt, daysAgo(1)))
      .returning({ id: session.id }),
  );
  await db.global.delete(verification).where(lt(verification.expiresAt, daysAgo(1)));
  await db.global.delete(rateLimits).where(lt(rateLimits.expire, Date.now() - 3_600_000));
  const strangers = await db.withSystem('remove old events of tenants without an org', (tx) =>
    counted(
      tx
        .delete(inboundEvents)
        .where(
          sql`${inboundEvents.id} in (select id from ${inboundEvents} where org_id is null and created_at < ${daysAgo(90)} order by created_at limit ${EVENT_BATCH})`,
        )
        .returning({ id: inboundEvents.id }),
    ),
  );
  return { sessions, strangers };
}
