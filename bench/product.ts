import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import manifest from '#package.json' with { type: 'json' };
import type { Stoppable } from './children.ts';

const root = path.resolve(import.meta.dirname, '..');
/** What `npm start` gives node: its flags are part of what is measured. */
const startArguments = manifest.scripts.start.split(' ').slice(1);
const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 45_000;

export interface Product extends Stoppable {
  pid: number;
  /** Where it listens, and how long that took. Rejects when it ends instead, or takes too long. */
  ready: Promise<{ url: string; afterMs: number }>;
}

/**
 * `npm start` as a process of its own, with its own local servers, as somebody who tries it has it; or one role of it, on a folder that roles share.
 * Its log lies in `folder`.
 */
export function startProduct(
  folder: string,
  settings: Record<string, string>,
  nodeFlags: readonly string[],
  role?: 'web' | 'worker',
): Product {
  const begun = performance.now();
  const { PATH, HOME, TMPDIR, XDG_CACHE_HOME, TEMPORAL_CLI_PATH } = process.env;
  const ours = Object.entries({ PATH, HOME, TMPDIR, XDG_CACHE_HOME, TEMPORAL_CLI_PATH });
  const env = Object.fromEntries(ours.filter(([, value]) => value !== undefined));
  const child = spawn(process.execPath, [...nodeFlags, ...startArguments, ...(role ? [role] : [])], {
    cwd: root,
    env: { ...env, HOST: '127.0.0.1', PORT: '0', ABETWORKS_DATA_DIR: path.join(folder, 'data'), ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C is for the bench, which then stops it in order.
    detached: true,
  });
  const gone = once(child, 'exit');
  child.stderr.pipe(createWriteStream(path.join(folder, `${role ?? 'product'}.log`)));
  const ready = new Promise<{ url: string; afterMs: number }>((resolve, reject) => {
    let said = '';
    const timer = setTimeout(() => reject(new Error(`the product was not ready in time: ${said}`)), READY_WITHIN_MS);
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const ready = /is ready(?:: (http:\S+)|\.)[^]*Ctrl-C stops it/.exec(said);
      if (!ready) return;
      clearTimeout(timer);
      resolve({ url: ready[1] ?? '', afterMs: performance.now() - begun });
    });
    void gone.then(() => reject(new Error(`the product ended: ${said}; see its log in ${folder}`)));
    void gone.finally(() => clearTimeout(timer));
  });
  ready.catch(() => undefined);
  return {
    pid: child.pid ?? 0,
    ready,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
      await gone;
      clearTimeout(timer);
    },
  };
}
