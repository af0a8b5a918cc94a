import { and, eq } from 'drizzle-orm';
import type { Logger } from 'pino';
import type { Inbound } from '#core/chat.ts';
import { newId } from '#core/ids.ts';
import { RUN_LIMITS } from '#core/limits.ts';
import { can, type Actor } from '#core/roles.ts';
import { cut, isStorable } from '#core/text.ts';
import { countActiveRuns } from '#db/active-runs.ts';
import { audit } from '#db/audit.ts';
import type { Database, Org } from '#db/client.ts';
import { notify } from '#db/notify.ts';
import { activeRunsIn } from '#db/runs.ts';
import { identities, inboundEvents, members, messages, runs, tenants } from '#db/schema/index.ts';
import { addMessage, findThreadAt, nextInThread, openThread } from '#db/threads.ts';
import type { Engine } from './engine.ts';
import type { Starts } from './starts.ts';
import { auditStop, tellStop, writeStop } from './stop.ts';
import type { ReceiveOptions, Received } from './types.ts';

const LEASE_MS = 5_000;
const STOP_WORDS = /^(stop|cancel|halt|abort)[.!]?$/i;

const REFUSALS = {
  unknown_tenant: 'This workspace is not connected to Abetworks yet. Ask an admin to connect it.',
  bot: 'I answer people only.',
  guest: 'Guests cannot ask me to act here. Ask a member of the workspace.',
  unlinked: 'I do not know you yet. Ask an admin to invite you, then link your account.',
  deactivated: 'Your access was switched off. Ask an admin.',
  role: 'Your role only lets you read. Ask an admin for the member role.',
  busy: 'You had as many requests under way as your organisation allows at once. Send it again when one has ended.',
  text: `I can read requests of 1 to ${RUN_LIMITS.textLength} characters of valid text. Shorten it and send it again.`,
} as const;

type Refusal = keyof typeof REFUSALS;
type Found = { refused: Refusal; orgId: string | null } | { actor: Actor };

/** RULES I1–I4: one transaction stores everything; whoever sent it can be told at once, and the workflow is started beside that. */
export function createReceive(deps: { db: Database; engine: Engine; log: Logger; starts: Pick<Starts, 'begin'> }) {
  const { db, starts } = deps;
  return async (inbound: Inbound, options: ReceiveOptions = {}): Promise<Received> => {
    const found = await findSender(db, inbound);
    if ('refused' in found) return refuse(db, inbound, found);
    const { actor } = found;
    const { orgId } = actor;
    const toStop = !options.given && STOP_WORDS.test(inbound.text.trim()) ? await runsToStop(db, actor, inbound) : [];
    const stored = await db.withOrg(orgId, (org) => store(org, actor, inbound, { toStop, ...options }));
    if (stored.kind === 'command' && !stored.isReplay) for (const runId of toStop) await tellStop(deps, orgId, runId);
    if (stored.kind === 'run' && !stored.isReplay) starts.begin({ orgId, runId: stored.runId });
    return stored;
  };
}

/** Tenant → org and sender → member, by our tables only (RULES I3). */
async function findSender(db: Database, { where, sender, text }: Inbound): Promise<Found> {
  return db.withSystem('find the org and member of a platform event', async (tx): Promise<Found> => {
    const [found] = await tx
      .select({ orgId: tenants.orgId, member: { id: members.id, role: members.role, status: members.status } })
      .from(tenants)
      .leftJoin(
        identities,
        and(
          eq(identities.orgId, tenants.orgId),
          eq(identities.platform, tenants.platform),
          eq(identities.tenant, tenants.tenant),
          eq(identities.externalId, sender.id),
        ),
      )
      .leftJoin(members, and(eq(members.orgId, identities.orgId), eq(members.id, identities.memberId)))
      .where(and(eq(tenants.platform, where.platform), eq(tenants.tenant, where.tenant)));
    if (!found) return { refused: 'unknown_tenant', orgId: null };
    const { orgId, member } = found;
    if (sender.isBot) return { refused: 'bot', orgId };
    if (sender.isGuest) return { refused: 'guest', orgId };
    if (!member) return { refused: 'unlinked', orgId };
    if (member.status !== 'active') return { refused: 'deactivated', orgId };
    if (!can(member.role, 'request.create')) return { refused: 'role', orgId };
    const length = text.trim().length;
    if (length === 0 || length > RUN_LIMITS.textLength || !isStorable(text)) return { refused: 'text', orgId };
    return { actor: { orgId, memberId: member.id, role: member.role } };
  });
}

const eventOf = ({ where, sender, sourceKey }: Inbound) => ({
  platform: where.platform,
  tenant: where.tenant,
  sourceKey,
  senderId: sender.id,
});

async function refuse(
  db: Database,
  inbound: Inbound,
  { refused, orgId }: { refused: Refusal; orgId: string | null },
): Promise<Received> {
  const row = { ...eventOf(inbound), orgId, outcome: 'refused' as const, reason: refused };
  const added = orgId
    ? await db.withOrg(orgId, (org) =>
        org.tx.insert(inboundEvents).values(row).onConflictDoNothing().returning({ id: inboundEvents.id }),
      )
    : await db.withSystem('remember an event of an unknown tenant', (tx) =>
        tx.insert(inboundEvents).values(row).onConflictDoNothing().returning({ id: inboundEvents.id }),
      );
  return { kind: 'refused', text: REFUSALS[refused], isReplay: added.length === 0 };
}

