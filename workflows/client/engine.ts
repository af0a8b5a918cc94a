import {
  type Client as TemporalClient,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { homeIdOf, OPENED, TASK_QUEUES, WAKE, workflowIdOf, type HomeRef, type RunRef } from '#workflows/names.ts';

/** What the product asks of Temporal, in its own words. Every call is safe to repeat. */
export interface Engine {
  /** RULES I4. `again`: the sweeper restarts a run whose workflow closed without ending it. */
  start(run: RunRef, options?: { again?: boolean }): Promise<void>;
  /** An empty wake-up; a run that has ended needs none. */
  wake(run: RunRef): Promise<void>;
  cancel(run: RunRef): Promise<void>;
  /** `gone`: closed or unknown to Temporal. `failing`: its workflow task failed twice or more (RULES R7). */
  look(run: RunRef): Promise<{ state: 'open' | 'gone' } | { state: 'failing'; why: string }>;
  /** Runs a short workflow to its end; what it found lies in the database. */
  ask(workflow: string, workflowId: string, input: object): Promise<void>;
  /** Shows what a person has opened; while it is being shown, at most once more. Does not wait for it. */
  openHome(home: HomeRef): Promise<void>;
  isAlive(): Promise<boolean>;
}

const DEADLINE_MS = 8_000;

/**
 * `startsEagerly`: the first step of a run is handed to the worker of this process with the answer to its start, without a way through the task
 * queue. Only for a client on that worker's own NativeConnection.
 */
export function createEngine(temporal: TemporalClient, { startsEagerly = false } = {}): Engine {
  const within = <T>(fn: () => Promise<T>): Promise<T> => temporal.withDeadline(Date.now() + DEADLINE_MS, fn);
  const ignoreMissing = async (fn: () => Promise<unknown>): Promise<void> => {
    try {
      await within(fn);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  };
  return {
    start: async (run, { again = false } = {}) => {
      try {
        await within(() =>
          temporal.workflow.start('request', {
            workflowId: workflowIdOf(run),
            taskQueue: TASK_QUEUES.chat,
            args: [run],
            requestEagerStart: startsEagerly,
            workflowIdReusePolicy: again ? 'ALLOW_DUPLICATE' : 'REJECT_DUPLICATE',
          }),
        );
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
    },
    wake: (run) => ignoreMissing(() => temporal.workflow.getHandle(workflowIdOf(run)).signal(WAKE)),
    cancel: (run) => ignoreMissing(() => temporal.workflow.getHandle(workflowIdOf(run)).cancel()),
    look: async (run) => {
      try {
        const handle = temporal.workflow.getHandle(workflowIdOf(run));
        const { status, raw } = await within(() => handle.describe());
        if (status.name !== 'RUNNING') return { state: 'gone' };
        if ((raw.pendingWorkflowTask?.attempt ?? 0) < 3) return { state: 'open' };
        return { state: 'failing', why: await lastTaskFailure(temporal, run) };
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return { state: 'gone' };
        throw error;
      }
    },
    ask: (workflow, workflowId, input) =>
      temporal.withDeadline(Date.now() + 60_000, () =>
        temporal.workflow.execute(workflow, {
          workflowId,
          taskQueue: TASK_QUEUES.chat,
          args: [input],
          workflowExecutionTimeout: '60 seconds',
        }),
      ),
    openHome: async (home) => {
      await within(() =>
        temporal.workflow.signalWithStart('speakHome', {
          workflowId: homeIdOf(home),
          taskQueue: TASK_QUEUES.chat,
          args: [home],
          signal: OPENED,
          workflowExecutionTimeout: '10 minutes',
        }),
      );
    },
    isAlive: async () => {
      try {
        await temporal.withDeadline(Date.now() + 2_000, () => temporal.connection.workflowService.getSystemInfo({}));
        return true;
      } catch {
        return false;
      }
    },
  };
}

async function lastTaskFailure(temporal: TemporalClient, run: RunRef): Promise<string> {
  const history = await temporal.workflow.getHandle(workflowIdOf(run)).fetchHistory();
  const failures = (history.events ?? [])
    .map((event) => event.workflowTaskFailedEventAttributes?.failure?.message)
    .filter(Boolean);
  return failures.at(-1) ?? 'its workflow task keeps failing';
}
