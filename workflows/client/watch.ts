import { and, asc, eq, lte, sql } from 'drizzle-orm';
import { errorText } from '#core/errors.ts';
import { connections } from '#db/schema/index.ts';
import type { SweepDeps } from './sweep.ts';

const BATCH = 200;
/** A connection that is down takes its 5 s twice: the others do not wait for it. */
const AT_ONCE = 8;

/** Looks at the connections whose check is due, and wakes the runs that may go on. One look at a time of each, by its lease. True: one is down. */
export async function watchConnections({ db, engine, log, checkHealth }: SweepDeps): Promise<boolean> {
  let isAnyDown = false;
  const due = await db.withSystem('find connections whose health is to be looked at', (tx) =>
    tx
      .select({ orgId: connections.orgId, connectionId: connections.id })
      .from(connections)
      .where(and(eq(connections.status, 'active'), lte(connections.nextCheckAt, sql`now()`)))
      .orderBy(asc(connections.nextCheckAt))
      .limit(BATCH),
  );
  const lane = async (): Promise<void> => {
    for (let one = due.shift(); one; one = due.shift()) {
      try {
        const { isDown, runIds } = await checkHealth(one);
        isAnyDown ||= isDown;
        for (const runId of runIds) await engine.wake({ orgId: one.orgId, runId });
      } catch (error) {
        log.warn({ ...one, error: errorText(error) }, 'a connection could not be looked at; the next round will');
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return isAnyDown;
}
