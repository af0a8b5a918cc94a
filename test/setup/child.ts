import { spawn } from 'node:child_process';
import { inject } from 'vitest';
import { lookUpProcess } from '#db/embedded/process.ts';
import { until } from './until.ts';

export interface Child {
  pid: number;
  /** Everything it wrote so far, both streams. */
  output(): string;
  /** Waits until it says it is ready; its address, empty for roles without one. */
  ready(): Promise<string>;
  wrote(text: string): Promise<unknown>;
  signal(name: NodeJS.Signals): void;
  /** Waits for its end: the exit code, or the signal that ended it. */
  ended: Promise<number | string>;
}

/** Runs one of the product's scripts as a process of its own, with these settings and nothing of ours but PATH and HOME. */
export function runScript(script: string, args: readonly string[], env: Record<string, string>): Child {
  const { binary, cache } = inject('temporal');
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [script, ...args], {
    env: { PATH, HOME, HOST: '127.0.0.1', PORT: '0', TEMPORAL_CLI_PATH: binary, ABETWORKS_BUNDLE_DIR: cache, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const pid = child.pid ?? 0;
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'nothing'));
  });
  const wrote = (wanted: string): Promise<unknown> =>
    until(`it writes "${wanted}"`, async () => {
      if (text.includes(wanted)) return true;
      if (lookUpProcess(pid) === undefined) throw new Error(`it ended: ${text}`);
      throw new Error(text);
    });
  return {
    pid,
    output: () => text,
    wrote,
    ready: async () => {
      await wrote('Ctrl-C stops it.');
      return /is ready: (http:\S+)/.exec(text)?.[1] ?? '';
    },
    signal: (name) => void child.kill(name),
    ended,
  };
}
