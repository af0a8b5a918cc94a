import type { Logger } from 'pino';
import type { ThreadRef } from '#core/chat.ts';
import { can, type Actor } from '#core/roles.ts';
import type { Database, Org } from '#db/client.ts';
import { claimEvent } from '#db/inbox.ts';
import { activeRunsIn } from '#db/runs.ts';
import { findThreadAt } from '#db/threads.ts';
import type { Engine } from './engine.ts';
import { auditStop, tellStop, writeStop } from './stop.ts';
import type { NoteInput } from './types.ts';

/**
 * A platform's own Stop button: what is under way in a thread and may be stopped by this person is, with the delivery in the same transaction, so that a
 * late replay stops nothing that was asked since.
 */
export const createStopThread =
  (deps: { db: Database; engine: Engine; log: Logger }) =>
  async (actor: Actor, where: ThreadRef, { signature, ...event }: NoteInput): Promise<{ stopped: string[] }> => {
    const { orgId } = actor;
    const stopped = await deps.db.withOrg(orgId, async (org) => {
      if (!(await claimEvent(org.tx, { ...event, orgId }, { signature }))) return [];
      const written = [];
      for (const runId of await stoppableIn(org, actor, where)) written.push(await writeStop(org, actor, runId));
      for (const stop of written) await auditStop(org, actor, stop);
      return written.filter(({ stopped }) => stopped.kind === 'stopping').map(({ runId }) => runId);
    });
    // Nobody waits for it: what Temporal does not hear, the sweeper repeats.
    for (const runId of stopped) void tellStop(deps, orgId, runId);
    return { stopped };
  };

/** The runs under way in a thread that this person may stop. */
export async function stoppableIn(org: Org, actor: Actor, where: ThreadRef): Promise<string[]> {
  const thread = await findThreadAt(org, where);
  const active = thread ? await activeRunsIn(org, thread.id) : [];
  return active
    .filter((run) => run.requestedBy === actor.memberId || can(actor.role, 'run.stopAll'))
    .map((run) => run.id);
}
