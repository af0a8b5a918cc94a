import { and, eq } from 'drizzle-orm';
import { RUN_LIMITS } from '#core/limits.ts';
import { storable } from '#core/text.ts';
import { hasUnread } from '#db/attachments.ts';
import type { Org } from '#db/client.ts';
import { notify } from '#db/notify.ts';
import { readOrg } from '#db/orgs.ts';
import { addMachineTime, lockRun, showRun, toolCallsOf, updateRun, type Run, type ToolCall } from '#db/runs.ts';
import { members, toolCalls, turns } from '#db/schema/index.ts';
import { claimThread } from '#db/threads.ts';
import { createReadAttachments } from '#activities/attachments/read.ts';
import { withHeartbeat } from '#activities/heartbeat.ts';
import type { ActivityDeps } from '#activities/deps.ts';
import type { Progress } from '#activities/progress.ts';
import type { ModelToolCall } from '#activities/models/model.ts';
import { callModel, type Called } from './call-model.ts';
import { readContext } from './context.ts';
import { givenTurn, type Given } from './given.ts';
import { instructionsFor, situationOf } from './instructions.ts';
import { proposeCall } from './propose.ts';
import { createSumUp } from './sum-up.ts';
import { chooseTools, toolsFor } from './tools.ts';

/** Who is said to have answered where no model was asked. */
const GATEWAY = { provider: 'abetworks', name: 'gateway' } as const;
type GivenCalled = { kind: 'generated'; generated: Given; model: typeof GATEWAY };

export interface ProposedCall {
  toolCallId: string;
  needsApproval: boolean;
  isRead: boolean;
}
export type Taken =
  | { kind: 'reply' }
  | { kind: 'tools'; calls: ProposedCall[] }
  /** Another run of the thread has its turn (RULES R2). */
  | { kind: 'busy'; againInMs: number }
  | { kind: 'stopped' };

// Short: who waits in here holds one of the worker's places. The run's own timer holds none.
const CLAIM_WAIT_MS = 2_000;
const CLAIM_POLL_MS = 150;

/** One turn of a run: what a model answers to what the thread and the tools have said so far. Stored once; a repeat gives the stored turn. */
export function createTakeTurn(
  deps: Pick<ActivityDeps, 'db' | 'models' | 'fallbackModel' | 'log' | 'files' | 'slack'> & { progress: Progress },
) {
  const { db, models, fallbackModel, progress } = deps;
  const sumUp = createSumUp(deps);
  const readAttachments = createReadAttachments(deps);
  return async ({ orgId, runId, turn }: { orgId: string; runId: string; turn: number }): Promise<Taken> => {
    let threadId: string | undefined;
    const renew = async (): Promise<unknown> =>
      threadId !== undefined && db.withOrg(orgId, (org) => claimThread(org, threadId ?? '', runId));
    return withHeartbeat(async (signal) => {
      const claim = (reads = true) =>
        waitForClaim(() => db.withOrg(orgId, (org) => begin(org, runId, turn, reads)), signal);
      let prepared = await claim();
      if (prepared && 'unread' in prepared) {
        // The thread is claimed meanwhile, and no transaction is open.
        threadId = prepared.unread.threadId;
        const { unread } = prepared;
        await progress.whileWorking({ orgId, runId, platform: unread.platform }, () => readAttachments(unread, signal));
        prepared = await claim(false);
      }
      if (!prepared || 'unread' in prepared)
        return { kind: 'busy', againInMs: 1_000 + Math.round(Math.random() * 2_000) };
      if ('taken' in prepared) return prepared.taken;
      const { run, begun } = prepared;
      threadId = run.threadId;
      const { policy, isFirst, tools, context } = prepared;
      const chain = isFirst ? models : [fallbackModel];
      const place = { orgId, runId, turn, policy };
      const limit = overLimit(run, turn);
      const given = givenTurn(run, turn, context);
      const called: Called | GivenCalled = limit
        ? { kind: 'limit', text: limit }
        : given
          ? { kind: 'generated', generated: given, model: GATEWAY }
          : await progress.whileWorking({ orgId, runId, platform: run.platform }, () =>
              callModel(db, chain, place, { ...prepared.input, signal }),
            );
      const taken = await db.withOrg(orgId, async (org) => {
        await addMachineTime(org, runId, Date.now() - begun);
        if (context.taint && !run.taint) await updateRun(org, runId, { taint: context.taint });
        return storeTurn(org, run, turn, called, (call, callNumber) =>
          proposeCall({ orgId, runId, turnNumber: turn, callNumber }, call, tools, policy, context),
        );
      });
      // Not waited for: the answer is there, and only later requests read the summary.
      if (taken.kind === 'reply' && context.isLong && !run.given)
        void sumUp({ ...place, threadId: run.threadId }, chain);
      return taken;
    }, renew);
  };
}

