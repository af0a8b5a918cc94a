import { ApplicationFailure } from '@temporalio/common';
import { cut } from '#core/text.ts';
import { zPayload, type Payload } from '#core/tools.ts';
import { readApproval } from '#db/approvals.ts';
import type { Connection } from '#db/connections.ts';
import type { Org } from '#db/client.ts';
import { readEffect, type Effect } from '#db/effects.ts';
import { notify } from '#db/notify.ts';
import { addMachineTime, endToolCall, readRun, readToolCall, showRun, updateToolCall, type Run, type ToolCall } from '#db/runs.ts';
import { schemaHash, type Action } from '#activities/integrations/connector.ts';
import type { ActivityDeps } from './deps.ts';
import { beginEffect, recordAttempt, takeOver, type WriteCall } from './effects.ts';
import { withHeartbeat } from './heartbeat.ts';
import { openConnection, openCredential } from './open-connection.ts';
import { outcomeOf, type SendOutcome } from './send-outcome.ts';
import { originOf } from './turn/propose.ts';
import { toolsFor, type Tool } from './turn/tools.ts';

export type ToolEnded = { kind: 'done' } | { kind: 'ambiguous'; effectId: string } | { kind: 'ask_again' };
type Deps = Pick<ActivityDeps, 'db' | 'keys' | 'egressAllow' | 'log'>;
interface Opened {
  run: Run;
  call: ToolCall;
  tool: Tool | undefined;
  credential: Awaited<ReturnType<typeof openCredential>> | null;
}

