import { mkdtemp, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withLock } from './lock.ts';

let path: string;
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'abw-lock-')), 'pg.lock');
});
afterEach(() => rm(dirname(path), { recursive: true, force: true }));

test('one works at a time, and nothing is left behind', async () => {
  let inside = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    most = Math.max(most, (inside += 1));
    await readFile(path);
    inside -= 1;
  };
  await Promise.all([1, 2, 3, 4, 5].map(() => withLock(path, work)));

  expect(most).toBe(1);
  expect(await readdir(dirname(path))).toEqual([]);
});

test('S2 the lock of a killed process is taken over', async () => {
  // Above the largest pid a system gives (proc_sys_kernel(5): 2^22).
  await writeFile(path, '99999999 123 token');
  expect(await withLock(path, async () => 'in', 2_000)).toBe('in');
});

test('S2 a living process that only has the same pid does not hold the lock', async () => {
  await writeFile(path, `${process.pid} another-start token`);
  expect(await withLock(path, async () => 'in', 2_000)).toBe('in');
});

test('a lock whose holder died before writing its name is taken over', async () => {
  await writeFile(path, '');
  await utimes(path, new Date(0), new Date(0));
  expect(await withLock(path, async () => 'in', 2_000)).toBe('in');
});

test('a living holder is waited for, then named', async () => {
  const waiting = withLock(path, () => withLock(path, async () => 'in', 100));
  await expect(waiting).rejects.toThrow(/pg\.lock.*Stop it and start again/);
});

test('the lock is given back when the work fails', async () => {
  await expect(withLock(path, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
  expect(await readdir(dirname(path))).toEqual([]);
});
