import {
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  makeTelemetryFilterString,
  type LogMetadata,
} from '@temporalio/worker';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { DataConverter } from '@temporalio/common';
import type { Logger } from 'pino';
import { errorText } from '#core/errors.ts';
import { createActivities, type ActivityDeps } from './index.ts';
import { runOf } from './log-fields.ts';

let installed: { metricsAt: string | undefined } | undefined;

/**
 * Temporal's native part logs through ours, and counts for itself at `metricsAt` (host:port, loopback) when given; once per process, before the
 * first connection.
 */
export function installRuntime(log: Logger, metricsAt?: string): void {
  if (installed) return;
  installed = { metricsAt };
  const level = { TRACE: 'debug', DEBUG: 'debug', INFO: 'debug', WARN: 'warn', ERROR: 'error' } as const;
  Runtime.install({
    logger: new DefaultLogger('WARN', (entry) => {
      // Meant so: the tools worker runs activities only.
      if (!entry.message.startsWith('No workflows registered'))
        log[level[entry.level]](tell(entry.meta), entry.message);
    }),
    telemetryOptions: {
      logging: { filter: makeTelemetryFilterString({ core: 'WARN' }), forward: {} },
      ...(metricsAt !== undefined && {
        metrics: {
          prometheus: {
            bindAddress: metricsAt,
            countersTotalSuffix: true,
            useSecondsForDurations: true,
            unitSuffix: true,
          },
        },
      }),
    },
    // Signals are the composition root's business: bots and web stop before the worker.
    shutdownSignals: [],
  });
}

/** Temporal's own families as Prometheus text; empty when nothing counts. */
export async function readTemporalMetrics(): Promise<string> {
  if (installed?.metricsAt === undefined) return '';
  const answer = await fetch(`http://${installed.metricsAt}/metrics`, { signal: AbortSignal.timeout(2_000) });
  if (!answer.ok) throw new Error(`it answered ${answer.status}`);
  return answer.text();
}

// Ids and the error's words only: what an activity was given stays out of the log.
const tell = (meta: LogMetadata | undefined) => ({
  activityType: meta?.['activityType'],
  workflowId: meta?.['workflowId'],
  ...runOf(meta?.['workflowId']),
  attempt: meta?.['attempt'],
  ...(meta?.['error'] === undefined ? {} : { error: errorText(meta['error']) }),
});

export interface RunningWorker {
  /** Rejects when a worker dies: the process must then end, for its supervisor to start it anew. */
  readonly ended: Promise<void>;
  /** Stops taking work, lets running activities end for 10 s, then ends. */
  stop(): Promise<void>;
}

/** Runs the chat and tools queues of one process. */
export async function startWorker(options: {
  connection: NativeConnection;
  namespace: string;
  dataConverter: DataConverter;
  workflowBundle: { codePath: string };
  queues: { chat: string; tools: string };
  deps: ActivityDeps;
}): Promise<RunningWorker> {
  const { connection, namespace, dataConverter, workflowBundle, queues } = options;
  const activities = createActivities(options.deps);
  const shared = {
    connection,
    namespace,
    dataConverter,
    activities,
    // The default of 10 s would make a run wait that long for a worker that was killed.
    stickyQueueScheduleToStartTimeout: '2s',
    maxHeartbeatThrottleInterval: '1s',
    shutdownGraceTime: '10s',
    shutdownForceTime: '20s',
  } as const;
  const interceptors = { activity: [told(options.deps.log)] };
  const chat = await Worker.create({
    ...shared,
    interceptors,
    taskQueue: queues.chat,
    workflowBundle,
    maxCachedWorkflows: 200,
  });
  const tools = await Worker.create({ ...shared, interceptors, taskQueue: queues.tools });
  const workers = [chat, tools];
  const ended = Promise.all(workers.map((worker) => worker.run())).then(() => undefined);
  return {
    ended,
    stop: async () => {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
      await ended.catch(() => undefined);
    },
  };
}

/** A line when an activity ends; which run it belonged to, the log's own fields say. */
const told =
  (log: Logger): ActivityInterceptorsFactory =>
  () => ({
    inbound: {
      execute: async (input, next) => {
        const startedMs = performance.now();
        try {
          return await next(input);
        } finally {
          log.debug({ ms: Math.round(performance.now() - startedMs) }, 'activity ended');
        }
      },
    },
  });
