import { asyncLocalStorage } from '@temporalio/activity';

/** The run in a workflow's id, `run:<org>:<run>`; empty for others. */
export function runOf(workflowId: unknown): { orgId?: string; runId?: string } {
  const [kind, orgId, runId] = typeof workflowId === 'string' ? workflowId.split(':') : [];
  return kind === 'run' && orgId !== undefined && runId !== undefined ? { orgId, runId } : {};
}

/** What each log line of an activity says about where it came from; empty outside one. */
export function activityFields(): Record<string, string | number> {
  const info = asyncLocalStorage.getStore()?.info;
  if (!info) return {};
  const { activityType: activity, attempt, workflowExecution } = info;
  const workflowId = workflowExecution?.workflowId;
  return { ...runOf(workflowId), ...(workflowId !== undefined && { workflowId }), activity, attempt };
}
