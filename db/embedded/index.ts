import { UserError } from '#core/errors.ts';
import { chooseAccount } from './account.ts';
import { findPackage, readyBinaries } from './binaries.ts';
import { connect } from './connect.ts';
import type { Urls } from './connect.ts';
import { followLink, holdsCluster, openFolder, sweepStaging, truePath } from './folder.ts';
import { initialise } from './initialise.ts';
import { launch } from './launch.ts';
import { withLock } from './lock.ts';
import { makePasswords, requirePasswords } from './passwords.ts';
import { explain } from './problems.ts';
import { readPostmaster, serves, stopPostmaster } from './postmaster.ts';

export interface EmbeddedPostgres {
  /** For the owner role, which is no superuser. */
  url: string;
  /** For the superuser: creating databases in tests. */
  adminUrl: string;
  /** False when a running server was adopted. */
  started: boolean;
  pid: number;
  /** Fast shutdown. Does nothing for an adopted server unless forced. */
  stop(options?: { force?: boolean }): Promise<void>;
}

export interface EmbeddedOptions {
  /** The cluster's folder, such as `<data>/pg`. Passwords (`pg.json`), log (`pg.log`) and lock (`pg.lock`) lie beside it. */
  dir: string;
  onProgress?: (line: string) => void;
  /** Extra server settings, for a server that has to be started; an adopted one keeps its own. */
  settings?: Record<string, string>;
}

/**
 * The local PostgreSQL on this folder: adopted when it runs, else started (and made, the first time). It outlives this
 * process. Throws UserError, one line with the remedy, when it cannot.
 */
export async function ensurePostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  try {
    const dir = await truePath(options.dir);
    return (
      (await adopt(dir)) ??
      (await withLock(`${dir}.lock`, async () => (await adopt(dir)) ?? (await start(dir, options))))
    );
  } catch (error) {
    throw explain(error, options.dir);
  }
}

async function adopt(dir: string): Promise<EmbeddedPostgres | undefined> {
  const cluster = await followLink(dir);
  if (!(await holdsCluster(cluster))) return undefined;
  const running = await readPostmaster(cluster);
  if (running === undefined || !serves(running.pid, cluster)) return undefined;
  const urls = await connect(running, cluster, await requirePasswords(`${dir}.json`, cluster));
  return urls && describe(urls, running.pid, cluster, false);
}

async function start(dir: string, { onProgress, settings = {} }: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const packageRoot = findPackage();
  const account = await chooseAccount(await followLink(dir));
  const cluster = account === undefined ? await followLink(dir) : await openFolder(dir, account);
  if (cluster !== dir) onProgress?.(`The local database lies in ${cluster}`);
  const binaries = await readyBinaries(packageRoot, account, `${cluster}-bin`);

  const isNew = !(await holdsCluster(cluster));
  const passwords = isNew ? await makePasswords(`${dir}.json`) : await requirePasswords(`${dir}.json`, cluster);
  if (isNew) {
    onProgress?.('Making the local database (the first time only)');
    await sweepStaging(cluster);
    await initialise(cluster, binaries, account, passwords.admin);
  }

  onProgress?.('Starting PostgreSQL');
  const { postgres } = binaries;
  const running = await launch({ postgres, cluster, account, logPath: `${dir}.log`, settings });
  const urls = await connect(running, cluster, passwords);
  if (urls === undefined) throw new UserError(`PostgreSQL stopped right after its start. Its log is ${dir}.log.`);
  return describe(urls, running.pid, cluster, true);
}

function describe(urls: Urls, pid: number, cluster: string, started: boolean): EmbeddedPostgres {
  return {
    ...urls,
    started,
    pid,
    async stop({ force = false } = {}) {
      if (started || force) await stopPostmaster(pid, cluster);
    },
  };
}
