import { chmod, lstat, mkdir, mkdtemp, readdir, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { firstClosed } from './account.ts';
import { holdsCluster, openFolder } from './folder.ts';
import { ensurePostgres } from './index.ts';

const account = { name: 'nobody', uid: 65534, gid: 65534 };
const asRoot = process.getuid?.() === 0;

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'abw-folder-')));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('a cluster of another major version is refused, not touched', async () => {
  await mkdir(join(folder, 'pg'));
  await writeFile(join(folder, 'pg/PG_VERSION'), '17\n');
  await expect(ensurePostgres({ dir: join(folder, 'pg') })).rejects.toThrow(/made by PostgreSQL 17.*DATABASE_URL/);
  expect(await readdir(join(folder, 'pg'))).toEqual(['PG_VERSION']);
});

test('a folder that holds something else is refused, not touched', async () => {
  await mkdir(join(folder, 'pg'));
  await writeFile(join(folder, 'pg/thesis.txt'), 'years of work');
  await expect(ensurePostgres({ dir: join(folder, 'pg') })).rejects.toThrow(/holds something that is no database/);
  expect(await readdir(join(folder, 'pg'))).toEqual(['thesis.txt']);
});

test('an absent and an empty folder hold no cluster yet', async () => {
  await mkdir(join(folder, 'pg'));
  expect(await holdsCluster(join(folder, 'pg'))).toBe(false);
  expect(await holdsCluster(join(folder, 'absent'))).toBe(false);
});

test('a file where the data folder should be gives a clear line', async () => {
  await writeFile(join(folder, 'file'), '');
  await expect(ensurePostgres({ dir: join(folder, 'file/pg') })).rejects.toThrow(/cannot be used as a folder/);
});

test.runIf(asRoot)('a closed data folder of ours lets the account through, but not list it', async () => {
  expect(await firstClosed(folder, account)).toBe(folder);
  expect(await openFolder(join(folder, 'pg'), account)).toBe(join(folder, 'pg'));
  expect(await firstClosed(folder, account)).toBeUndefined();
  expect((await stat(folder)).mode & 0o777).toBe(0o710);
});

test.runIf(asRoot)('below a folder closed further out the cluster lies elsewhere, behind a link', async () => {
  const [home, elsewhere] = [join(folder, 'home'), join(folder, 'elsewhere')];
  await mkdir(join(home, 'data'), { recursive: true });
  await chmod(home, 0o700);
  await chmod(folder, 0o755);

  const umask = process.umask(0o077);
  const cluster = await openFolder(join(home, 'data/pg'), account, elsewhere).finally(() => process.umask(umask));
  expect(await firstClosed(cluster, account)).toBeUndefined();
  expect(await realpath(join(home, 'data/pg'))).toBe(cluster);
  expect((await stat(cluster)).uid).toBe(account.uid);
  expect((await lstat(home)).mode & 0o777).toBe(0o700);
  expect(await openFolder(join(home, 'data/pg'), account, elsewhere)).toBe(cluster);
});

test.runIf(asRoot)('an existing cluster that became unreachable is named, not replaced by an empty one', async () => {
  const dir = join(folder, 'home/data/pg');
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'PG_VERSION'), '18\n');
  await chmod(join(folder, 'home'), 0o700);
  await chmod(folder, 0o755);
  await expect(openFolder(dir, account, join(folder, 'elsewhere'))).rejects.toThrow(/nobody.*may not enter.*home/);
});

test.runIf(asRoot)('a cluster copied by root is handed to the account', async () => {
  const dir = join(folder, 'pg');
  await mkdir(join(dir, 'base'), { recursive: true });
  await writeFile(join(dir, 'PG_VERSION'), '18\n');
  await openFolder(dir, account);
  for (const path of [dir, join(dir, 'base'), join(dir, 'PG_VERSION')])
    expect((await stat(path)).uid).toBe(account.uid);
});
