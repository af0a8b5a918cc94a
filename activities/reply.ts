import { and, eq } from 'drizzle-orm';
import { errorText, UserError } from '#core/errors.ts';
import { cut } from '#core/text.ts';
import { cancelApprovalsOf } from '#db/approvals.ts';
import { audit } from '#db/audit.ts';
import type { Org } from '#db/client.ts';
import { effectsOf, leaveUnclear, type Effect } from '#db/effects.ts';
import { notify } from '#db/notify.ts';
import { lockRun, turnsOf, updateRun, type Run } from '#db/runs.ts';
import { members, messages } from '#db/schema/index.ts';
import { addMessage, readThread, releaseThread } from '#db/threads.ts';
import { receiptLine, replyMessage } from './chat/render/index.ts';
import { askedUnseen } from './asked.ts';
import type { ActivityDeps } from './deps.ts';
import type { Progress } from './progress.ts';
import { readContext } from './turn/context.ts';

export interface RunEnd {
  orgId: string;
  runId: string;
  outcome: 'done' | 'stopped' | 'failed';
  problem?: string;
}
type Reply = Omit<Parameters<typeof replyMessage>[0], 'key' | 'runId'>;

/** The end of a run, as activities: the answer with its receipts, then the run's own state. Both may be repeated. */
export function createReplyActivities({
  db,
  chat,
  homes,
  log,
  progress,
}: Pick<ActivityDeps, 'db' | 'chat' | 'homes' | 'log'> & { progress: Progress }) {
  /** Writes the answer into the thread, once, and posts it. "Done" lines come from the ledger, never from a model's prose (RULES E8). */
  async function tell(end: RunEnd): Promise<void> {
    const { orgId, runId } = end;
    const { reply, thread, wasRefused } = await db.withOrg(orgId, async (org) => {
      const run = await lockRun(org, runId);
      const place = run && (await readThread(org, run.threadId));
      if (!run || !place) throw new Error('run vanished');
      const asked = await askedUnseen(org, run, place);
      const reply = { ...(await storeReply(org, run, end)), asked, isRated: end.outcome !== 'stopped' };
      return { reply, thread: place, wasRefused: noteOf(run) !== null };
    });
    await chat[thread.platform]?.post(orgId, thread, replyMessage({ key: `reply:${runId}`, ...reply, runId }));
    if (wasRefused) await db.withOrg(orgId, (org) => updateRun(org, runId, { statusText: null }));
    // Not waited for: the answer is there.
    void progress.show({ orgId, runId, platform: thread.platform });
  }

  /** What the platform lastingly does not take is in the panel only: the run says so to people, and one line to the operator. */
  async function noteUntold({ orgId, runId, problem }: RunEnd, why: UserError): Promise<void> {
    const isNew = await db.withOrg(orgId, async (org) => {
      const run = await lockRun(org, runId);
      if (!run || run.endedAt || noteOf(run) !== null) return false;
      await updateRun(org, runId, { statusText: cut(NOT_POSTED + why.message, 300) });
      return true;
    });
    // Its card was refused for the same reason: that line is there.
    if (isNew && problem !== why.message)
      log.error({ orgId, runId, error: why.message, alert: true }, 'an answer was not posted');
  }

  const end = {
    /** Posts the answer (`tell`). One that no repetition helps to post does not hold up the end of its run. */
    async postReply(end: RunEnd): Promise<void> {
      try {
        await tell(end);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        await noteUntold(end, error);
      }
    },

    /** Closes the run: the last thing a workflow does, whatever happened before (RULES R7). */
    async finishRun({ orgId, runId, outcome, problem }: RunEnd): Promise<void> {
      const ended = await db.withOrg(orgId, async (org) => {
        const run = await lockRun(org, runId);
        if (!run) throw new Error('run vanished');
        if (run.endedAt) return undefined;
        const statusText = endText(problem, noteOf(run));
        await Promise.all([
          cancelApprovalsOf(org, runId),
          leaveUnclear(org, runId),
          updateRun(org, runId, { status: outcome, statusText, endedAt: new Date() }),
          releaseThread(org, run.threadId, runId),
          notify(org, { runId, threadId: run.threadId }),
        ]);
        await audit(org, { actor: 'system', action: `run.${outcome}`, target: { type: 'run', id: runId } });
        log.info({ orgId, runId, outcome }, 'run ended');
        return run;
      });
      // Whoever stopped it in their home sees it end there. Not waited for.
      if (ended?.stopRequestedAt) void homes?.refreshOwn(orgId, ended.requestedBy);
    },
  };

  return {
    ...end,

    /** What the sweeper calls for a run that cannot go on. */
    giveUp: async ({ orgId, runId, problem }: { orgId: string; runId: string; problem: string }): Promise<void> => {
      const failed = { orgId, runId, problem, outcome: 'failed' } as const;
      await tell(failed).catch((error: unknown) => {
        // What no repetition helps must not keep the run open; anything else the next round tries again.
        if (!(error instanceof UserError)) throw error;
        const words = { orgId, runId, error: errorText(error), alert: true };
        log.error(words, 'a run was given up, and its thread cannot be told');
      });
      await end.finishRun(failed);
    },
  };
}

