import { Client } from '@temporalio/client';
import { Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { z } from 'zod';
import { newId } from '#core/ids.ts';
import { keepInFlight } from './load.ts';

// A child process: client and worker of a bare workflow, as the product has both in one process. Its own task queue on the product's server.

const TASK_QUEUE = 'bench-bare';
const zOrder = z.object({ inFlight: z.int(), forMs: z.number() });
type Order = z.infer<typeof zOrder>;

/** Times in ms from before the start was sent. */
export interface BareSample {
  /** The last remote activity has run: where the product's reply is stored. */
  replied: number;
  /** The client has the workflow's result. */
  ended: number;
}

const repliedAt = new Map<string, number>();
const activities = {
  takeTurn: async (_run: { runId: string }): Promise<{ kind: 'reply' }> => ({ kind: 'reply' }),
  postReply: async ({ runId }: { runId: string }): Promise<void> => void repliedAt.set(runId, performance.now()),
  finishRun: async (_run: { runId: string }): Promise<void> => {},
};
export type BareActivities = typeof activities;

async function main(address: string): Promise<void> {
  const logger = new DefaultLogger('WARN');
  Runtime.install({ logger, shutdownSignals: [] });
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: new URL('./bare-workflow.ts', import.meta.url).pathname,
    logger,
  });
  const worker = await Worker.create({
    connection: await NativeConnection.connect({ address }),
    taskQueue: TASK_QUEUE,
    workflowBundle,
    activities,
    maxCachedWorkflows: 200,
    stickyQueueScheduleToStartTimeout: '2s',
  });
  const running = worker.run();
  const client = new Client({ connection: await Connection.connect({ address }) });
  process.once('disconnect', () => {
    worker.shutdown();
    void running.finally(() => process.exit(0));
  });
  process.on('message', (order) => void obey(client, zOrder.parse(order)));
  process.send?.({ isReady: true });
  await running;
}

async function obey(client: Client, { inFlight, forMs }: Order): Promise<void> {
  process.send?.(await keepInFlight(inFlight, forMs, () => runOnce(client)));
  repliedAt.clear();
}

async function runOnce(client: Client): Promise<BareSample> {
  const runId = newId();
  const begun = performance.now();
  await client.workflow.execute('bare', {
    taskQueue: TASK_QUEUE,
    workflowId: `bare:${runId}`,
    args: [{ orgId: newId(), runId }],
  });
  return { replied: (repliedAt.get(runId) ?? Number.NaN) - begun, ended: performance.now() - begun };
}

await main(process.argv[2] ?? '');
