import { EFFECT_LEASE_MS, HTTP_TIMEOUT_MS } from '#core/limits.ts';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { cut } from '#core/text.ts';
import { zPayload, type Payload } from '#core/tools.ts';
import { readApproval } from '#db/approvals.ts';
import type { Org } from '#db/client.ts';
import { lockEffectOf, readEffect, type Effect } from '#db/effects.ts';
import { notify } from '#db/notify.ts';
import {
  addMachineTime,
  endToolCall,
  readRun,
  readToolCall,
  showRun,
  updateToolCall,
  type Run,
  type ToolCall,
} from '#db/runs.ts';
import { findConnector } from '#activities/integrations/index.ts';
import { changedSince, isIntact, outsideOf, type ActionTool } from './bound-call.ts';
import type { ActivityDeps } from './deps.ts';
import { beginEffect, checkApprovedRead, recordAttempt, takeOver, type Sendable, type WriteCall } from './effects.ts';
import { withHeartbeat } from './heartbeat.ts';
import { openConnection, openCredential } from './open-connection.ts';
import { isKnownDown, park, showIfWaiting } from './parking.ts';
import type { Progress } from './progress.ts';
import { afterUnclear, outcomeOf, type SendOutcome } from './send-outcome.ts';
import { toolsFor, type Tool } from './turn/tools.ts';

export type ToolEnded =
  | { kind: 'done' }
  | { kind: 'ambiguous'; effectId: string }
  | { kind: 'ask_again' }
  /** It did not go out; the run tries again then, unless it is stopped meanwhile. */
  | { kind: 'not_sent'; againInMs: number }
  /** Its connection is down: the run is woken when that works again. */
  | { kind: 'parked'; againInMs: number };
type Deps = Pick<ActivityDeps, 'db' | 'keys' | 'egressAllow' | 'log'> & { progress: Progress };
interface Opened {
  run: Run;
  call: ToolCall;
  tool: Tool | undefined;
  credential: Awaited<ReturnType<typeof openCredential>> | null;
}

