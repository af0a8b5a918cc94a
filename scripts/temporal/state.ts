import { access, rm, writeFile } from 'node:fs/promises';

const marker = (stateFile: string): string => `${stateFile}.unfinished`;

/**
 * Call before a server starts. A server that is killed while it creates its tables leaves a state file that no later start
 * can use. Such a file holds nothing yet, and the mark of an unfinished first start tells it from a real one.
 */
export async function beginState(stateFile: string): Promise<void> {
  if (await exists(marker(stateFile)))
    for (const part of ['', '-wal', '-shm', '-journal']) await rm(stateFile + part, { force: true });
  if (!(await exists(stateFile))) await writeFile(marker(stateFile), '');
}

/** Call when a server answers: from now on the state is kept whatever happens. */
export async function keepState(stateFile: string): Promise<void> {
  await rm(marker(stateFile), { force: true });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
