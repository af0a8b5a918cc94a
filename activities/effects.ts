import { setTimeout as pause } from 'node:timers/promises';
import { sha256 } from '#core/hash.ts';
import { newId } from '#core/ids.ts';
import { storable } from '#core/text.ts';
import type { ActionEffect } from '#core/tools.ts';
import { audit } from '#db/audit.ts';
import { consumeApproval, inactiveApprovers, lockApproval } from '#db/approvals.ts';
import type { Database, Org } from '#db/client.ts';
import { endAttempt, intendEffect, leaseAgain, lockEffectOf, type Effect } from '#db/effects.ts';
import { readOrg } from '#db/orgs.ts';
import { lockRun, readToolCall, updateToolCall, type Run, type ToolCall } from '#db/runs.ts';
import type { ActionResult } from './integrations/connector.ts';
import type { SendOutcome } from './send-outcome.ts';

/** What the ledger says to an attempt that wants to send. */
export type Begun =
  | { kind: 'send'; effect: Effect }
  /** An earlier attempt may have sent it and its answer is not known (RULES E5, unclear). */
  | { kind: 'unclear'; effect: Effect; mayResend: boolean }
  /** Another attempt holds the lease (RULES E4). */
  | { kind: 'wait'; forMs: number }
  | { kind: 'ended'; effect: Effect }
  | { kind: 'refused'; text: string }
  /** The decision is too old to be used (RULES A5), or there should be one and is none. */
  | { kind: 'ask_again' };

export type WriteCall = ToolCall & { payload: string; payloadSha256: string };

/** What the caller knows of the call: `blocked` is why it may not be sent as things are now (its connection is gone or changed), or null. */
export interface Sendable {
  summary(): string;
  blocked: string | null;
  /** Longer than the call may take (RULES E4); left out, 30 s. */
  leaseMs?: number;
  /** What the action itself does, as it is now: it counts, not what the stored call says of itself. Left out: the action is not known. */
  effect?: ActionEffect;
}

/**
 * The only door to side effects (RULES E). Writes the row ahead and uses the approval up, in one transaction that re-hashes the stored payload (E3);
 * an attempt that finds its own row goes on from its state (E2).
 */
export const beginEffect = (db: Database, orgId: string, call: WriteCall, sendable: Sendable): Promise<Begun> =>
  db.withOrg(orgId, async (org): Promise<Begun> => {
    const run = await lockRun(org, call.runId);
    const existing = await lockEffectOf(org, call);
    const changed =
      (await changedBytes(org, call, existing?.effect.payloadSha256)) ??
      (sendable.blocked === null ? null : { text: sendable.blocked, reason: 'connection changed' });
    const isStopped = !run || run.stopRequestedAt !== null;
    const refusal = isStopped ? { text: 'The request was stopped before this was sent.', reason: null } : changed;
    // Stop does not cut off what may have been sent: the same key still finds out how it ended (RULES R5).
    if (existing)
      return resume(org, call, existing, { refusal, mayResend: changed === null, leaseMs: sendable.leaseMs });
    if (refusal) return refuse(org, call, refusal);
    // Not the call's own word that it needs none: whoever could change that column would skip the question.
    const isFree = !isAsked(call) && (await mayRunUnasked(org, run, sendable.effect ?? call.effect));
    if (!isFree && !isAsked(call)) return askFirst(org, call);
    const unusable = isFree ? null : await whyUnusable(org, call);
    if (unusable) return unusable.kind === 'ask_again' ? unusable : refuse(org, call, unusable);
    const effectId = newId();
    const approvalId = isFree ? null : call.approvalId;
    const effect = await intendEffect(
      org,
      {
        id: effectId,
        runId: call.runId,
        turnNumber: call.turnNumber,
        callNumber: call.callNumber,
        toolCallId: call.id,
        approvalId,
        connectionId: call.connectionId,
        tool: call.tool,
        summary: sendable.summary(),
        payload: call.payload,
        payloadSha256: call.payloadSha256,
      },
      sendable.leaseMs,
    );
    if (!isFree && !(await consumeApproval(org, approvalId ?? '', effectId)))
      throw new Error('approval was used at the same moment');
    await audit(org, {
      actor: 'system',
      action: 'effect.intended',
      target: { type: 'effect', id: effectId },
      details: { payloadSha256: call.payloadSha256, approvalId, runId: call.runId },
    });
    return { kind: 'send', effect };
  });

