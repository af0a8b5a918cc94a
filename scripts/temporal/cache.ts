import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { cliVersion, whyUnusable } from './version.ts';

/** Where the fetched binary is kept for every checkout of this user: `<cache>/abetworks/temporal/<version>/temporal`. */
export function cachedBinaryPath(cacheDir: string | undefined, env: NodeJS.ProcessEnv): string {
  return join(cacheDir ?? userCacheDir(env), cliVersion, 'temporal');
}

function userCacheDir(env: NodeJS.ProcessEnv): string {
  const home = env['HOME'] || homedir();
  const system = process.platform === 'darwin' ? join(home, 'Library', 'Caches') : join(home, '.cache');
  return join(env['XDG_CACHE_HOME'] || system, 'abetworks', 'temporal');
}

/**
 * Puts a binary into the cache. `fetchInto` gets an empty folder of its own and gives the path of the binary in it.
 * Several installers may run at once: each works apart and the last rename wins, so nobody ever sees half a file.
 */
export async function install(target: string, fetchInto: (folder: string) => Promise<string>): Promise<string> {
  await mkdir(dirname(target), { recursive: true });
  const folder = await mkdtemp(join(dirname(target), '.fetch-'));
  try {
    const binary = await fetchInto(folder);
    await chmod(binary, 0o755);
    const fault = await whyUnusable(binary);
    if (fault) throw new Error(`the fetched binary ${fault}`);
    await rename(binary, target);
    return target;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
