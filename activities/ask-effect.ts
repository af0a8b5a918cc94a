import { and, eq } from 'drizzle-orm';
import { errorText } from '#core/errors.ts';
import { countQuestionFailure, markQuestion, MAX_QUESTION_EDITS } from '#db/effect-questions.ts';
import { readEffect } from '#db/effects.ts';
import { notify } from '#db/notify.ts';
import { readRun, showRun } from '#db/runs.ts';
import { members } from '#db/schema/index.ts';
import { readThread, releaseThread } from '#db/threads.ts';
import { effectQuestion } from './chat/render/index.ts';
import type { ActivityDeps } from './deps.ts';
import type { Progress } from './progress.ts';
import { orAlert } from './refused.ts';

type Asked = { orgId: string; runId: string; effectId: string };

/** An unclear send is asked about, never repeated blindly (RULES E5, E6). */
export function createEffectQuestion({
  db,
  chat,
  log,
  progress,
}: Pick<ActivityDeps, 'db' | 'chat' | 'log'> & { progress: Progress }) {
  return {
    askAboutEffect: (asked: Asked): Promise<void> => orAlert(log, asked, askAboutEffect(asked)),

    /** What the sweeper calls for questions of ended runs. A platform that fails is tried later and later (RULES S1). */
    async editQuestion(asked: Asked): Promise<void> {
      try {
        await askAboutEffect(asked);
      } catch (error) {
        const attempts = await db.withOrg(asked.orgId, (org) => countQuestionFailure(org, asked.effectId));
        const words = { ...asked, attempts, error: errorText(error) };
        if (attempts >= MAX_QUESTION_EDITS)
          log.error({ ...words, alert: true }, 'dead letter: the question about an effect cannot be edited');
        else log.warn(words, 'the question about an effect was not edited; it is tried again');
      }
    },

    /** What the waiting run reads after every wake-up. */
    readEffectState: ({ orgId, effectId }: Asked): Promise<{ state: string }> =>
      db.withOrg(orgId, async (org) => ({ state: (await readEffect(org, effectId))?.state ?? 'ambiguous' })),
  };

  /** Posts the question; called again after the answer, or once the run is over, it says so in its place. */
  async function askAboutEffect({ orgId, runId, effectId }: Asked): Promise<void> {
    const { thread, effect, byName, isOver } = await db.withOrg(orgId, async (org) => {
      const run = await readRun(org, runId);
      const found = await readEffect(org, effectId);
      const place = await readThread(org, run.threadId);
      if (!found || !place) throw new Error('effect vanished');
      if (found.state === 'ambiguous') {
        await showRun(org, runId, 'waiting', `Waits for an answer: was it sent? ${found.summary}`.slice(0, 300));
        await releaseThread(org, run.threadId, runId);
      }
      await notify(org, { runId, threadId: run.threadId });
      const [by] = found.resolvedBy
        ? await org.tx
            .select({ name: members.name })
            .from(members)
            .where(and(eq(members.orgId, orgId), eq(members.id, found.resolvedBy)))
        : [];
      const isOver = run.stopRequestedAt !== null || run.endedAt !== null;
      return { thread: place, effect: found, byName: by?.name ?? null, isOver };
    });
    void progress.show({ orgId, runId, platform: thread.platform });
    const out = chat[thread.platform];
    if (!out) return;
    const isOpen = effect.state === 'ambiguous';
    const question = effectQuestion({ ...effect, resolvedByName: byName, isOver });
    const at = await out.post(orgId, thread, question);
    // Unclear once more after "not sent": the post shows the earlier answer, and has to ask again. Stopped: it says that nothing is sent again.
    if (!isOpen || isOver || effect.attempts > 1) await out.edit(orgId, at, question);
    const shows = effect.resolution ? 'answered' : isOver ? 'over' : 'open';
    await db.withOrg(orgId, (org) => markQuestion(org, effectId, shows));
  }
}