/** What was asked about is bound by the answer, whatever else is stored. */
const isAsked = ({ needsApproval, approvalId }: WriteCall): boolean => needsApproval || approvalId !== null;

/** The org lets such writes run by themselves, now, and nothing from outside was read (RULES T2). */
async function mayRunUnasked(org: Org, run: Run | undefined, effect: ActionEffect | null): Promise<boolean> {
  const { policy } = await readOrg(org);
  // Called a read or nothing at all, a write is taken for the worst it can be.
  const rules = effect === 'write' ? [policy.write] : [policy.write, policy.destructive];
  return run?.taint === null && rules.every((rule) => rule === 'run');
}

/** Nobody was asked who should have been: from here on the call waits for a person. */
async function askFirst(org: Org, call: WriteCall): Promise<Begun> {
  await updateToolCall(org, call.id, { needsApproval: true });
  await refuse(org, call, { text: '', reason: 'nobody was asked' });
  return { kind: 'ask_again' };
}

/** A read that carries outside text elsewhere waits for a person too (RULES T2): the same checks at its use, without a row. Null: it may run. */
export const checkApprovedRead = (
  db: Database,
  orgId: string,
  call: WriteCall,
): Promise<Extract<Begun, { kind: 'refused' | 'ask_again' }> | null> =>
  db.withOrg(orgId, async (org) => {
    const changed = await changedBytes(org, call);
    if (changed) return refuse(org, call, changed);
    const unusable = await whyUnusable(org, call);
    return unusable?.kind === 'refused' ? refuse(org, call, unusable) : unusable;
  });

/** `reason` is for the audit; null: nothing worth recording. */
interface Refusal {
  text: string;
  reason: string | null;
}

async function refuse(
  org: Org,
  call: WriteCall,
  { text, reason }: Refusal,
): Promise<{ kind: 'refused'; text: string }> {
  const target = { type: 'tool_call', id: call.id };
  if (reason)
    await audit(org, {
      actor: 'system',
      action: 'effect.refused',
      target,
      details: { reason, payloadSha256: call.payloadSha256 },
    });
  return { kind: 'refused', text };
}

/** What is stored now must be what the caller read, what was proposed or edited, and on a further attempt what the first one was for. */
async function changedBytes(org: Org, call: WriteCall, intendedSha256 = call.payloadSha256): Promise<Refusal | null> {
  const stored = await readToolCall(org, call.id);
  const isSame = stored.payload === call.payload && stored.approvalId === call.approvalId;
  if (isSame && sha256(call.payload) === call.payloadSha256 && call.payloadSha256 === intendedSha256) return null;
  return { text: 'What was stored to run was changed since, so it was not sent.', reason: 'payload changed' };
}