/** How the run shows that its answer is in the panel only. */
const NOT_POSTED = 'The answer was not posted: ';
const noteOf = ({ statusText }: Run): string | null => (statusText?.startsWith(NOT_POSTED) ? statusText : null);

function endText(problem: string | undefined, note: string | null): string | null {
  if (!problem) return note;
  return cut(note === null || note.endsWith(problem) ? problem : `${cut(problem, 120)} ${note}`, 300);
}

async function storeReply(org: Org, run: Run, end: RunEnd): Promise<Reply> {
  const [effects, [before], taint] = await Promise.all([
    effectsOf(org, run.id),
    org.tx
      .select({ id: messages.id })
      .from(messages)
      .where(and(eq(messages.orgId, org.id), eq(messages.runId, run.id), eq(messages.role, 'assistant'))),
    // Its last turn has noted what it had read by then, and nothing was read since.
    end.outcome === 'done' ? run.taint : readContext(org, run).then((context) => context.taint ?? run.taint),
  ]);
  const reply = { ...(await words(org, run, end, effects)), receipts: effects.filter(isDone).map(receiptLine) };
  if (before) return reply;
  const text = [reply.text, ...reply.receipts].filter(Boolean).join('\n\n');
  await addMessage(org, run.threadId, {
    role: 'assistant',
    text,
    suggestions: reply.suggestions,
    runId: run.id,
    outside: taint,
  });
  return reply;
}

const isDone = (effect: Effect): boolean =>
  effect.state === 'confirmed' || (effect.state === 'resolved' && effect.resolution === 'sent');

/** What became of writes that are not done, so that nobody has to guess. */
const loose = (effects: readonly Effect[]): string[] =>
  effects
    .filter((effect) => !isDone(effect))
    .map((effect) => {
      if (effect.state === 'refused') return `Not done: ${effect.summary}. ${effect.error ?? ''}`.trim();
      if (effect.state === 'not_sent' || effect.state === 'resolved') return `Not sent: ${effect.summary}.`;
      return `Unclear: ${effect.summary}. Look at the other side before you ask again.`;
    });

async function words(
  org: Org,
  run: Run,
  { outcome, problem }: RunEnd,
  effects: readonly Effect[],
): Promise<Omit<Reply, 'receipts'>> {
  if (outcome === 'done') {
    const last = (await turnsOf(org, run.id)).at(-1);
    return {
      text: [last?.text || 'That is all.', ...loose(effects)].join('\n\n'),
      suggestions: last?.suggestions ?? [],
    };
  }
  if (outcome === 'stopped') {
    const [by] = run.stopRequestedBy
      ? await org.tx
          .select({ name: members.name })
          .from(members)
          .where(and(eq(members.orgId, org.id), eq(members.id, run.stopRequestedBy)))
      : [];
    return { text: [`Stopped${by ? ` by ${by.name}` : ''}.`, ...loose(effects)].join('\n\n'), suggestions: [] };
  }
  return {
    text: [`This could not be finished: ${cut(problem ?? 'an unexpected error', 500)}`, ...loose(effects)].join('\n\n'),
    suggestions: [],
  };
}