/** Runs one stored tool call: a read as it is, a write through the ledger. How it ended is stored; the workflow gets only what to do next. */
export function createRunTool({ db, keys, egressAllow, log }: Deps) {
  return ({ orgId, runId, toolCallId }: { orgId: string; runId: string; toolCallId: string }): Promise<ToolEnded> =>
    withHeartbeat(async (signal) => {
      const begun = Date.now();
      const opened = await db.withOrg(orgId, (org) => openCall(org, runId, toolCallId));
      if (opened.call.endedAt) return { kind: 'done' };
      try {
        return await runOpened(opened, signal);
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
      await updateToolCall(org, toolCallId, { status: 'running', ...(call.startedAt ? {} : { startedAt: new Date() }) });
      await showRun(org, runId, 'running', `Running ${call.tool}`);
      await notify(org, { runId, threadId: run.threadId });
    }
    return { run, call, tool, credential };
  }

  function end(call: ToolCall, status: 'done' | 'failed' | 'refused' | 'denied', result: string, outside: string | null): Promise<ToolEnded> {
    return db.withOrg(call.orgId, async (org): Promise<ToolEnded> => {
      await endToolCall(org, call.id, { status, result, outside });
      return { kind: 'done' };
    });
  }

  async function runOpened({ run, call, tool, credential }: Opened, signal: AbortSignal): Promise<ToolEnded> {
    if (tool?.kind === 'built-in') return end(call, 'done', await db.withOrg(run.orgId, (org) => tool.builtIn.answer(org, run)), null);
    const denied = await whyNot(call);
    if (denied) return end(call, 'denied', denied, null);
    const { payload, payloadSha256 } = call;
    if (!tool || payload === null || payloadSha256 === null || call.connectionId !== tool.connection.id)
      return end(call, 'refused', `${call.tool} is no longer there, so it was not run.`, null);
    const parsed = zPayload.parse(JSON.parse(payload));
    const changed = changedSince(parsed, tool.action, tool.connection);
    const send = (idempotencyKey: string | null, cancel: AbortSignal) => {
      const { context } = openConnection(tool.connection, credential, { allow: egressAllow, idempotencyKey, signal: cancel });
      return outcomeOf(() => tool.action.run(context, parsed));
    };
    if (tool.action.effect === 'read') {
      if (changed) return end(call, 'refused', changed, null);
      return endRead(call, tool, await send(null, signal));
    }
    return runWrite({ ...call, payload, payloadSha256 }, tool, parsed, changed, send);
  }

  /** Nobody approved it: the sentence the model and the person get. */
  async function whyNot(call: ToolCall): Promise<string | null> {
    if (!call.needsApproval) return null;
    const approval = call.approvalId ? await db.withOrg(call.orgId, (org) => readApproval(org, call.approvalId ?? '')) : undefined;
    if (!approval) return 'It was never approved, so it was not run.';
    if (approval.status === 'denied') return `Denied${approval.comment ? `: "${cut(approval.comment, 500)}"` : ''}. It was not run.`;
    if (approval.status === 'expired') return 'Nobody decided in time, so it was not run.';
    if (approval.status === 'cancelled' || approval.status === 'superseded') return `The approval was ${approval.status}, so it was not run.`;
    return null;
  }

  async function endRead(call: ToolCall, { action, connection }: Extract<Tool, { kind: 'action' }>, outcome: SendOutcome): Promise<ToolEnded> {
    const outside = action.isResultOutside && !connection.isTrusted ? originOf(connection) : null;
    if (outcome.kind === 'confirmed') return end(call, 'done', JSON.stringify(outcome.result.output), outside);
    if (outcome.kind === 'not_sent') throw retryLater(outcome);
    // What the other side said about its refusal is its text too.
    return end(call, 'failed', outcome.text, outside);
  }

  async function runWrite(
    call: WriteCall,
    tool: Extract<Tool, { kind: 'action' }>,
    payload: Payload,
    changed: string | null,
    send: (key: string | null, signal: AbortSignal) => Promise<SendOutcome>,
  ): Promise<ToolEnded> {
    const begun = await beginEffect(db, call.orgId, call, tool.action.preview(payload.arguments));
    if (begun.kind === 'refused') return end(call, 'refused', begun.text, null);
    if (begun.kind === 'ask_again') return { kind: 'ask_again' };
    if (begun.kind === 'wait') throw retryLater({ text: 'another attempt is under way', retryAfterMs: begun.forMs });
    if (begun.kind === 'ended') return endWrite(call, tool, begun.effect);
    const effect = begun.kind === 'unclear' ? await reopen(begun.effect, tool) : begun.effect;
    if (effect === null) return endUnclear(call, begun.effect);
    // A write past `intended` is not cut off by Stop (RULES R5): it has a signal of its own, and egress has the clock.
    const outcome: SendOutcome = changed ? { kind: 'refused', text: changed } : await send(effect.id, new AbortController().signal);
    const isResendable = outcome.kind === 'ambiguous' && tool.action.idempotency === 'header' && effect.attempts < MAX_KEYED_ATTEMPTS;
    // Left `intended`: when the lease is over, the same key is sent again.
    if (isResendable) throw retryLater({ text: outcome.text, retryAfterMs: 1_000 });
    const state = await recordAttempt(db, effect, outcome);
    if (state === null) throw retryLater({ text: 'another attempt took over', retryAfterMs: 500 });
    log.info({ orgId: call.orgId, runId: call.runId, effectId: effect.id, state }, 'effect');
    if (outcome.kind === 'not_sent') throw retryLater(outcome);
    if (outcome.kind === 'ambiguous') return endUnclear(call, effect);
    const recorded = await db.withOrg(call.orgId, (org) => readEffectRow(org, effect.id));
    return endWrite(call, tool, recorded);
  }

  /** RULES E5: with a provider that honours our key the same key goes out again; else a person is asked. Never a blind resend. */
  async function reopen(effect: Effect, tool: Extract<Tool, { kind: 'action' }>): Promise<Effect | null> {
    if (tool.action.idempotency !== 'header' || effect.attempts >= MAX_KEYED_ATTEMPTS) return null;
    const taken = await takeOver(db, effect);
    if (!taken) throw retryLater({ text: 'another attempt took over', retryAfterMs: 1_000 });
    return taken;
  }

  async function endUnclear(call: ToolCall, effect: Effect): Promise<ToolEnded> {
    if (effect.state === 'intended') await recordAttempt(db, effect, { kind: 'ambiguous', text: effect.error ?? 'The attempt to send it was cut off.' });
    await db.withOrg(call.orgId, (org) => updateToolCall(org, call.id, { status: 'ambiguous' }));
    return { kind: 'ambiguous', effectId: effect.id };
  }

  async function endWrite(call: ToolCall, { action, connection }: Extract<Tool, { kind: 'action' }>, effect: Effect): Promise<ToolEnded> {
    if (effect.state === 'ambiguous') return endUnclear(call, effect);
    if (effect.state === 'refused') return end(call, 'failed', effect.error ?? 'It was refused.', null);
    const outside = action.isResultOutside && !connection.isTrusted && effect.receipt ? originOf(connection) : null;
    if (effect.state === 'confirmed') return end(call, 'done', effect.receipt ?? 'null', outside);
    return end(call, 'done', JSON.stringify({ sent: true, saidBy: 'a person', id: effect.externalId }), null);
  }
}

const MAX_KEYED_ATTEMPTS = 8;

async function readEffectRow(org: Org, effectId: string): Promise<Effect> {
  const effect = await readEffect(org, effectId);
  if (!effect) throw new Error('effect vanished');
  return effect;
}

/** The approved call is bound to the connection and the tool as they were: a changed one is not what was approved. */
function changedSince(payload: Payload, action: Action, connection: Connection): string | null {
  if (payload.connection?.settingsVersion !== connection.settingsVersion) return `${connection.name} was changed since this was proposed, so it was not run. Ask again.`;
  if (payload.schemaSha256 !== schemaHash(action)) return `${payload.tool} was changed since this was proposed, so it was not run. Ask again.`;
  return null;
}

const retryLater = ({ text, retryAfterMs }: { text: string; retryAfterMs?: number }): ApplicationFailure =>
  ApplicationFailure.create({ message: text, type: 'NotSent', ...(retryAfterMs === undefined ? {} : { nextRetryDelay: Math.min(retryAfterMs, 5 * 60_000) }) });
