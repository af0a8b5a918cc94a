import { spawn } from 'node:child_process';
import type { SpawnOptions } from 'node:child_process';
import type { Account } from './account.ts';

export interface Outcome {
  ok: boolean;
  /** Everything it wrote, or why it could not be run at all (`spawn … EACCES`). */
  output: string;
}

/**
 * How our PostgreSQL programs are spawned: as the account, from a folder everybody may enter, and with nothing of our
 * environment, which holds tokens. LC_ALL because on macOS the server refuses to start without a locale.
 */
export function spawnOptions(account: Account | undefined): SpawnOptions {
  const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' };
  return { cwd: '/', env, ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }) };
}

/** Runs a program to its end as the account. Never throws. */
export function run(file: string, args: string[], account: Account | undefined): Promise<Outcome> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    try {
      const child = spawn(file, args, { ...spawnOptions(account), stdio: ['ignore', 'pipe', 'pipe'] });
      child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
      child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
      child.once('error', (error) => resolve({ ok: false, output: error.message }));
      child.once('close', (code) => resolve({ ok: code === 0, output: Buffer.concat(chunks).toString() }));
    } catch (error) {
      resolve({ ok: false, output: String(error) });
    }
  });
}