/** Why the approval of a call cannot be used now; null: it can, or none is needed. */
async function whyUnusable(
  org: Org,
  call: WriteCall,
): Promise<({ kind: 'refused' } & Refusal) | { kind: 'ask_again' } | null> {
  if (!isAsked(call)) return null;
  const no = (text: string, reason: string | null): { kind: 'refused' } & Refusal => ({
    kind: 'refused',
    text,
    reason,
  });
  const approval = call.approvalId ? (await lockApproval(org, call.approvalId))?.approval : undefined;
  // Cancelled with another run that had asked the same (RULES R3): this one asks for itself.
  if (approval?.status === 'cancelled' && approval.runId !== call.runId) return { kind: 'ask_again' };
  if (!approval || approval.status !== 'approved')
    return no('It was not approved, so it was not sent.', 'not approved');
  if (approval.payloadSha256 !== call.payloadSha256 || sha256(approval.payload) !== approval.payloadSha256)
    return no('What would run is not what was approved, so it was not sent.', 'not what was approved');
  if (approval.usedByEffectId)
    return no('Its approval was used already: the same request ran elsewhere in this thread.', null);
  if ((await inactiveApprovers(org, approval.id)).length > 0)
    return no('Who approved it is no longer active, so it was not sent. Ask again.', 'approver inactive');
  return approval.useBefore && approval.useBefore > (await databaseNow(org)) ? null : { kind: 'ask_again' };
}

async function databaseNow(org: Org): Promise<Date> {
  const [row] = await org.tx.execute<{ now: string }>('select now() as now');
  return new Date(row?.now ?? 0);
}

async function resume(
  org: Org,
  call: WriteCall,
  { effect, leaseLeftMs }: { effect: Effect; leaseLeftMs: number },
  { refusal, mayResend, leaseMs }: { refusal: Refusal | null; mayResend: boolean; leaseMs: number | undefined },
): Promise<Begun> {
  if (effect.state === 'intended' && leaseLeftMs > 0) return { kind: 'wait', forMs: leaseLeftMs };
  if (effect.state === 'intended') return { kind: 'unclear', effect, mayResend };
  const isToSend = effect.state === 'not_sent' || (effect.state === 'resolved' && effect.resolution === 'not_sent');
  if (!isToSend) return { kind: 'ended', effect };
  if (refusal) return refuse(org, call, refusal);
  return { kind: 'send', effect: await leaseAgain(org, effect.id, leaseMs) };
}

/** Takes an unclear effect over, to send the same key again (only to those who honour it) or after the other side said it never came. */
export const takeOver = (db: Database, effect: Effect, leaseMs?: number): Promise<Effect | null> =>
  db.withOrg(effect.orgId, async (org) => {
    const now = await lockEffectOf(org, effect);
    if (!now || now.effect.state !== 'intended' || now.leaseLeftMs > 0) return null;
    return leaseAgain(org, effect.id, leaseMs);
  });

const RECEIPT_LENGTH = 20_000;

const RECORD_TRIES = 30;
const RECORD_PAUSE_MS = 1_000;

/**
 * Records how an attempt ended. Null: another attempt has taken over, so its word counts. What the other side answered is known only here, so a database that
 * is away is tried again for half a minute before the attempt is given up.
 */
export async function recordAttempt(
  db: Database,
  effect: Effect,
  outcome: SendOutcome,
): Promise<Effect['state'] | null> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await recordOnce(db, effect, outcome);
    } catch (error) {
      if (tries === RECORD_TRIES) throw error;
      await pause(RECORD_PAUSE_MS);
    }
  }
}

const recordOnce = (db: Database, effect: Effect, outcome: SendOutcome): Promise<Effect['state'] | null> =>
  db.withOrg(effect.orgId, async (org) => {
    const set =
      outcome.kind === 'confirmed'
        ? confirmed(outcome.result)
        : { state: outcome.kind, error: storable(outcome.text).slice(0, 2_000) };
    if (!(await endAttempt(org, effect, set))) return null;
    await audit(org, {
      actor: 'system',
      action: `effect.${set.state}`,
      target: { type: 'effect', id: effect.id },
      details: { payloadSha256: effect.payloadSha256, attempt: effect.attempts },
    });
    return set.state;
  });

const confirmed = ({ output, externalId }: ActionResult) => ({
  state: 'confirmed' as const,
  externalId: externalId === undefined ? null : storable(externalId).slice(0, 500),
  receipt: JSON.stringify(output).slice(0, RECEIPT_LENGTH),
  error: null,
  confirmedAt: new Date(),
});
