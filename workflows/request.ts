import {
  CancellationScope,
  condition,
  defineSignal,
  isCancellation,
  patched,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  sleep,
  ActivityCancellationType,
} from '@temporalio/workflow';
import type { Activities, ProposedCall } from '#activities/index.ts';
import { RUN_LIMITS } from '#core/limits.ts';
import { TASK_QUEUES, WAKE, type RunRef } from './names.ts';

const wake = defineSignal(WAKE);

// No schedule-to-close anywhere here: an outage of the worker must not count as tries (attempts bound them).
// Each model of the chain may take minutes; a worker that died is noticed by its missing heartbeats (RULES R6).
const { takeTurn } = proxyActivities<Activities>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '15 seconds',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: {
    maximumAttempts: 8,
    initialInterval: '1 second',
    maximumInterval: '30 seconds',
    nonRetryableErrorTypes: ['UserError', 'ZodError'],
  },
});
// Everything a tool does is in the ledger, so it may be tried again for long; what is not sent twice is the ledger's business (RULES E).
const { runTool } = proxyActivities<Activities>({
  taskQueue: TASK_QUEUES.tools,
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '15 seconds',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: {
    maximumAttempts: 30,
    initialInterval: '1 second',
    maximumInterval: '60 seconds',
    nonRetryableErrorTypes: ['UserError', 'ZodError'],
  },
});
// A platform may be away for hours, and a full channel asks to wait again and again: what was to be said there waits, and is not lost.
const { requestApproval, askAboutEffect, updateCards, postReply } = proxyActivities<Activities>({
  startToCloseTimeout: '20 seconds',
  heartbeatTimeout: '15 seconds',
  retry: {
    maximumAttempts: 300,
    initialInterval: '200 milliseconds',
    maximumInterval: '60 seconds',
    nonRetryableErrorTypes: ['UserError', 'ZodError'],
  },
});
const { readApproval, readEffectState, finishRun } = proxyLocalActivities<Activities>({
  startToCloseTimeout: '5 seconds',
  retry: { maximumAttempts: 20, initialInterval: '50 milliseconds', maximumInterval: '5 seconds' },
});

/** Marks runs that edit the cards of a decision beside its use. */
const EDITS_BESIDE = 'edit cards beside the use of a decision';
/** A missed wake-up costs at most this: waiting runs look again by themselves. */
const LOOK_AGAIN_MS = 10 * 60_000;

/** One chat request, from its message to its last reply (DESIGN: one request, end to end). Carries ids only (RULES R1). */
export async function request(run: RunRef): Promise<void> {
  let wakes = 0;
  setHandler(wake, () => {
    wakes += 1;
  });
  const woken = (since: number, withinMs: number) => condition(() => wakes > since, Math.min(withinMs, LOOK_AGAIN_MS));

  const openCards = new Set<string>();
  const edits: Promise<void>[] = [];
  let outcome: 'done' | 'stopped' | 'failed' = 'failed';
  let problem: string | undefined;
  try {
    outcome = await takeTurns();
  } catch (error) {
    if (isCancellation(error)) outcome = 'stopped';
    else problem = rootMessage(error);
  } finally {
    await CancellationScope.nonCancellable(async () => {
      await Promise.all(edits);
      try {
        await postReply({ ...run, outcome, ...(problem === undefined ? {} : { problem }) });
      } finally {
        await finishRun({ ...run, outcome, ...(problem === undefined ? {} : { problem }) });
      }
      // Stop and failure cancel what waited: its cards say so now (RULES A7).
      for (const approvalId of openCards) await updateCards({ ...run, approvalId });
    });
  }

  async function takeTurns(): Promise<'done' | 'stopped'> {
    // The limit itself is kept by takeTurn, which then answers with a reply; the loop only must not be endless.
    for (let turn = 1; turn <= RUN_LIMITS.turns + 1;) {
      const taken = await takeTurn({ ...run, turn });
      if (taken.kind === 'reply') return 'done';
      if (taken.kind === 'stopped') return 'stopped';
      if (taken.kind === 'busy') {
        await woken(wakes, taken.againInMs);
        continue;
      }
      // Calls that wait for people are all asked at once and take no place; the others run four at a time.
      const asked = taken.calls.filter((call) => call.needsApproval);
      const free = taken.calls.filter((call) => !call.needsApproval);
      const lane = async (): Promise<void> => {
        for (let call = free.shift(); call; call = free.shift()) await completeCall(call);
      };
      await allEnded([...Array.from({ length: RUN_LIMITS.parallelCalls }, lane), ...asked.map(completeCall)]);
      turn += 1;
    }
    return 'done';
  }

  async function completeCall({ toolCallId, needsApproval, isRead }: ProposedCall): Promise<void> {
    let mustAsk = needsApproval;
    for (;;) {
      if (mustAsk) await waitForApproval(toolCallId);
      const seen = wakes;
      // A write past `intended` is not cut off by Stop: its end is waited for (RULES R5).
      const running = () => runTool({ ...run, toolCallId });
      const ended = await (isRead ? running() : CancellationScope.nonCancellable(running));
      if (ended.kind === 'done') return;
      mustAsk = ended.kind === 'ask_again';
      // Waited for here, outside the scope above: Stop ends it at once, since nothing is under way.
      if (ended.kind === 'not_sent') await sleep(ended.againInMs);
      // Its connection is down. Whoever sees it up again wakes the run, also while the call was still ending.
      if (ended.kind === 'parked') await woken(seen, ended.againInMs);
      if (ended.kind === 'ambiguous') await waitForResolution(ended.effectId);
    }
  }

  async function waitForApproval(toolCallId: string): Promise<void> {
    const { approvalId } = await requestApproval({ ...run, toolCallId });
    openCards.add(approvalId);
    for (;;) {
      const seen = wakes;
      const approval = await readApproval({ ...run, approvalId });
      if (approval.status !== 'pending') break;
      await woken(seen, approval.expiresInMs);
    }
    // Runs that began earlier edited the cards first, and waited.
    if (patched(EDITS_BESIDE)) return editBeside(approvalId);
    await updateCards({ ...run, approvalId });
    openCards.delete(approvalId);
  }

  /** The edit goes out first, and what was approved does not wait for a platform to show it; the answer does. */
  function editBeside(approvalId: string): void {
    const edit = async (): Promise<void> => {
      try {
        await updateCards({ ...run, approvalId });
        openCards.delete(approvalId);
      } catch {
        // It stays open, and is edited at the end.
      }
    };
    edits.push(CancellationScope.nonCancellable(edit));
  }

  async function waitForResolution(effectId: string): Promise<void> {
    await askAboutEffect({ ...run, effectId });
    for (;;) {
      const seen = wakes;
      const { state } = await readEffectState({ ...run, effectId });
      if (state !== 'ambiguous') break;
      await woken(seen, LOOK_AGAIN_MS);
    }
    await askAboutEffect({ ...run, effectId });
  }
}

/** Waits for every call, also when one fails or Stop comes: what is under way must have ended before the answer is written. */
async function allEnded(calls: readonly Promise<void>[]): Promise<void> {
  const ended = await Promise.allSettled(calls);
  const failed = ended.find((call) => call.status === 'rejected');
  if (failed) throw failed.reason;
}

/** The innermost message: what the activity threw. */
function rootMessage(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : undefined;
  if (cause) return rootMessage(cause);
  return error instanceof Error ? error.message : String(error);
}
