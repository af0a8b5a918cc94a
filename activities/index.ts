import { createAnswerActivities } from './answers.ts';
import { createApprovalActivities } from './approvals.ts';
import { createEffectQuestion } from './ask-effect.ts';
import type { ActivityDeps } from './deps.ts';
import { createHealthWatch } from './health.ts';
import { beating } from './heartbeat.ts';
import { createHomeActivities } from './homes.ts';
import { createProgress } from './progress.ts';
import { createReplyActivities } from './reply.ts';
import { createRunTool } from './run-tool.ts';
import { createTakeTurn } from './turn/take-turn.ts';

export type { ActivityDeps } from './deps.ts';
export { reviseCall } from './question.ts';
export type { ProposedCall } from './turn/take-turn.ts';

/** Everything workflows can ask for. Ids in, little out: texts stay in the database (RULES R1). All but the local ones heartbeat (R6). */
export function createActivities(deps: ActivityDeps) {
  const { publishHome } = createHomeActivities(deps);
  const { requestApproval, readApproval, updateCards } = createApprovalActivities(deps);
  const progress = createProgress(deps);
  const { askAboutEffect, readEffectState } = createEffectQuestion({ ...deps, progress });
  const { postReply, finishRun } = createReplyActivities({ ...deps, progress });
  const { answerDocument, answerModules, answerTest } = createAnswerActivities(deps);
  return {
    takeTurn: createTakeTurn({ ...deps, progress }),
    runTool: createRunTool({ ...deps, progress }),
    requestApproval: beating(async (asked: Parameters<typeof requestApproval>[0]) => {
      const approval = await requestApproval(asked);
      void progress.show(asked);
      return approval;
    }),
    updateCards: beating(updateCards),
    askAboutEffect: beating(askAboutEffect),
    postReply: beating(postReply),
    publishHome: beating(publishHome),
    answerDocument: beating(answerDocument),
    answerModules: beating(answerModules),
    answerTest: beating(answerTest),
    // Local: database steps of milliseconds.
    readApproval,
    readEffectState,
    finishRun,
  };
}
export type Activities = ReturnType<typeof createActivities>;

/** What the sweeper mends by itself, outside any workflow (RULES S1). */
export function createRepairs(deps: ActivityDeps) {
  const { updateCards, tellApprovers } = createApprovalActivities(deps);
  const progress = createProgress(deps);
  const { giveUp } = createReplyActivities({ ...deps, progress });
  const { editQuestion } = createEffectQuestion({ ...deps, progress });
  return {
    ...createHealthWatch(deps),
    editCards: updateCards,
    tellApprovers,
    editQuestion,
    showProgress: progress.show,
    giveUp,
  };
}
