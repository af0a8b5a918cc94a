import { and, eq } from 'drizzle-orm';
import type { Logger } from 'pino';
import type { Inbound } from '#core/chat.ts';
import { newId } from '#core/ids.ts';
import type { Actor } from '#core/roles.ts';
import { cut } from '#core/text.ts';
import { countActiveRuns } from '#db/active-runs.ts';
import { addAttachments } from '#db/attachments.ts';
import { audit } from '#db/audit.ts';
import type { Database, Org } from '#db/client.ts';
import { claimEvent } from '#db/inbox.ts';
import { notify } from '#db/notify.ts';
import { inboundEvents, messages, runs } from '#db/schema/index.ts';
import { addMessage, findThreadAt, nextInThread, openThread } from '#db/threads.ts';
import type { Engine } from './engine.ts';
import { findSender, orgOf, REFUSALS, type Refusal } from './sender.ts';
import type { Starts } from './starts.ts';
import { auditStop, tellStop, writeStop } from './stop.ts';
import { stoppableIn } from './stop-thread.ts';
import type { ReceiveOptions, Received } from './types.ts';

const LEASE_MS = 5_000;
const STOP_WORDS = /^(stop|cancel|halt|abort)[.!]?$/i;

/** RULES I1–I4: one transaction stores everything; whoever sent it can be told at once, and the workflow is started beside that. */
export function createReceive(deps: { db: Database; engine: Engine; log: Logger; starts: Pick<Starts, 'begin'> }) {
  const { db, starts } = deps;
  return async (inbound: Inbound, options: ReceiveOptions = {}): Promise<Received> => {
    const orgId = options.orgId ?? (await orgOf(db, inbound.where));
    if (orgId === null) return refuseNowhere(db, inbound);
    const { received, toStop } = await db.withOrg(orgId, (org) => receiveIn(org, inbound, options));
    if (received.isReplay) return received;
    if (received.kind === 'command') for (const runId of toStop) await tellStop(deps, orgId, runId);
    if (received.kind === 'run') starts.begin({ orgId, runId: received.runId });
    return received;
  };
}

async function receiveIn(
  org: Org,
  inbound: Inbound,
  options: ReceiveOptions,
): Promise<{ received: Received; toStop: readonly string[] }> {
  const found = await findSender(org.tx, inbound);
  if ('refused' in found) return { received: await refuse(org, inbound, found.refused, options), toStop: [] };
  const { actor } = found;
  const isStopWord = !options.given && STOP_WORDS.test(inbound.text.trim());
  const toStop = isStopWord ? await stoppableIn(org, actor, inbound.where) : [];
  return { received: await store(org, actor, inbound, { toStop, ...options }), toStop };
}

const eventOf = ({ where, sender, sourceKey }: Inbound) => ({
  platform: where.platform,
  tenant: where.tenant,
  sourceKey,
  senderId: sender.id,
});

async function refuse(org: Org, inbound: Inbound, reason: Refusal, { isAddressed }: ReceiveOptions): Promise<Received> {
  const row = { ...eventOf(inbound), orgId: org.id, outcome: 'refused' as const, reason };
  const isNew = await claimEvent(org.tx, row, { signature: inbound.signature, isRequest: true, isAddressed });
  return refusal(reason, !isNew);
}

async function refuseNowhere(db: Database, inbound: Inbound): Promise<Received> {
  const reason: Refusal = 'unknown_tenant';
  const row = { ...eventOf(inbound), orgId: null, outcome: 'refused' as const, reason };
  const isNew = await db.withSystem('remember an event of an unknown tenant', (tx) =>
    claimEvent(tx, row, { signature: inbound.signature }),
  );
  return refusal(reason, !isNew);
}

const refusal = (reason: Refusal, isReplay: boolean) => ({
  kind: 'refused' as const,
  reason,
  text: REFUSALS[reason],
  isReplay,
});

async function store(
  org: Org,
  actor: Actor,
  inbound: Inbound,
  { toStop, given, isAddressed }: ReceiveOptions & { toStop: readonly string[] },
): Promise<Received> {
  const isStop = toStop.length > 0;
  const runId = newId();
  const event = { ...eventOf(inbound), orgId: org.id };
  const outcome = isStop ? { outcome: 'command' as const } : { outcome: 'run' as const, runId };
  if (
    !(await claimEvent(
      org.tx,
      { ...event, ...outcome },
      { signature: inbound.signature, isRequest: true, isAddressed },
    ))
  )
    return replayOf(org, inbound);
  const busy = isStop ? null : await whyBusy(org, actor);
  if (busy !== null) {
    await org.tx
      .update(inboundEvents)
      .set({ outcome: 'refused', reason: 'busy' satisfies Refusal, runId: null })
      .where(isEvent(event));
    return { ...refusal('busy', false), text: busy, isBusy: true };
  }
  const stops = [];
  for (const runId of toStop) stops.push(await writeStop(org, actor, runId));
  const text = inbound.text.trim();
  const thread = await openThread(org, inbound.where, {
    title: cut(text.replaceAll(/\s+/g, ' '), 80),
    createdBy: actor.memberId,
    isDirect: inbound.isDirect,
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
      lookingAt: inbound.lookingAt ?? null,
      statusText: 'Starting',
      ...(given ? { given } : {}),
      // The sweeper leaves it alone this long: the usual start is under way.
      nextStartAt: new Date(Date.now() + LEASE_MS),
    }),
    notify(org, { threadId: thread.id }),
  ]);
  const { files, quotes } = inbound;
  // Only a thread that is new to us was there before us.
  const readsThread = inbound.readsThread === true && seq === 1;
  if (files?.length || quotes?.length || readsThread)
    await addAttachments(org, { messageId, threadId: thread.id, files, quotes, readsThread });
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
  const [event] = await org.tx
    .select()
    .from(inboundEvents)
    .where(isEvent({ ...eventOf(inbound), orgId: org.id }));
  // An event that came before its tenant was connected belongs to no org, and stays refused.
  if (!event) return refusal('unknown_tenant', true);
  if (event.outcome === 'refused') return refusal((event.reason ?? 'text') as Refusal, true);
  const thread = await findThreadAt(org, inbound.where);
  if (event.runId) return { kind: 'run', runId: event.runId, threadId: thread?.id ?? '', isReplay: true };
  return {
    kind: 'command',
    threadId: thread?.id ?? '',
    text: event.reason === null ? 'Stopping.' : '',
    isReplay: true,
  };
}

const isEvent = (event: { orgId: string; platform: string; tenant: string; sourceKey: string }) =>
  and(
    eq(inboundEvents.orgId, event.orgId),
    eq(inboundEvents.platform, event.platform),
    eq(inboundEvents.tenant, event.tenant),
    eq(inboundEvents.sourceKey, event.sourceKey),
  );
