import { spawn } from 'node:child_process';
import { access, mkdir, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { UserError } from '#core/errors.ts';

/** One version for everybody: another one finds other things. */
const VERSION = '4.32.5';

/** The `st` command, in a Python environment of its own in the user's cache. Fetched from PyPI once. Throws `UserError` naming what is missing. */
export async function installJudge(): Promise<string> {
  const cache = process.env['XDG_CACHE_HOME'] || path.join(process.env['HOME'] || homedir(), '.cache');
  const folder = path.join(cache, 'abetworks', `schemathesis-${VERSION}`);
  const command = path.join(folder, 'bin', 'st');
  const isThere = await access(command).then(
    () => true,
    () => false,
  );
  if (isThere) return command;
  await rm(folder, { recursive: true, force: true });
  await mkdir(path.dirname(folder), { recursive: true });
  try {
    await run('python3', ['-m', 'venv', folder]);
    await run(path.join(folder, 'bin', 'pip'), ['install', '--quiet', `schemathesis==${VERSION}`]);
  } catch (error) {
    // A half-made environment would be taken for a whole one.
    await rm(folder, { recursive: true, force: true });
    throw new UserError(
      `Schemathesis could not be installed: ${error instanceof Error ? error.message : String(error)}. It needs python3 with venv and pip, and PyPI.`,
    );
  }
  return command;
}

/** Runs a command to its end, showing what it writes. Throws when it exits with anything but 0 (or `okay`). */
export async function run(
  command: string,
  args: readonly string[],
  /** Where it may leave files of its own. */
  cwd = tmpdir(),
  okay: readonly number[] = [0],
): Promise<number> {
  // Python finds the hooks in the folder it starts in.
  const env = { ...process.env, SCHEMATHESIS_HOOKS: cwd === tmpdir() ? '' : 'hooks' };
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] });
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit, signal) =>
      signal ? reject(new Error(`${command} got ${signal}`)) : resolve(exit ?? 1),
    );
  });
  if (!okay.includes(code)) throw new Error(`${path.basename(command)} exited with ${code}`);
  return code;
}
