import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '#core/errors.ts';
import { newKeyRingText, parseKeyRing, type KeyRing } from '#core/keys.ts';
import { lookUpProcess } from '#db/embedded/process.ts';

const codeOf = (error: unknown): string | undefined => (error instanceof Error && 'code' in error ? String(error.code) : undefined);

/** Makes the folder if needed. Throws `UserError` when it cannot be used. */
export async function openDataFolder(folder: string): Promise<string> {
  const full = path.resolve(folder);
  try {
    await mkdir(full, { recursive: true, mode: 0o755 });
    const probe = path.join(full, `.probe-${process.pid}`);
    await writeFile(probe, '');
    await rm(probe);
    return full;
  } catch (error) {
    throw new UserError(`The data folder ${full} cannot be used (${codeOf(error) ?? 'unknown'}). Make it writable, or set ABETWORKS_DATA_DIR.`);
  }
}

/**
 * One product per data folder and role. The holder is pid + start time, so that a lock left by SIGKILL, or a reused pid, does not count (RULES S2).
 * Returns how to let go. Throws `UserError` naming the holder.
 */
export async function lockDataFolder(folder: string, role: string): Promise<() => Promise<void>> {
  const file = path.join(folder, `${role}.lock`);
  const mine = `${process.pid} ${lookUpProcess(process.pid)?.startedAt ?? ''}`;
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      await writeFile(file, mine, { flag: 'wx', mode: 0o600 });
      return () => rm(file, { force: true });
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    const holder = await readFile(file, 'utf8').catch(() => '');
    const [pid = '', ...started] = holder.split(' ');
    const alive = Number(pid) > 0 ? lookUpProcess(Number(pid)) : undefined;
    if (alive && alive.startedAt === started.join(' '))
      throw new UserError(`Abetworks already runs on ${folder} (process ${pid}). Use that one, stop it, or set ABETWORKS_DATA_DIR to another folder.`);
    await rm(file, { force: true });
  }
  throw new UserError(`The lock ${file} could not be taken. Remove it if nothing runs, and start again.`);
}

/** `ABETWORKS_KEYS`, or the ring made at the first start and kept 0600 in the data folder. */
export async function readKeys(folder: string, configured: string | undefined): Promise<KeyRing> {
  if (configured) return parseKeyRing(configured);
  const file = path.join(folder, 'keys');
  try {
    await writeFile(file, newKeyRingText(), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  return parseKeyRing((await readFile(file, 'utf8')).trim());
}
