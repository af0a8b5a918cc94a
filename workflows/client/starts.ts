import type { Logger } from 'pino';
import { errorText } from '#core/errors.ts';
import type { Database } from '#db/client.ts';
import { updateRun } from '#db/runs.ts';
import type { RunRef } from '#workflows/names.ts';
import type { Engine } from './engine.ts';

/** Under a burst the rest waits its turn, so that storing and acknowledging stay quick. */
const AT_ONCE = 2;
const DRAIN_MS = 3_000;

/** Starts the workflows of stored runs, beside whoever stored them. */
export interface Starts {
  /** Returns at once. What fails, or is cut off, the sweeper starts (RULES I4, S1). */
  begin(run: RunRef): void;
  /** Begins no more and waits for what is under way, at most 3 s. */
  drain(): Promise<void>;
}

export function createStarts({ db, engine, log }: { db: Database; engine: Engine; log: Logger }): Starts {
  const waiting: RunRef[] = [];
  const underWay = new Set<Promise<void>>();
  let isOver = false;

  const next = (): void => {
    const run = !isOver && underWay.size < AT_ONCE ? waiting.shift() : undefined;
    if (!run) return;
    const starting = start(run).finally(() => {
      underWay.delete(starting);
      next();
    });
    underWay.add(starting);
  };

  async function start({ orgId, runId }: RunRef): Promise<void> {
    try {
      await engine.start({ orgId, runId });
      await db.withOrg(orgId, (org) => updateRun(org, runId, { startedAt: new Date() }));
    } catch (error) {
      log.warn({ orgId, runId, error: errorText(error) }, 'stored but not started; it will be started by the sweeper');
    }
  }

  return {
    begin: (run) => {
      waiting.push(run);
      next();
    },
    drain: async () => {
      isOver = true;
      let timer: NodeJS.Timeout | undefined;
      const tooLong = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, DRAIN_MS);
      });
      await Promise.race([Promise.all(underWay), tooLong]);
      clearTimeout(timer);
    },
  };
}
