import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { UserError } from '#core/errors.ts';
import { hasCode } from './problems.ts';
import { lookUpProcess, pidIsTaken } from './process.ts';

/** What a server says about itself in its folder. The file outlives a killed server, so it proves nothing alone. */
export interface Postmaster {
  pid: number;
  port: number;
  ready: boolean;
}

const POLL_MS = 20;
const STOP_MS = 60_000;

/** Reads `postmaster.pid`; undefined when it is absent or not yet complete. */
export async function readPostmaster(cluster: string): Promise<Postmaster | undefined> {
  let text: string;
  try {
    text = await readFile(join(cluster, 'postmaster.pid'), 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  // Lines: 1 pid, 4 port, 8 status (src/include/utils/pidfile.h).
  const lines = text.split('\n').map((line) => line.trim());
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  return pid > 0 && port > 0 ? { pid, port, ready: lines[7] === 'ready' } : undefined;
}

/** Whether that pid is, right now, a server on this folder; a reused pid, another cluster's server and a zombie are not. */
export function serves(pid: number, cluster: string): boolean {
  return lookUpProcess(pid)?.command.includes(` -D ${cluster} `) ?? false;
}

/**
 * PostgreSQL refuses to start while the pid in its file is taken, be it by a zombie no one reaps (a container without an
 * init) or by a stranger after a reboot. Its own shared memory check still keeps two servers apart without the file.
 */
export async function removeStalePidFile(cluster: string): Promise<void> {
  const left = await readPostmaster(cluster);
  if (left === undefined || serves(left.pid, cluster) || !pidIsTaken(left.pid)) return;
  await rm(join(cluster, 'postmaster.pid'), { force: true });
}

/** Fast shutdown (as `pg_ctl stop -m fast`): open transactions are rolled back; returns when the process is gone. */
export async function stopPostmaster(pid: number, cluster: string): Promise<void> {
  if (!serves(pid, cluster)) return;
  try {
    process.kill(pid, 'SIGINT');
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
  const giveUpAt = Date.now() + STOP_MS;
  while (serves(pid, cluster)) {
    if (Date.now() > giveUpAt)
      throw new UserError(`PostgreSQL (process ${pid}) does not stop. Look at the log beside ${cluster}.`);
    await pause(POLL_MS);
  }
}