/** What the turn is decided from, once the thread is claimed for it; null while another run has it. In one transaction, which locks the run before its thread, as the others do. */
async function begin(org: Org, runId: string, turn: number, reads: boolean) {
  const [run, stored, isUnread] = await Promise.all([
    lockRun(org, runId),
    storedTurn(org, runId, turn),
    turn === 1 && reads && hasUnread(org, runId),
  ]);
  if (!run) throw new Error(`run ${runId} is missing`);
  if (run.stopRequestedAt) return { taken: { kind: 'stopped' } as const };
  if (stored) return { taken: stored };
  if (!(await claimThread(org, run.threadId, runId))) return null;
  if (isUnread) {
    await show(org, run, 'Reading what came with the request');
    return { unread: run };
  }
  const begun = Date.now();
  const prepared = await prepare(org, run);
  await show(org, run, 'Thinking');
  return { run, begun, ...prepared };
}

async function waitForClaim<T>(claim: () => Promise<T | null>, signal: AbortSignal): Promise<T | null> {
  const until = Date.now() + CLAIM_WAIT_MS;
  while (Date.now() < until) {
    signal.throwIfAborted();
    const claimed = await claim();
    if (claimed) return claimed;
    await new Promise((resolve) => setTimeout(resolve, CLAIM_POLL_MS));
  }
  return null;
}

const show = (org: Org, run: Run, text: string): Promise<unknown> =>
  Promise.all([showRun(org, run.id, 'running', text), notify(org, { threadId: run.threadId, runId: run.id })]);

async function prepare(org: Org, run: Run) {
  const [context, tools, { policy, isFirst, name }, [member]] = await Promise.all([
    readContext(org, run, { withPictures: true }),
    toolsFor(org, run),
    readOrg(org),
    org.tx
      .select({ name: members.name })
      .from(members)
      .where(and(eq(members.orgId, org.id), eq(members.id, run.requestedBy))),
  ]);
  const lastText = context.messages.findLast((message) => message.role === 'user')?.text ?? '';
  const input = {
    instructions: instructionsFor({ name }, { name: member?.name ?? 'a member' }),
    situation: situationOf({ ...context, ...run }, new Date()),
    cacheKey: run.threadId,
    messages: context.messages,
    tools: chooseTools(tools, lastText, context.usedTools),
    limits: { outputTokens: RUN_LIMITS.outputTokens },
  };
  return { context, tools, policy, isFirst, input };
}

/** RULES R4: a run that used up its turns or time answers with that, instead of going on. */
function overLimit(run: Run, turn: number): string | null {
  if (turn > RUN_LIMITS.turns)
    return `I stopped after ${RUN_LIMITS.turns} turns, the limit of one request. Ask again to go on from here.`;
  if (run.machineMs > RUN_LIMITS.machineTimeMs)
    return 'I stopped after 15 minutes of work, the limit of one request. Ask again to go on from here.';
  return null;
}

async function storedTurn(org: Org, runId: string, turn: number): Promise<Taken | null> {
  const [row] = await org.tx
    .select()
    .from(turns)
    .where(and(eq(turns.orgId, org.id), eq(turns.runId, runId), eq(turns.number, turn)));
  if (!row) return null;
  const calls = (await toolCallsOf(org, runId)).filter((call) => call.turnNumber === turn);
  return row.kind === 'reply' ? { kind: 'reply' } : { kind: 'tools', calls: openCalls(calls) };
}

/** Calls that were refused at once need nothing more. */
const openCalls = (calls: readonly Pick<ToolCall, 'id' | 'status' | 'needsApproval' | 'effect'>[]): ProposedCall[] =>
  calls
    .filter((call) => call.status !== 'refused')
    .map((call) => ({ toolCallId: call.id, needsApproval: call.needsApproval, isRead: call.effect === 'read' }));

async function storeTurn(
  org: Org,
  run: Run,
  number: number,
  called: Called | GivenCalled,
  propose: (call: ModelToolCall, callNumber: number) => typeof toolCalls.$inferInsert,
): Promise<Taken> {
  const turn = { orgId: org.id, runId: run.id, number };
  if (called.kind === 'limit') {
    await org.tx
      .insert(turns)
      .values({ ...turn, kind: 'reply', text: called.text, provider: 'abetworks', model: 'limits' })
      .onConflictDoNothing();
    return { kind: 'reply' };
  }
  const { generated, model } = called;
  const [added] = await org.tx
    .insert(turns)
    .values({
      ...turn,
      kind: generated.kind,
      text: storable(generated.text),
      suggestions: generated.kind === 'reply' ? (generated.suggestions ?? []).map(storable) : [],
      provider: model.provider,
      model: model.name,
    })
    .onConflictDoNothing()
    .returning({ id: turns.id });
  // An earlier attempt that was believed dead has stored its turn: that one counts.
  if (!added) return (await storedTurn(org, run.id, number)) ?? { kind: 'busy', againInMs: 100 };
  if (generated.kind === 'reply') return { kind: 'reply' };
  const rows = generated.calls.map((call, at) => propose(call, at + 1));
  const inserted = rows.length > 0 ? await org.tx.insert(toolCalls).values(rows).returning() : [];
  await notify(org, { threadId: run.threadId, runId: run.id });
  return { kind: 'tools', calls: openCalls(inserted) };
}
