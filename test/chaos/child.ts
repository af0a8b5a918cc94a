import { spawn } from 'node:child_process';
import path from 'node:path';
import { until } from '#test/setup/until.ts';

export interface Child {
  /** When it was started, by this process's clock in ms. */
  startedAt: number;
  pid: number;
  /** What it wrote, a line each. */
  lines: string[];
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
  /** SIGTERM, as Ctrl-C would; resolves when it has ended. */
  stop(): Promise<void>;
}

const root = path.resolve(import.meta.dirname, '../..');

/** `npm start` as a process of its own, ready to be asked. Nothing of the test's environment reaches it but these settings. */
export async function startChild(url: string, settings: Record<string, string>): Promise<Child> {
  const startedAt = Date.now();
  const { PATH, HOME, TMPDIR } = process.env;
  const child = spawn(process.execPath, ['scripts/start.ts'], {
    cwd: root,
    env: { PATH, HOME, TMPDIR, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => lines.push(...text.split('\n').filter(Boolean)));
  }
  await until(
    'the product answers',
    async () => {
      if (child.exitCode !== null) throw new Error(`it ended: ${lines.slice(-5).join('\n')}`);
      return (await fetch(`${url}/health/ready`)).ok;
    },
    60_000,
  );
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    child.kill(signal);
    await ended;
  };
  return { startedAt, pid: child.pid ?? 0, lines, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
}
