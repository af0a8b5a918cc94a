import { createAnswerActivities } from './answers.ts';
import { createApprovalActivities } from './approvals.ts';
import { createEffectQuestion } from './ask-effect.ts';
import type { ActivityDeps } from './deps.ts';
import { createReplyActivities } from './reply.ts';
import { createRunTool } from './run-tool.ts';
import { createTakeTurn } from './turn/take-turn.ts';

export type { ActivityDeps } from './deps.ts';
export type { ProposedCall } from './turn/take-turn.ts';

/** Everything workflows can ask for. Ids in, little out: texts stay in the database (RULES R1). */
export const createActivities = (deps: ActivityDeps) => ({
  takeTurn: createTakeTurn(deps),
  runTool: createRunTool(deps),
  ...createApprovalActivities(deps),
  ...createEffectQuestion(deps),
  ...createReplyActivities(deps),
  ...createAnswerActivities(deps),
});
export type Activities = ReturnType<typeof createActivities>;
