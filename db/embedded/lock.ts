import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { UserError } from '#core/errors.ts';
import { hasCode } from './problems.ts';
import { lookUpProcess } from './process.ts';

const POLL_MS = 50;
// A holder writes its line right after creating the file; an empty file older than this was left by a crash.
const EMPTY_IS_STALE_MS = 5_000;

/**
 * Runs `work` while holding the lock file; waits for another holder, and takes over from one that is dead.
 * A holder is its pid and its start time, so a reused pid does not count. Throws UserError after `patienceMs`.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, patienceMs = 180_000): Promise<T> {
  const mine = `${process.pid} ${lookUpProcess(process.pid)?.startedAt} ${randomUUID()}`;
  const giveUpAt = Date.now() + patienceMs;
  while (!(await take(path, mine))) {
    if (Date.now() > giveUpAt) {
      throw new UserError(
        `Another process has been starting the local database for too long (${path}). Stop it and start again.`,
      );
    }
    await pause(POLL_MS);
  }
  try {
    return await work();
  } finally {
    if ((await readHolder(path)) === mine) await rm(path, { force: true });
  }
}

async function take(path: string, mine: string): Promise<boolean> {
  try {
    await writeFile(path, mine, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  const holder = await readHolder(path);
  if (holder !== undefined && (await isDead(path, holder))) await breakLock(path, holder);
  return false;
}

async function isDead(path: string, holder: string): Promise<boolean> {
  if (holder === '') {
    const written = await stat(path).catch(() => undefined);
    return written !== undefined && Date.now() - written.mtimeMs > EMPTY_IS_STALE_MS;
  }
  const [pid, startedAt] = holder.split(' ');
  return lookUpProcess(Number(pid))?.startedAt !== startedAt;
}

/** Of several who see the same dead holder one moves the file away. Whoever moved a living one by mistake puts it back. */
async function breakLock(path: string, holder: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  if ((await readHolder(aside)) !== holder) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

async function readHolder(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
