import { eq, or, sql, type SQL } from 'drizzle-orm';
import { may, type Actor } from '#core/roles.ts';
import { approvals, effects } from './schema/approvals.ts';
import { threads } from './schema/chat.ts';
import { runs } from './schema/runs.ts';

// What an actor sees of their org (RULES D2): undefined is everything. Every list and every look-up by id goes through these.

export const seesRuns = (actor: Actor): SQL | undefined =>
  may(actor, 'run.readAll') ? undefined : eq(runs.requestedBy, actor.memberId);

export const seesThreads = (actor: Actor): SQL | undefined =>
  may(actor, 'run.readAll') ? undefined : eq(threads.createdBy, actor.memberId);

/** The approval's own snapshot names the actor or their role (RULES A3); the requester and expiry are left to decide(). */
const mayDecide = (actor: Actor): SQL =>
  may(actor, 'approval.decide')
    ? sql`(${approvals.policy} -> 'roles' ? ${actor.role}::text or ${approvals.policy} -> 'members' ? ${actor.memberId}::text)`
    : sql`false`;

export const seesApprovals = (actor: Actor): SQL | undefined => oneOf(approvalWays(actor));

/** Own runs' effects, and those the actor could have approved: they are asked when one is ambiguous (RULES E6). */
export const seesEffects = (actor: Actor): SQL | undefined => oneOf(effectWays(actor));

/** Why an actor sees an approval, a way each; a list asks way by way, since no index serves them together. Undefined is everything. */
export const approvalWays = (actor: Actor): (SQL | undefined)[] =>
  may(actor, 'approval.readAll')
    ? [undefined]
    : [eq(approvals.requestedBy, actor.memberId), sql`(${approvals.forMembers} and ${mayDecide(actor)})`];

export const effectWays = (actor: Actor): (SQL | undefined)[] =>
  may(actor, 'effect.readAll')
    ? [undefined]
    : [
        eq(effects.requestedBy, actor.memberId),
        sql`exists (select 1 from ${approvals} where ${approvals.orgId} = ${effects.orgId} and ${approvals.id} = ${effects.approvalId} and ${approvals.forMembers} and ${mayDecide(actor)})`,
      ];

const oneOf = (ways: (SQL | undefined)[]): SQL | undefined => (ways.includes(undefined) ? undefined : or(...ways));

/**
 * Somebody else's private conversation with the assistant: a direct message, or a thread of the web chat (not of the API: `channel` tells). An admin sees that it is there and
 * what was done in it, not what was said (RULES D3). Needs `threads` joined.
 */
export const isOthersDirect = (actor: Actor): SQL<boolean> =>
  sql<boolean>`(${threads.createdBy} <> ${actor.memberId} and ((${threads.platform} = 'web' and ${threads.channel} = 'web') or (${threads.platform} = 'slack' and ${threads.isDirect}) or (${threads.platform} = 'discord' and ${threads.tenant} = '@me')))`;
