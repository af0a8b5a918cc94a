import { and, eq, isNotNull, isNull, lte, sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import { errorText } from '#core/errors.ts';
import { isCardDue } from '#db/approvals.ts';
import type { Database } from '#db/client.ts';
import { staleQuestions } from '#db/effect-questions.ts';
import { approvalCards, approvals } from '#db/schema/index.ts';
import { unseenLive } from '#db/slack-live.ts';
import { claimTelling, dueTellings, giveUpTelling } from '#db/telling.ts';
import type { Engine } from './engine.ts';

// What the sweeper shows in place of a workflow. Each waits for its platform.

export interface ShownDeps {
  db: Database;
  engine: Engine;
  log: Logger;
  /** Edits the copies of a card that show something older than the decision. */
  editCards(approval: { orgId: string; approvalId: string }): Promise<void>;
  /** Shows the question about an unclear effect as it is recorded. */
  editQuestion(question: { orgId: string; runId: string; effectId: string }): Promise<void>;
  /** Tells those who may decide directly; telling twice is the same as once. Waits a few seconds at most. */
  tellApprovers(approval: { orgId: string; approvalId: string }): Promise<void>;
  /** Shows how a run stands where people wait for it; waits a second at most. */
  showProgress(run: { orgId: string; runId: string }): Promise<void>;
}

const BATCH = 100;
/** Each waits for its platform, for a second at most. */
const SHOWN_AT_ONCE = 20;
/** Edits: several at once; after that none is begun, and the rest waits for the next round. */
const EDITED = { atOnce: 10, withinMs: 10_000 } as const;
/** A place that cannot be written to for so long is left alone; the approval stays under Approvals. */
const SHOW_EDITS_FOR = '1 hour';

/** One that fails does not hold up the others of its part. */
export async function apart(
  { engine, log }: Pick<ShownDeps, 'engine' | 'log'>,
  ids: object,
  what: string,
  fn: () => Promise<void>,
): Promise<void> {
  try {
    await fn();
  } catch (error) {
    log.warn({ ...ids, what, error: errorText(error) }, 'sweep: left for the next round');
    // With Temporal away each of the others would only wait its deadline out.
    if (!(await engine.isAlive())) throw error;
  }
}

/** Several at once, for a while; those that are not begun by then are left for the next round. */
async function severally<T>(all: readonly T[], fn: (one: T) => Promise<void>): Promise<void> {
  const left = [...all];
  const until = performance.now() + EDITED.withinMs;
  const lane = async (): Promise<void> => {
    for (let one = left.shift(); one !== undefined && performance.now() < until; one = left.shift()) await fn(one);
  };
  const ended = await Promise.allSettled(Array.from({ length: EDITED.atOnce }, lane));
  const failed = ended.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
}

/** Cards that show something older than the decision, and edits that were not shown yet. One that keeps failing is tried later and later (db/approvals.ts). */
async function editStaleCards(deps: ShownDeps): Promise<void> {
  const stale = await deps.db.withSystem('find cards older than their decision', (tx) =>
    tx
      .selectDistinct({ orgId: approvalCards.orgId, approvalId: approvalCards.approvalId })
      .from(approvalCards)
      .innerJoin(approvals, and(eq(approvals.orgId, approvalCards.orgId), eq(approvals.id, approvalCards.approvalId)))
      .where(
        and(
          sql`${approvalCards.shows} <> ${approvals.status}`,
          lte(approvals.decidedAt, sql`now() - interval '2 seconds'`),
          isCardDue,
        ),
      )
      .limit(BATCH),
  );
  const unshown = await deps.db.withSystem('find edits that have no card', (tx) =>
    tx
      .select({ orgId: approvals.orgId, approvalId: approvals.id })
      .from(approvals)
      .leftJoin(
        approvalCards,
        and(eq(approvalCards.orgId, approvals.orgId), eq(approvalCards.approvalId, approvals.id)),
      )
      .where(
        and(
          eq(approvals.status, 'pending'),
          isNotNull(approvals.supersedes),
          isNull(approvalCards.id),
          sql`${approvals.createdAt} between now() - ${SHOW_EDITS_FOR}::interval and now() - interval '2 seconds'`,
        ),
      )
      .limit(BATCH),
  );
  await severally([...stale, ...unshown], (one) => apart(deps, one, 'edit cards', () => deps.editCards(one)));
}

/** The workflow of an ended run edits its questions no more: "send again" would promise what does not happen. */
async function editStaleQuestions(deps: ShownDeps): Promise<void> {
  const stale = await staleQuestions(deps.db, BATCH);
  await severally(stale, (one) => apart(deps, one, 'edit a question', () => deps.editQuestion(one)));
}

/** Live messages that nobody keeps up: their run has ended, or shows no sign of life. */
async function showUnseen(deps: ShownDeps): Promise<void> {
  const unseen = await unseenLive(deps.db, SHOWN_AT_ONCE);
  await Promise.all(unseen.map((run) => apart(deps, run, 'show progress', () => deps.showProgress(run))));
}

/** Whoever asked was to tell those who may decide, and did not get to the end of it. Each is claimed: one process tells. */
async function tellUntold(deps: ShownDeps): Promise<void> {
  const { db, log, tellApprovers } = deps;
  const due = await dueTellings(db, SHOWN_AT_ONCE);
  await severally(due, ({ isOver, ...one }) =>
    apart(deps, one, 'tell approvers', async () => {
      const isMine = await db.withOrg(one.orgId, (org) => (isOver ? giveUpTelling : claimTelling)(org, one.approvalId));
      if (!isMine) return;
      if (isOver) log.error({ ...one, alert: true }, 'dead letter: somebody who may decide was not told for an hour');
      else await tellApprovers(one);
    }),
  );
}

/** The parts of a round that wait for platforms. */
export const SHOWN = { editStaleCards, editStaleQuestions, showUnseen, tellUntold };
