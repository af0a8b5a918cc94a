import { and, asc, eq, inArray, isNotNull, isNull, lte, ne, sql } from 'drizzle-orm';
import { errorText } from '#core/errors.ts';
import type { KeyRing } from '#core/keys.ts';
import { checkpointAudit } from '#db/audit.ts';
import { prune } from '#db/retention.ts';
import { lockRun, updateRun } from '#db/runs.ts';
import { answers, approvals, idempotencyKeys, orgs, runs } from '#db/schema/index.ts';
import { isStopPending } from './stop.ts';
import { wakeWaiting } from './decide.ts';
import { apart, SHOWN, type ShownDeps } from './sweep-shown.ts';
import { watchConnections } from './watch.ts';

export interface SweepDeps extends ShownDeps {
  keys: KeyRing;
  /** Ends a run that cannot go on, with a message in its thread. */
  giveUp(run: { orgId: string; runId: string; problem: string }): Promise<void>;
  /** Looks at one connection whose check is due; `runIds`: those that may go on now. */
  checkHealth(connection: { orgId: string; connectionId: string }): Promise<{ isDown: boolean; runIds: string[] }>;
  /** Keeps a signed audit checkpoint outside the database (RULES D6). */
  keepCheckpoint(line: string): Promise<void>;
}

const EVERY_MS = 5_000;
/** While something is down: who waits for it goes on soon after it is back. */
const WATCH_DOWN_MS = 1_500;
const TIDY_EVERY_MS = 3_600_000;
/** Of one round, for what retention removes; what is left over waits for the next round. */
const PRUNE_WITHIN_MS = 2_000;
const BATCH = 100;
const MAX_ATTEMPTS = 10;
const CHECK_AGAIN = sql`now() - interval '15 seconds'`;

/** RULES S1: the worker role looks every 5 s for what was stored and not done. Returns how to stop it. */
export function startSweeping(deps: SweepDeps): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let tidyAt = 0;
  let pruneAt = 0;
  let current: Promise<void> = Promise.resolve();
  let watching: Promise<void> | null = null;
  let watchTimer: NodeJS.Timeout | undefined;
  // Beside the rest: somebody else's server that answers slowly holds up nothing here.
  const watch = (): void => {
    clearTimeout(watchTimer);
    watching ??= watchConnections(deps)
      .then((isAnyDown) => {
        if (isAnyDown && !isStopped) watchTimer = setTimeout(watch, WATCH_DOWN_MS);
      })
      .catch((error: unknown) => deps.log.error({ part: 'watchConnections', error: errorText(error) }, 'sweep'))
      .finally(() => {
        watching = null;
      });
  };
  let showing: Promise<void> | null = null;
  // Beside the rest too: while Slack is slow, nothing else waits for it.
  const show = (): void => {
    showing ??= sweepParts(deps, SHOWN).finally(() => {
      showing = null;
    });
  };
  const round = async (): Promise<void> => {
    watch();
    show();
    await sweepParts(deps, STARTED);
    if (Date.now() >= tidyAt) {
      tidyAt = Date.now() + TIDY_EVERY_MS;
      await forgetOld(deps).catch((error: unknown) =>
        deps.log.error({ part: 'forgetOld', error: errorText(error) }, 'sweep'),
      );
    }
    if (!isStopped && Date.now() >= pruneAt) pruneAt = Date.now() + ((await pruneOld(deps)) ? 0 : TIDY_EVERY_MS);
    if (!isStopped) timer = setTimeout(next, EVERY_MS);
  };
  const next = (): void => {
    current = round();
  };
  next();
  return async () => {
    isStopped = true;
    clearTimeout(timer);
    await current;
    await watching;
    await showing;
    clearTimeout(watchTimer);
  };
}

/** One round. A part that fails is logged and does not hold up the others. */
export const sweepOnce = (deps: SweepDeps): Promise<void> => sweepParts(deps, { ...STARTED, ...SHOWN });

