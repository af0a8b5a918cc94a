import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { BareActivities } from './bare.ts';

// As many activities as a simple reply of workflows/request.ts has, of the same kinds and with the same options, doing nothing.
const { takeTurn } = proxyActivities<BareActivities>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '15 seconds',
  retry: { maximumAttempts: 8 },
});
const { postReply } = proxyActivities<BareActivities>({
  startToCloseTimeout: '20 seconds',
  heartbeatTimeout: '15 seconds',
  retry: { maximumAttempts: 30 },
});
const { finishRun } = proxyLocalActivities<BareActivities>({ startToCloseTimeout: '5 seconds' });

/** Two remote activities and a local one: what Temporal itself costs. */
export async function bare(run: { orgId: string; runId: string }): Promise<void> {
  await takeTurn(run);
  await postReply(run);
  await finishRun(run);
}
