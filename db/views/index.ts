// Read models of the pages: what a page shows in one call, already cut to what the actor may see.
export { type ApprovalView, countPending, readApprovalView, readInbox } from './approvals.ts';
export { type EffectView, readEffectView, readOpenQuestions } from './effects.ts';
export { type ModelCall, readRunList, readRunView, type RunView } from './runs.ts';
export {
  type ListedThread,
  listOwnThreads,
  readOwnThread,
  readTimeline,
  type Timeline,
  type TimelineItem,
} from './threads.ts';