async function sweepParts(
  deps: SweepDeps,
  parts: Readonly<Record<string, (deps: SweepDeps) => Promise<void>>>,
): Promise<void> {
  for (const [name, part] of Object.entries(parts)) {
    try {
      await part(deps);
    } catch (error) {
      deps.log.error({ part: name, error: errorText(error) }, 'sweep');
    }
  }
}

/** Inbox not started: claims each run by its lease, then starts it; after 10 attempts it is a dead letter. */
async function startStored(deps: SweepDeps): Promise<void> {
  const { db, engine, log } = deps;
  const due = await db.withSystem('find runs that were stored and not started', (tx) =>
    tx
      .select({ orgId: runs.orgId, id: runs.id })
      .from(runs)
      .where(and(eq(runs.status, 'running'), isNull(runs.startedAt), lte(runs.nextStartAt, sql`now()`)))
      .limit(BATCH),
  );
  for (const { orgId, id } of due) {
    const attempts = await db.withOrg(orgId, async (org) => {
      const [row] = await org.tx
        .select({ attempts: runs.startAttempts })
        .from(runs)
        .where(and(eq(runs.orgId, orgId), eq(runs.id, id), isNull(runs.startedAt), lte(runs.nextStartAt, sql`now()`)))
        .for('update', { skipLocked: true });
      if (!row) return null;
      const again = sql`now() + make_interval(secs => ${Math.min(300, 5 * 2 ** row.attempts)})`;
      await updateRun(org, id, { startAttempts: row.attempts + 1, nextStartAt: again as never });
      return row.attempts + 1;
    });
    if (attempts === null) continue;
    if (attempts > MAX_ATTEMPTS) {
      log.error({ orgId, runId: id, alert: true }, 'dead letter: the run could not be started');
      const problem = 'it could not be started after 10 attempts. Ask again.';
      await apart(deps, { orgId, runId: id }, 'give up', () => deps.giveUp({ orgId, runId: id, problem }));
      continue;
    }
    await apart(deps, { orgId, runId: id }, 'start', async () => {
      await engine.start({ orgId, runId: id }, { again: attempts > 1 });
      await db.withOrg(orgId, (org) => updateRun(org, id, { startedAt: new Date() }));
      log.info({ orgId, runId: id }, 'started by the sweeper');
    });
  }
}

async function signalDecided(deps: SweepDeps): Promise<void> {
  const waiting = await deps.db.withSystem('find decisions that were not signalled', (tx) =>
    tx
      .select({ orgId: approvals.orgId, id: approvals.id })
      .from(approvals)
      .where(
        and(
          ne(approvals.status, 'pending'),
          isNull(approvals.signalledAt),
          lte(approvals.decidedAt, sql`now() - interval '2 seconds'`),
        ),
      )
      .orderBy(asc(approvals.signalAttempts), asc(approvals.decidedAt))
      .limit(BATCH),
  );
  for (const { orgId, id } of waiting) await wakeWaiting(deps, orgId, id);
}

async function repeatStops(deps: SweepDeps): Promise<void> {
  const { db, engine } = deps;
  const stopping = await db.withSystem('find stops that Temporal may not have heard', (tx) =>
    tx
      .select({ orgId: runs.orgId, id: runs.id })
      .from(runs)
      .where(and(isStopPending, lte(runs.stopRequestedAt, sql`now() - interval '3 seconds'`)))
      .limit(BATCH),
  );
  for (const { orgId, id } of stopping)
    await apart(deps, { orgId, runId: id }, 'cancel', () => engine.cancel({ orgId, runId: id }));
}

