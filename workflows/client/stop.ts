import { sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import { errorText } from '#core/errors.ts';
import { can, type Actor } from '#core/roles.ts';
import { cancelApprovalsOf } from '#db/approvals.ts';
import { audit } from '#db/audit.ts';
import type { Database } from '#db/client.ts';
import { notify } from '#db/notify.ts';
import { lockRun, updateRun } from '#db/runs.ts';
import { runs } from '#db/schema/index.ts';
import type { Engine } from './engine.ts';
import type { Stopped } from './types.ts';

/** RULES R5: the stop is written first, with its approvals cancelled; then the workflow is told. */
export function createStop({ db, engine, log }: { db: Database; engine: Engine; log: Logger }) {
  return async (actor: Actor, runId: string): Promise<Stopped> => {
    const stopped = await db.withOrg(actor.orgId, async (org): Promise<Stopped> => {
      const run = await lockRun(org, runId);
      const isOwn = run?.requestedBy === actor.memberId;
      if (!run || (!isOwn && !can(actor.role, 'run.readAll'))) return { kind: 'not_found', text: 'There is no such run, or you may not see it.' };
      if (!can(actor.role, isOwn ? 'run.stop' : 'run.stopAll')) return { kind: 'forbidden', text: `Your role (${actor.role}) may not stop this.` };
      if (run.status !== 'running' && run.status !== 'waiting') return { kind: 'ended', status: run.status };
      if (run.stopRequestedAt) return { kind: 'stopping' };
      await updateRun(org, runId, { stopRequestedAt: sql`now()` as never, stopRequestedBy: actor.memberId, statusText: 'Stopping' });
      const cancelled = await cancelApprovalsOf(org, runId);
      await notify(org, { runId, threadId: run.threadId });
      await audit(org, {
        actor: `member:${actor.memberId}`,
        action: 'run.stop',
        target: { type: 'run', id: runId },
        details: { cancelledApprovals: cancelled },
      });
      return { kind: 'stopping' };
    });
    if (stopped.kind === 'stopping') {
      try {
        await engine.cancel({ orgId: actor.orgId, runId });
      } catch (error) {
        log.warn({ runId, error: errorText(error) }, 'stop is stored but Temporal did not hear it; the sweeper repeats it');
      }
    }
    return stopped;
  };
}

/** Runs whose stop Temporal may not have heard. */
export const isStopPending = sql`${runs.stopRequestedAt} is not null and ${runs.status} in ('running', 'waiting')`;
