// Read models of the pages: what a page shows in one call, already cut to what the actor may see.
export { type ApprovalView, countPending, readApprovalView, readInbox, viewOf } from './approvals.ts';
export { type ListedAudit, withNames } from './audit.ts';
export { mayEdit, whyNot } from './courtesy.ts';
export { type EffectDetail, type EffectView, readEffectDetail, readEffectView, readOpenQuestions } from './effects.ts';
export { chainOf, type DaySpend, type FailedCall, type ModelsView, type ModelView, readModels } from './models.ts';
export { activeRunsOf } from './own-runs.ts';
export { type PersonName, readConnectionNames, readPeople } from './people.ts';
export { type ListedRun, type ModelCall, readRunList, readRunView, type RunView, type SeenToolCall } from './runs.ts';
export {
  type ListedThread,
  listOwnThreads,
  readOwnThread,
  readTimeline,
  type Timeline,
  type TimelineItem,
} from './threads.ts';
