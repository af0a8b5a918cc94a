import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '#core/errors.ts';

const sqliteBusy = 5;
/** As long as a slow download by the one ahead of us may take. */
const waitMs = 600_000;

/**
 * Runs `work` while nobody else, in this process or another, is inside the same lock file. The lock is SQLite's file lock,
 * so the operating system frees it when its holder dies and there is never a stale one to judge.
 */
export async function withLock<T>(file: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  const lock = new DatabaseSync(file);
  try {
    await acquire(lock, file, onWait);
    return await work();
  } finally {
    lock.close();
  }
}

async function acquire(lock: DatabaseSync, file: string, onWait: () => void): Promise<void> {
  const deadline = Date.now() + waitMs;
  for (let waited = false; ; waited = true) {
    if (tryLock(lock)) return;
    if (Date.now() > deadline)
      throw new UserError(`Another start has held ${file} for 10 minutes. End it and try again.`);
    if (!waited) onWait();
    await delay(50);
  }
}

function tryLock(lock: DatabaseSync): boolean {
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy) return false;
    throw error;
  }
}
