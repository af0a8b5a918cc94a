import { and, eq } from 'drizzle-orm';
import type { Logger } from 'pino';
import { errorText } from '#core/errors.ts';
import { actorText, can, inScope, type Actor } from '#core/roles.ts';
import { readApproval } from '#db/approvals.ts';
import { requestersOf } from '#db/approvers.ts';
import { audit } from '#db/audit.ts';
import type { Database, Org } from '#db/client.ts';
import { readEffect, resolveEffect as recordResolution } from '#db/effects.ts';
import { notify } from '#db/notify.ts';
import { isOnePersonOrg, readOrg } from '#db/orgs.ts';
import { readRun } from '#db/runs.ts';
import { members } from '#db/schema/index.ts';
import type { Engine } from './engine.ts';
import type { Resolved } from './types.ts';

/** RULES E6: the people who could have approved an effect say whether it was sent. */
export function createResolveEffect({ db, engine, log }: { db: Database; engine: Engine; log: Logger }) {
  return async (
    actor: Actor,
    effectId: string,
    answer: { outcome: 'sent' | 'not_sent'; externalId?: string },
  ): Promise<Resolved> => {
    const { resolved, runId } = await db.withOrg(actor.orgId, (org) => resolveWithin(org, actor, effectId, answer));
    if (resolved.kind === 'resolved' && runId) {
      try {
        await engine.wake({ orgId: actor.orgId, runId });
      } catch (error) {
        // The run looks again by itself within a minute.
        log.warn({ effectId, error: errorText(error) }, 'resolved but not signalled');
      }
    }
    return resolved;
  };
}

async function resolveWithin(
  org: Org,
  actor: Actor,
  effectId: string,
  { outcome, externalId }: { outcome: 'sent' | 'not_sent'; externalId?: string },
): Promise<{ resolved: Resolved; runId?: string }> {
  const effect = await readEffect(org, effectId);
  const run = effect && (await readRun(org, effect.runId));
  if (!effect || !run)
    return { resolved: { kind: 'not_found', text: 'There is no such effect, or you may not see it.' } };
  const [member] = await org.tx
    .select()
    .from(members)
    .where(and(eq(members.orgId, org.id), eq(members.id, actor.memberId)));
  const approval = effect.approvalId ? await readApproval(org, effect.approvalId) : undefined;
  const policy = approval?.policy ?? (await policyNow(org));
  const isNamed =
    member?.status === 'active' && (policy.members.includes(member.id) || policy.roles.includes(member.role));
  if (!inScope(actor, 'effect.resolve'))
    return {
      resolved: { kind: 'forbidden', text: 'This API key may not decide. Use one with full or decide scope.' },
    };
  if (!isNamed || !member || !can(member.role, 'effect.resolve'))
    return {
      resolved: {
        kind: 'forbidden',
        text: 'Only someone who could have approved this may answer. Ask an owner or admin.',
      },
    };
  const askers = approval ? await requestersOf(org, approval) : new Set([run.requestedBy]);
  const why = mayNotAnswer(askers, actor);
  if (why && !(await isOnePersonOrg(org))) return { resolved: { kind: 'forbidden', text: why } };
  const recorded = await recordResolution(org, effectId, {
    resolution: outcome,
    resolvedBy: actor.memberId,
    ...(externalId === undefined ? {} : { externalId }),
  });
  if (!recorded)
    return {
      resolved: {
        kind: 'already',
        text: `This was settled already (${(await readEffect(org, effectId))?.state ?? effect.state}).`,
      },
    };
  await notify(org, { threadId: run.threadId, runId: run.id });
  await audit(org, {
    actor: actorText(actor),
    action: 'effect.resolved',
    target: { type: 'effect', id: effectId },
    details: { outcome, payloadSha256: effect.payloadSha256 },
  });
  return { resolved: { kind: 'resolved' }, runId: run.id };
}

/** As for approvals (RULES A3): neither those who asked or edited, nor a key of theirs in another's name. */
function mayNotAnswer(askers: ReadonlySet<string>, { memberId, apiKey }: Actor): string | null {
  if (askers.has(memberId)) return 'You asked for this, so someone else has to answer. Ask an owner or admin.';
  if (apiKey && askers.has(apiKey.createdBy))
    return 'This API key was made by the person who asked, so it may not answer.';
  return null;
}

async function policyNow(org: Org): Promise<{ roles: readonly string[]; members: readonly string[] }> {
  const { policy } = await readOrg(org);
  return { roles: policy.approverRoles, members: policy.approverMembers };
}
