import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '#core/errors.ts';
import { lookUpProcess } from '#db/embedded/process.ts';
import { withLock } from '#scripts/temporal/lock.ts';

/** Who may use a data folder: each role once, in any process. `audit` reads only; `keys` is a rotation, `reset` a password's. */
export type FolderUser = 'web' | 'bots' | 'worker' | 'audit' | 'keys' | 'reset';
const PRODUCT: readonly FolderUser[] = ['web', 'bots', 'worker'];
const EVERYONE: readonly FolderUser[] = [...PRODUCT, 'audit', 'keys', 'reset'];
/** Whom each local server serves: it runs as long as one of them does. */
export const SERVES = { postgres: EVERYONE, temporal: [...PRODUCT, 'keys'] } as const;

export interface FolderUse {
  /** Starts or adopts a local server. Nobody starts or stops one on this folder meanwhile. */
  open<T extends { stop(options: { force: true }): Promise<void> }>(
    server: keyof typeof SERVES,
    start: () => Promise<T>,
  ): Promise<T>;
  /** Lets go of the folder. Whoever is the last to need a local server stops it, whoever started it (RULES S2). */
  leave(): Promise<void>;
}

/**
 * Takes the folder for these users. A holder is pid + start time, so a lock left by SIGKILL, or a reused pid, does not count (RULES S2).
 * Throws `UserError` naming the holder.
 */
export async function useFolder(folder: string, users: readonly FolderUser[]): Promise<FolderUse> {
  const stops: { server: keyof typeof SERVES; stop: () => Promise<void> }[] = [];
  const exclusively = <T>(name: string, work: () => Promise<T>): Promise<T> =>
    withLock(path.join(folder, name), () => {}, work);
  await exclusively('users.lock', () => take(folder, users));
  return {
    open: (server, start) =>
      exclusively(`${server}.start.lock`, async () => {
        const running = await start();
        stops.push({ server, stop: () => running.stop({ force: true }) });
        return running;
      }),
    leave: async () => {
      await exclusively('users.lock', () => letGo(folder, users));
      for (let last = stops.pop(); last; last = stops.pop()) {
        const { server, stop } = last;
        // Under the lock: who comes now waits, and then starts it anew.
        await exclusively(`${server}.start.lock`, async () => {
          if ((await holdersOf(folder, SERVES[server])).length === 0) await stop();
        });
      }
    },
  };
}

const fileOf = (folder: string, user: FolderUser): string => path.join(folder, `${user}.pid`);
const me = (): string => `${process.pid} ${lookUpProcess(process.pid)?.startedAt ?? ''}`;

async function take(folder: string, users: readonly FolderUser[]): Promise<void> {
  const [holder] = await holdersOf(folder, users);
  if (holder !== undefined)
    throw new UserError(
      `Abetworks already runs on ${folder} (process ${holder}). Use that one, stop it, or set ABETWORKS_DATA_DIR to another folder.`,
    );
  for (const user of users) await writeFile(fileOf(folder, user), me(), { mode: 0o600 });
}

async function letGo(folder: string, users: readonly FolderUser[]): Promise<void> {
  for (const user of users) await rm(fileOf(folder, user), { force: true });
}

/** Living processes that hold one of these. */
async function holdersOf(folder: string, users: readonly FolderUser[]): Promise<number[]> {
  const texts = await Promise.all(users.map((user) => readFile(fileOf(folder, user), 'utf8').catch(() => '')));
  return texts.flatMap((text) => {
    const [pid = '', ...startedAt] = text.split(' ');
    const living = Number(pid) > 0 ? lookUpProcess(Number(pid)) : undefined;
    return living?.startedAt === startedAt.join(' ') ? [Number(pid)] : [];
  });
}