async function runsToStop(db: Database, actor: Actor, { where }: Inbound): Promise<string[]> {
  return db.withOrg(actor.orgId, async (org) => {
    const thread = await findThreadAt(org, where);
    const active = thread ? await activeRunsIn(org, thread.id) : [];
    return active
      .filter((run) => run.requestedBy === actor.memberId || can(actor.role, 'run.stopAll'))
      .map((run) => run.id);
  });
}

async function store(
  org: Org,
  actor: Actor,
  inbound: Inbound,
  { toStop, given }: ReceiveOptions & { toStop: readonly string[] },
): Promise<Received> {
  const isStop = toStop.length > 0;
  const eventId = newId();
  const runId = newId();
  const added = await org.tx
    .insert(inboundEvents)
    .values({
      ...eventOf(inbound),
      id: eventId,
      orgId: org.id,
      outcome: isStop ? 'command' : 'run',
      runId: isStop ? null : runId,
    })
    .onConflictDoNothing()
    .returning({ id: inboundEvents.id });
  if (added.length === 0) return replayOf(org, inbound);
  const busy = isStop ? null : await whyBusy(org, actor);
  if (busy !== null) {
    await org.tx
      .update(inboundEvents)
      .set({ outcome: 'refused', reason: 'busy' satisfies Refusal, runId: null })
      .where(and(eq(inboundEvents.orgId, org.id), eq(inboundEvents.id, eventId)));
    return { kind: 'refused', text: busy, isReplay: false, isBusy: true };
  }
  const stops = [];
  for (const runId of toStop) stops.push(await writeStop(org, actor, runId));
  const text = inbound.text.trim();
  const thread = await openThread(org, inbound.where, {
    title: cut(text.replaceAll(/\s+/g, ' '), 80),
    createdBy: actor.memberId,
  });
  const said = { role: 'user', text, memberId: actor.memberId } as const;
  if (isStop) {
    await addMessage(org, thread.id, said);
    await notify(org, { threadId: thread.id });
    for (const stop of stops) await auditStop(org, actor, stop);
    return { kind: 'command', threadId: thread.id, text: 'Stopping.', isReplay: false };
  }
  const { seq, number } = await nextInThread(org, thread.id);
  const messageId = newId();
  // Sent together, and run in this order.
  await Promise.all([
    org.tx.insert(messages).values({ ...said, id: messageId, orgId: org.id, threadId: thread.id, seq, runId }),
    org.tx.insert(runs).values({
      id: runId,
      orgId: org.id,
      threadId: thread.id,
      messageId,
      number,
      seq,
      requestedBy: actor.memberId,
      againOf: inbound.againOf ?? null,
      statusText: 'Starting',
      ...(given ? { given } : {}),
      // The sweeper leaves it alone this long: the usual start is under way.
      nextStartAt: new Date(Date.now() + LEASE_MS),
    }),
    notify(org, { threadId: thread.id }),
  ]);
  await audit(org, {
    actor: `member:${actor.memberId}`,
    action: 'run.requested',
    target: { type: 'run', id: runId },
    details: {
      threadId: thread.id,
      platform: inbound.where.platform,
      ...(inbound.againOf !== undefined && { againOf: inbound.againOf }),
    },
  });
  return { kind: 'run', runId, threadId: thread.id, isReplay: false };
}

/** The org's cap on requests of one member under way, in a sentence when it is reached. */
async function whyBusy(org: Org, { memberId }: Actor): Promise<string | null> {
  const { active, most } = await countActiveRuns(org, memberId);
  if (active < most) return null;
  return `You have ${active} requests under way, the most that your organisation allows at once. Wait for one to end, or stop one under Runs; an admin can raise the limit under Settings.`;
}

async function replayOf(org: Org, inbound: Inbound): Promise<Received> {
  const { platform, tenant, sourceKey } = eventOf(inbound);
  const [event] = await org.tx
    .select()
    .from(inboundEvents)
    .where(
      and(
        eq(inboundEvents.orgId, org.id),
        eq(inboundEvents.platform, platform),
        eq(inboundEvents.tenant, tenant),
        eq(inboundEvents.sourceKey, sourceKey),
      ),
    );
  // An event that came before its tenant was connected belongs to no org, and stays refused.
  if (!event) return { kind: 'refused', text: REFUSALS.unknown_tenant, isReplay: true };
  if (event.outcome === 'refused')
    return { kind: 'refused', text: REFUSALS[(event.reason ?? 'text') as Refusal], isReplay: true };
  const thread = await findThreadAt(org, inbound.where);
  if (event.runId) return { kind: 'run', runId: event.runId, threadId: thread?.id ?? '', isReplay: true };
  return { kind: 'command', threadId: thread?.id ?? '', text: 'Stopping.', isReplay: true };
}
