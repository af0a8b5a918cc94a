import { sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import { errorText } from '#core/errors.ts';
import { actorText, may, type Actor } from '#core/roles.ts';
import { cancelApprovalsOf } from '#db/approvals.ts';
import { audit } from '#db/audit.ts';
import type { Database, Org } from '#db/client.ts';
import { notify } from '#db/notify.ts';
import { lockRun, updateRun } from '#db/runs.ts';
import { runs } from '#db/schema/index.ts';
import type { Engine } from './engine.ts';
import type { Stopped } from './types.ts';

/** RULES R5: the stop is written first, with its approvals cancelled; then the workflow is told. */
export function createStop(deps: { db: Database; engine: Engine; log: Logger }) {
  return async (actor: Actor, runId: string): Promise<Stopped> => {
    const stopped = await deps.db.withOrg(actor.orgId, async (org) => {
      const written = await writeStop(org, actor, runId);
      await auditStop(org, actor, written);
      return written.stopped;
    });
    if (stopped.kind === 'stopping') await tellStop(deps, actor.orgId, runId);
    return stopped;
  };
}

interface Written {
  runId: string;
  stopped: Stopped;
  /** Null: nothing was written, so there is nothing to audit. */
  cancelledApprovals: string[] | null;
}

/** The stop's rows, within the caller's transaction. `auditStop` comes last in it (RULES D6), `tellStop` after its commit. */
export async function writeStop(org: Org, actor: Actor, runId: string): Promise<Written> {
  const no = (stopped: Stopped): Written => ({ runId, stopped, cancelledApprovals: null });
  const run = await lockRun(org, runId);
  const isOwn = run?.requestedBy === actor.memberId;
  if (!run || (!isOwn && !may(actor, 'run.readAll')))
    return no({ kind: 'not_found', text: 'There is no such run, or you may not see it.' });
  if (!may(actor, isOwn ? 'run.stop' : 'run.stopAll'))
    return no({ kind: 'forbidden', text: `Your role (${actor.role}) may not stop this.` });
  if (run.status !== 'running' && run.status !== 'waiting') return no({ kind: 'ended', status: run.status });
  if (run.stopRequestedAt) return no({ kind: 'stopping' });
  await updateRun(org, runId, {
    stopRequestedAt: sql`now()` as never,
    stopRequestedBy: actor.memberId,
    statusText: 'Stopping',
  });
  const cancelledApprovals = await cancelApprovalsOf(org, runId);
  await notify(org, { runId, threadId: run.threadId });
  return { runId, stopped: { kind: 'stopping' }, cancelledApprovals };
}

export async function auditStop(org: Org, actor: Actor, { runId, cancelledApprovals }: Written): Promise<void> {
  if (!cancelledApprovals) return;
  await audit(org, {
    actor: actorText(actor),
    action: 'run.stop',
    target: { type: 'run', id: runId },
    details: { cancelledApprovals },
  });
}

export async function tellStop(
  { engine, log }: { engine: Engine; log: Logger },
  orgId: string,
  runId: string,
): Promise<void> {
  try {
    await engine.cancel({ orgId, runId });
  } catch (error) {
    log.warn({ runId, error: errorText(error) }, 'stop is stored but Temporal did not hear it; the sweeper repeats it');
  }
}

/** Runs whose stop Temporal may not have heard. */
export const isStopPending = sql`${runs.stopRequestedAt} is not null and ${runs.status} in ('running', 'waiting')`;
