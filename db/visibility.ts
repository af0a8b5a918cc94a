import { eq, or, sql, type SQL } from 'drizzle-orm';
import { can, type Actor } from '#core/roles.ts';
import { approvals, effects } from './schema/approvals.ts';
import { threads } from './schema/chat.ts';
import { runs } from './schema/runs.ts';

// What an actor sees of their org (RULES D2): undefined is everything. Every list and every look-up by id goes through these.

export const seesRuns = (actor: Actor): SQL | undefined =>
  can(actor.role, 'run.readAll') ? undefined : eq(runs.requestedBy, actor.memberId);

export const seesThreads = (actor: Actor): SQL | undefined =>
  can(actor.role, 'run.readAll') ? undefined : eq(threads.createdBy, actor.memberId);

/** The approval's own snapshot names the actor or their role (RULES A3); the requester and expiry are left to decide(). */
const mayDecide = (actor: Actor): SQL =>
  can(actor.role, 'approval.decide')
    ? sql`(${approvals.policy} -> 'roles' ? ${actor.role}::text or ${approvals.policy} -> 'members' ? ${actor.memberId}::text)`
    : sql`false`;

export const seesApprovals = (actor: Actor): SQL | undefined =>
  can(actor.role, 'approval.readAll') ? undefined : or(eq(approvals.requestedBy, actor.memberId), mayDecide(actor));

/** Own runs' effects, and those the actor could have approved: they are asked when one is ambiguous (RULES E6). Needs `runs` joined. */
export const seesEffects = (actor: Actor): SQL | undefined =>
  can(actor.role, 'effect.readAll')
    ? undefined
    : or(
        eq(runs.requestedBy, actor.memberId),
        sql`exists (select 1 from ${approvals} where ${approvals.orgId} = ${effects.orgId} and ${approvals.id} = ${effects.approvalId} and ${mayDecide(actor)})`,
      );

/** Somebody else's direct message: an admin sees that it is there, not what it says (RULES D3). Needs `threads` joined. */
export const isOthersDirect = (actor: Actor): SQL<boolean> =>
  sql<boolean>`(${threads.createdBy} <> ${actor.memberId} and ((${threads.platform} = 'slack' and ${threads.channel} like 'D%') or (${threads.platform} = 'discord' and ${threads.tenant} = '@me')))`;