/** Runs one stored tool call: a read as it is, a write through the ledger. How it ended is stored; the workflow gets only what to do next. */
export function createRunTool({ db, keys, egressAllow, log, progress }: Deps) {
  return ({ orgId, runId, toolCallId }: { orgId: string; runId: string; toolCallId: string }): Promise<ToolEnded> =>
    withHeartbeat(async (signal) => {
      const begun = Date.now();
      const opened = await db.withOrg(orgId, (org) => openCall(org, runId, toolCallId));
      if (opened.call.endedAt) return { kind: 'done' };
      try {
        const { platform } = opened.run;
        return await progress.whileWorking({ orgId, runId, platform }, () => runOpened(opened, signal));
      } finally {
        await db.withOrg(orgId, (org) => addMachineTime(org, runId, Date.now() - begun));
      }
    });

  async function openCall(org: Org, runId: string, toolCallId: string): Promise<Opened> {
    const run = await readRun(org, runId);
    const call = await readToolCall(org, toolCallId);
    const tool = (await toolsFor(org, run)).get(call.tool);
    const credential = tool?.kind === 'action' ? await openCredential(org, keys, tool.connection) : null;
    if (!call.endedAt) {
      await updateToolCall(org, toolCallId, {
        status: 'running',
        ...(call.startedAt ? {} : { startedAt: new Date() }),
      });
      await showRun(org, runId, 'running', `Running ${call.tool}`);
      await notify(org, { runId, threadId: run.threadId });
    }
    return { run, call, tool, credential };
  }

  function end(
    call: ToolCall,
    status: 'done' | 'failed' | 'refused' | 'denied',
    result: string,
    outside: string | null,
  ): Promise<ToolEnded> {
    return db.withOrg(call.orgId, async (org): Promise<ToolEnded> => {
      await endToolCall(org, call.id, { status, result, outside });
      await showIfWaiting(org, call.runId);
      return { kind: 'done' };
    });
  }

  async function runOpened({ run, call, tool, credential }: Opened, signal: AbortSignal): Promise<ToolEnded> {
    if (tool?.kind === 'built-in') {
      const { text, outside } = await db.withOrg(run.orgId, (org) => tool.builtIn.answer(org, run));
      return end(call, 'done', text, outside);
    }
    const denied = await whyNot(call);
    if (denied) return end(call, 'denied', denied, null);
    const { payload, payloadSha256 } = call;
    const gone = `${call.tool} is no longer there, so it was not run.`;
    if (payload === null || payloadSha256 === null) return end(call, 'refused', gone, null);
    const bound = { ...call, payload, payloadSha256 };
    // Read only once its hash was checked: what was changed may not even be JSON.
    const read = (): Payload => zPayload.parse(JSON.parse(payload));
    const usable = tool && call.connectionId === tool.connection.id ? tool : undefined;
    const blocked = usable ? (isIntact(bound) ? changedSince(read(), usable) : null) : gone;
    const task = { orgId: call.orgId, runId: call.runId, callId: call.id };
    const send = (idempotencyKey: string | null, cancel: AbortSignal): Promise<SendOutcome> => {
      if (!usable) throw new Error('sent without a connection');
      const { context } = openConnection(usable.connection, credential, {
        allow: egressAllow,
        idempotencyKey,
        signal: cancel,
        timeoutMs: usable.action.timeoutMs,
        task,
      });
      return outcomeOf(() => usable.action.run(context, read()));
    };
    if (call.effect === 'read' && (!usable || usable.action.effect === 'read')) {
      const unusable = await checkApprovedRead(db, call.orgId, bound);
      if (unusable?.kind === 'ask_again') return unusable;
      const refused = unusable?.text ?? blocked;
      if (refused !== null || !usable) return end(call, 'refused', refused ?? gone, null);
      if (isWatched(usable) && isKnownDown(usable.connection)) return wait(call, usable, null);
      return endRead(call, usable, await send(null, signal));
    }
    const summary = () => usable?.action.preview(read().arguments) ?? call.tool;
    const leaseMs = (usable?.action.timeoutMs ?? HTTP_TIMEOUT_MS) + SLACK_MS;
    // What may have been sent is not held up: the same key finds out, or people are asked.
    if (
      usable &&
      blocked === null &&
      isWatched(usable) &&
      isKnownDown(usable.connection) &&
      !(await isMaybeSent(bound))
    )
      return wait(call, usable, null);
    // The action's own effect, not the stored row's: who can write the database could call a deletion a write.
    const effect = usable && { effect: usable.action.effect };
    return runWrite(bound, usable, { summary, blocked, leaseMs, ...effect }, send);
  }

  function isMaybeSent(call: WriteCall): Promise<boolean> {
    return db.withOrg(call.orgId, async (org) => {
      const state = (await lockEffectOf(org, call))?.effect.state;
      return state !== undefined && state !== 'not_sent';
    });
  }

  /** `why`: this call itself found that nobody answers. */
  async function wait(call: ToolCall, { connection }: ActionTool, why: string | null): Promise<ToolEnded> {
    const parked = await park(db, call, connection, why);
    return parked.kind === 'over' ? end(call, 'failed', parked.text, null) : parked;
  }

  /** Nobody approved it: the sentence the model and the person get. */
  async function whyNot(call: ToolCall): Promise<string | null> {
    if (!call.needsApproval) return null;
    const approval = call.approvalId
      ? await db.withOrg(call.orgId, (org) => readApproval(org, call.approvalId ?? ''))
      : undefined;
    if (!approval || approval.status === 'pending') return 'It was not approved, so it was not run.';
    if (approval.status === 'denied')
      return `Denied${approval.comment ? `: "${cut(approval.comment, 500)}"` : ''}. It was not run.`;
    if (approval.status === 'expired') return 'Nobody decided in time, so it was not run.';
    // Cancelled with another run that had asked the same (RULES R3): this one asks for itself.
    if (approval.status === 'cancelled' && approval.runId !== call.runId) return null;
    if (approval.status === 'cancelled' || approval.status === 'superseded')
      return `The approval was ${approval.status}, so it was not run.`;
    return null;
  }

  async function endRead(call: ToolCall, { action, connection }: ActionTool, outcome: SendOutcome): Promise<ToolEnded> {
    const outside = outsideOf(call, { action, connection });
    if (outcome.kind === 'confirmed') return end(call, 'done', JSON.stringify(outcome.result.output), outside);
    if (outcome.kind === 'not_sent' && outcome.isUnreachable && isWatched({ connection }))
      return wait(call, { kind: 'action', name: call.tool, action, connection }, outcome.text);
    // Half a minute of tries: then the model says so, instead of keeping the person waiting.
    if (outcome.kind === 'not_sent' && Context.current().info.attempt < MAX_READS)
      throw retryLater({ ...outcome, text: `${call.tool} got no usable answer` });
    // What the other side said about its refusal is its text too.
    return end(call, 'failed', outcome.text, outside);
  }

  async function runWrite(
    call: WriteCall,
    tool: ActionTool | undefined,
    sendable: Sendable,
    send: (key: string | null, signal: AbortSignal) => Promise<SendOutcome>,
  ): Promise<ToolEnded> {
    const asked = Date.now();
    const begun = await beginEffect(db, call.orgId, call, sendable);
    if (begun.kind === 'refused') return end(call, 'refused', begun.text, null);
    if (begun.kind === 'ask_again') return { kind: 'ask_again' };
    if (begun.kind === 'wait') throw retryLater({ text: 'another attempt is under way', retryAfterMs: begun.forMs });
    if (begun.kind === 'ended') return endWrite(call, tool, begun.effect);
    const isKeyed = tool?.action.idempotency === 'header';
    const wasUnclear = begun.kind === 'unclear';
    // RULES E5: with a provider that honours our key the same key goes out again; else a person is asked. Never a blind resend.
    if (wasUnclear && !(begun.mayResend && isKeyed && begun.effect.attempts < MAX_KEYED_ATTEMPTS))
      return endUnclear(call, begun.effect);
    const effect = wasUnclear ? await takeOver(db, begun.effect, sendable.leaseMs) : begun.effect;
    if (effect === null) throw retryLater({ text: 'another attempt took over', retryAfterMs: 1_000 });
    // Held up between the lease and here, its time-outs would outlive the lease (RULES E4).
    const isLate = Date.now() - asked > SLACK_MS - 2_000;
    // A write past `intended` is not cut off by Stop (RULES R5): it has a signal of its own, and egress has the clock.
    const sent: SendOutcome = isLate
      ? { kind: 'not_sent', text: 'It was held up before it was sent.' }
      : await send(effect.id, new AbortController().signal);
    const outcome = afterUnclear(sent, wasUnclear);
    // Left `intended`: when the lease is over, the same key is sent again.
    if (outcome.kind === 'ambiguous' && outcome.isResendable && isKeyed && effect.attempts < MAX_KEYED_ATTEMPTS)
      throw retryLater({ text: `how ${call.tool} ended is not known yet`, retryAfterMs: 1_000 });
    const state = await recordAttempt(db, effect, outcome);
    if (state === null) throw retryLater({ text: 'another attempt took over', retryAfterMs: 500 });
    log.info({ orgId: call.orgId, runId: call.runId, effectId: effect.id, state }, 'effect');
    if (outcome.kind === 'ambiguous') return endUnclear(call, effect);
    if (outcome.kind === 'not_sent' && outcome.isUnreachable && tool && isWatched(tool))
      return wait(call, tool, outcome.text);
    if (outcome.kind === 'not_sent') return tryLater(call, tool, effect, outcome);
    const recorded = await db.withOrg(call.orgId, (org) => readEffectRow(org, effect.id));
    return endWrite(call, tool, recorded);
  }

  /** The run waits, not the activity, so that Stop ends the wait at once. */
  async function tryLater(
    call: WriteCall,
    tool: ActionTool | undefined,
    effect: Effect,
    { text, retryAfterMs }: { text: string; retryAfterMs?: number },
  ): Promise<ToolEnded> {
    if (effect.attempts >= MAX_NOT_SENT)
      return end(call, 'failed', `${text} It was tried ${effect.attempts} times and not sent.`, outsideOf(call, tool));
    await db.withOrg(call.orgId, (org) =>
      showRun(org, call.runId, 'running', `Not sent yet, trying again: ${text}`.slice(0, 300)),
    );
    return {
      kind: 'not_sent',
      againInMs: Math.min(retryAfterMs ?? 1_000 * 2 ** Math.min(effect.attempts - 1, 6), MAX_WAIT_MS),
    };
  }

  async function endUnclear(call: ToolCall, effect: Effect): Promise<ToolEnded> {
    if (effect.state === 'intended')
      await recordAttempt(db, effect, {
        kind: 'ambiguous',
        text: effect.error ?? 'The attempt to send it was cut off.',
      });
    await db.withOrg(call.orgId, (org) => updateToolCall(org, call.id, { status: 'ambiguous' }));
    return { kind: 'ambiguous', effectId: effect.id };
  }

  async function endWrite(call: ToolCall, tool: ActionTool | undefined, effect: Effect): Promise<ToolEnded> {
    if (effect.state === 'ambiguous') return endUnclear(call, effect);
    if (effect.state === 'refused')
      return end(call, 'failed', effect.error ?? 'It was refused.', outsideOf(call, tool));
    const outside = effect.receipt === null ? null : outsideOf(call, tool);
    if (effect.state === 'confirmed') return end(call, 'done', effect.receipt ?? 'null', outside);
    return end(call, 'done', JSON.stringify({ sent: true, saidBy: 'a person', id: effect.externalId }), null);
  }
}

/** The other side is looked at by itself (activities/health.ts), so a call can wait for it. */
const isWatched = ({ connection }: Pick<ActionTool, 'connection'>): boolean =>
  findConnector(connection.connector).watched !== undefined;

/** The lease is so much longer than the call (RULES E4). */
const SLACK_MS = EFFECT_LEASE_MS - HTTP_TIMEOUT_MS;
const MAX_KEYED_ATTEMPTS = 8;
const MAX_READS = 6;
/** With up to a minute between them: about half an hour. */
const MAX_NOT_SENT = 35;
const MAX_WAIT_MS = 5 * 60_000;

async function readEffectRow(org: Org, effectId: string): Promise<Effect> {
  const effect = await readEffect(org, effectId);
  if (!effect) throw new Error('effect vanished');
  return effect;
}

/** `text` is in our own words: what others said stays in the database (RULES R1), and out of untainted answers (T1). */
const retryLater = ({ text, retryAfterMs }: { text: string; retryAfterMs?: number }): ApplicationFailure =>
  ApplicationFailure.create({
    message: text,
    type: 'NotSent',
    ...(retryAfterMs === undefined ? {} : { nextRetryDelay: Math.min(retryAfterMs, MAX_WAIT_MS) }),
  });
