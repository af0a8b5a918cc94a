import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { BareSample } from './bare.ts';

export interface Stoppable {
  stop(): Promise<void>;
}

/** The model in its own process; `url` is what OPENAI_BASE_URL takes. */
export async function startModel(): Promise<Stoppable & { url: string }> {
  const child = fork(new URL('./model.ts', import.meta.url).pathname);
  const { port } = await answer<{ port: number }>(child);
  return { url: `http://127.0.0.1:${port}/v1`, stop: () => end(child) };
}

export interface Bare extends Stoppable {
  pid: number;
  round(inFlight: number, forMs: number): Promise<BareSample[]>;
}

/** The bare workflow's client and worker in their own process. */
export async function startBare(address: string): Promise<Bare> {
  const child = fork(new URL('./bare.ts', import.meta.url).pathname, [address]);
  await answer(child);
  return {
    pid: child.pid ?? 0,
    round: (inFlight, forMs) => {
      child.send({ inFlight, forMs });
      return answer<BareSample[]>(child);
    },
    stop: () => end(child),
  };
}

/** The child's next message. Rejects when it ends instead. */
function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error(`${child.spawnargs[1] ?? 'a child'} ended`));
    child.once('exit', ended);
    child.once('message', (message) => {
      child.off('exit', ended);
      resolve(message as T);
    });
  });
}

const STOP_WITHIN_MS = 10_000;

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  // Without its channel a child ends by itself, also when we were killed.
  if (child.connected) child.disconnect();
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
  await gone;
  clearTimeout(timer);
}