/** Active here, but closed, unknown or failing there. Restarting is safe: turns and effects are keyed. */
async function checkActive(deps: SweepDeps): Promise<void> {
  const { db, engine, log } = deps;
  const active = await db.withSystem('find runs to compare with Temporal', (tx) =>
    tx
      .select({ orgId: runs.orgId, id: runs.id })
      .from(runs)
      .where(
        and(
          inArray(runs.status, ['running', 'waiting']),
          isNotNull(runs.startedAt),
          lte(runs.startedAt, CHECK_AGAIN),
          sql`coalesce(${runs.checkedAt}, 'epoch') < ${CHECK_AGAIN}`,
        ),
      )
      .limit(BATCH),
  );
  for (const run of active)
    await apart(deps, { orgId: run.orgId, runId: run.id }, 'compare with Temporal', () => compare(run));

  async function compare({ orgId, id }: { orgId: string; id: string }): Promise<void> {
    const found = await engine.look({ orgId, runId: id });
    if (found.state === 'gone') await restart(deps, orgId, id);
    await db.withOrg(orgId, (org) =>
      updateRun(org, id, {
        checkedAt: new Date(),
        ...(found.state === 'failing' ? { statusText: `Failing: ${found.why}`.slice(0, 300) } : {}),
      }),
    );
    if (found.state === 'failing')
      log.error({ orgId, runId: id, why: found.why, alert: true }, 'workflow task keeps failing');
  }
}

async function restart({ db, engine, log, giveUp }: SweepDeps, orgId: string, runId: string): Promise<void> {
  const attempts = await db.withOrg(orgId, async (org) => {
    const run = await lockRun(org, runId);
    // It may have ended between the look and now.
    if (!run || run.endedAt) return null;
    await updateRun(org, runId, { startAttempts: run.startAttempts + 1 });
    return run.startAttempts + 1;
  });
  if (attempts === null) return;
  if (attempts > MAX_ATTEMPTS) {
    log.error({ orgId, runId, alert: true }, 'dead letter: the run ends each time it is restarted');
    return giveUp({ orgId, runId, problem: 'its workflow ended 10 times without an answer. Ask again.' });
  }
  log.warn({ orgId, runId, attempts }, 'restarted: active here, but Temporal does not have it');
  await engine.start({ orgId, runId }, { again: true });
}

/** Answers nobody took, and idempotency keys past their 24 hours. */
async function forgetOld({ db }: SweepDeps): Promise<void> {
  const all = await db.withSystem('find orgs to tidy up', (tx) => tx.select({ id: orgs.id }).from(orgs));
  for (const { id } of all)
    await db.withOrg(id, async (org) => {
      await org.tx
        .delete(answers)
        .where(and(eq(answers.orgId, id), sql`${answers.createdAt} < now() - interval '1 hour'`));
      await org.tx
        .delete(idempotencyKeys)
        .where(and(eq(idempotencyKeys.orgId, id), sql`${idempotencyKeys.createdAt} < now() - interval '24 hours'`));
    });
}

/** What each org no longer keeps. True: there is more. */
async function pruneOld({ db, log }: SweepDeps): Promise<boolean> {
  try {
    const { counts, isMore, unreadable } = await prune(db, { withinMs: PRUNE_WITHIN_MS });
    if (Object.keys(counts).length > 0) log.info({ counts, isMore }, 'retention: removed what is no longer kept');
    for (const orgId of unreadable)
      log.error({ orgId, alert: true }, "the organisation's settings cannot be read; nothing of it is removed");
    return isMore;
  } catch (error) {
    log.error({ part: 'prune', error: errorText(error) }, 'sweep');
    return false;
  }
}

async function signAudits({ db, keys, keepCheckpoint }: SweepDeps): Promise<void> {
  const all = await db.withSystem('find orgs to sign audits for', (tx) => tx.select({ id: orgs.id }).from(orgs));
  for (const { id } of all) {
    const line = await db.withOrg(id, (org) => checkpointAudit(org, keys));
    if (line) await keepCheckpoint(line);
  }
}

/** What a round does in its time. */
const STARTED = { startStored, signalDecided, repeatStops, checkActive, signAudits };
