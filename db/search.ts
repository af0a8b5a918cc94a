import { and, asc, desc, eq, not, sql } from 'drizzle-orm';
import { UserError } from '#core/errors.ts';
import type { Actor } from '#core/roles.ts';
import { type Database, sqlState, type Tx } from './client.ts';
import { eitherWay, type PageOf, type Step, type TwoWayPage } from './paging.ts';
import { isListed, readPage, type RunFilters, type RunRow } from './run-list.ts';
import { messages, threads } from './schema/chat.ts';
import { runs } from './schema/runs.ts';
import { isOthersDirect } from './visibility.ts';

/** So many of the newest runs are looked through one by one: a common word fills the page from them. What is rarer is left to the index. */
const WINDOW = 5_000;
const EVERYTHING = 2_000_000_000;
const WITHIN = '4s';
const CANCELLED = '57014';

type Query = PageOf & RunFilters;
interface Key {
  id: string;
  createdAt: Date;
}

/**
 * Runs whose request's text holds the words (`"a phrase"`, `-without`, `or`), newest first. Under row security no index serves a text
 * search, so the system role finds the ids, within the org and among the texts this actor may read: nobody finds what they may not read.
 * The rows are then read as the app role. Throws `UserError` 422 when it takes too long.
 */
export async function searchRuns(db: Database, actor: Actor, words: string, query: Query): Promise<TwoWayPage<RunRow>> {
  const step = eitherWay(runs, query.cursor);
  const found = await db
    .withSystem('search the texts of requests', async (tx) => {
      await tx.execute(sql`select set_config('statement_timeout', ${WITHIN}, true)`);
      const near = await searchNewest(tx, actor, words, query, step);
      if (near.length > query.limit || !(await isBeyondWindow(tx, actor, query, step))) return near;
      return searchAll(tx, actor, words, query, step);
    })
    .catch((error: unknown) => {
      if (sqlState(error) !== CANCELLED) throw error;
      const text = 'q: the search took too long. Add a word, or narrow the dates or the person.';
      throw new UserError(text, { status: 422, field: 'q', cause: error });
    });
  return db.withOrg(actor.orgId, (org) =>
    readPage(
      org,
      actor,
      step.take(found, query.limit, (key) => key),
    ),
  );
}

const holds = (words: string) => sql`messages.search @@ websearch_to_tsquery('simple', ${words})`;

const newest = (tx: Tx, actor: Actor, query: Query, step: Step) =>
  tx
    .select({ id: runs.id, createdAt: runs.createdAt, messageId: runs.messageId, threadId: runs.threadId })
    .from(runs)
    .where(and(isListed(actor.orgId, actor, query), step.where))
    .orderBy(...step.order);

async function searchNewest(tx: Tx, actor: Actor, words: string, query: Query, step: Step): Promise<Key[]> {
  const near = newest(tx, actor, query, step).limit(WINDOW).as('near');
  return tx
    .select({ id: near.id, createdAt: near.createdAt })
    .from(near)
    .innerJoin(messages, and(eq(messages.orgId, actor.orgId), eq(messages.id, near.messageId)))
    .innerJoin(threads, and(eq(threads.orgId, actor.orgId), eq(threads.id, near.threadId)))
    .where(and(holds(words), not(isOthersDirect(actor))))
    .orderBy(...(step.isBack ? [asc(near.createdAt), asc(near.id)] : [desc(near.createdAt), desc(near.id)]))
    .limit(query.limit + 1);
}

const isBeyondWindow = async (tx: Tx, actor: Actor, query: Query, step: Step): Promise<boolean> =>
  (await newest(tx, actor, query, step).offset(WINDOW).limit(1)).length > 0;

async function searchAll(tx: Tx, actor: Actor, words: string, query: Query, step: Step): Promise<Key[]> {
  // The limit keeps the two apart: joined at once, the planner would rather walk all runs than believe that a word is rare.
  const said = tx
    .select({ id: messages.id })
    .from(messages)
    .where(and(eq(messages.orgId, actor.orgId), eq(messages.role, 'user'), holds(words)))
    .limit(EVERYTHING)
    .as('said');
  return tx
    .select({ id: runs.id, createdAt: runs.createdAt })
    .from(said)
    .innerJoin(runs, and(eq(runs.orgId, actor.orgId), eq(runs.messageId, said.id)))
    .innerJoin(threads, and(eq(threads.orgId, runs.orgId), eq(threads.id, runs.threadId)))
    .where(and(isListed(actor.orgId, actor, query), not(isOthersDirect(actor)), step.where))
    .orderBy(...step.order)
    .limit(query.limit + 1);
}
