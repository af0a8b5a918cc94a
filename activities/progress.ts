import { setTimeout as pause } from 'node:timers/promises';
import type { Platform } from '#core/chat.ts';
import { errorText } from '#core/errors.ts';
import { readProgress } from '#db/progress.ts';
import type { ActivityDeps } from './deps.ts';

/** A run, and where people wait for it; left out: it is looked up. */
export interface Watched {
  orgId: string;
  runId: string;
  platform?: Platform;
}

/** A model may think for minutes without anything new to store. */
const SHOW_EVERY_MS = 5_000;
/** What a platform does not take in this time it takes later: the work goes on. */
const WAIT_MS = 1_000;

export type Progress = ReturnType<typeof createProgress>;

/**
 * Shows how a run stands where people wait for it, from what is stored, on platforms that can show it; for the others nothing is asked. It never
 * fails and holds nothing up: what was not shown now is shown with what comes next, or by the sweeper.
 */
export function createProgress(
  { db, chat, log }: Pick<ActivityDeps, 'db' | 'chat' | 'log'>,
  { everyMs = SHOW_EVERY_MS }: { everyMs?: number } = {},
) {
  /** One at a time for each run; `isWanted`: once more when that one has ended, since something new was stored. */
  const showing = new Map<string, { isWanted: boolean; ended: Promise<void> }>();

  const canShow = ({ platform }: Watched): boolean =>
    platform ? chat[platform]?.show !== undefined : Object.values(chat).some((out) => out.show !== undefined);

  function start({ orgId, runId }: Watched): Promise<void> {
    const current = showing.get(runId);
    if (current) {
      current.isWanted = true;
      return current.ended;
    }
    const entry = { isWanted: true, ended: Promise.resolve() };
    showing.set(runId, entry);
    entry.ended = showWanted();
    return entry.ended;

    async function showWanted(): Promise<void> {
      while (entry.isWanted) {
        entry.isWanted = false;
        try {
          const progress = await db.withOrg(orgId, (org) => readProgress(org, runId));
          if (progress) await chat[progress.where.platform]?.show?.(orgId, progress);
        } catch (error) {
          log.warn({ orgId, runId, error: errorText(error) }, 'progress was not shown');
        }
      }
      showing.delete(runId);
    }
  }

  return {
    /** Call it after the commit of what is new. Ends when that is shown, or after a second. */
    show: async (run: Watched): Promise<void> => {
      if (!canShow(run)) return;
      await Promise.race([start(run), pause(WAIT_MS, undefined, { ref: false })]);
    },

    /** Shows the run while `fn` works for it: at its start, now and then, and at its end. `fn` waits for none of that. */
    whileWorking: async <T>(run: Watched, fn: () => Promise<T>): Promise<T> => {
      if (!canShow(run)) return fn();
      void start(run);
      const timer = setInterval(() => void start(run), everyMs);
      try {
        return await fn();
      } finally {
        clearInterval(timer);
        void start(run);
      }
    },
  };
}
