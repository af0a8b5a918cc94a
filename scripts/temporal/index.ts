import { access, constants, mkdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '#core/errors.ts';
import { findTemporalBinary, type BinaryOptions } from './binary.ts';
import { withLock } from './lock.ts';
import { waitUntilAnswers } from './probe.ts';
import { endServer, isRunning, readRecord, type RunningServer } from './running.ts';
import { serverFolder, startServer, type ServerFolder } from './start.ts';
import { keepState } from './state.ts';
import { reason } from './version.ts';

export { findTemporalBinary } from './binary.ts';

export interface LocalTemporal {
  /** `127.0.0.1:port` */
  address: string;
  /** False when a server that already ran was adopted. */
  started: boolean;
  pid: number;
  /** Ends the server (SIGTERM, SIGKILL after 10 s) if this call started it; an adopted one only with `force`. */
  stop(options?: { force?: boolean }): Promise<void>;
}

export interface TemporalOptions extends BinaryOptions {
  /** The server's own folder, for example `<data>/temporal`: its state, its pid and port file, its log. */
  dir: string;
}

/** A busy machine may keep a living server from answering for a while; a second one on the same state would be worse. */
const adoptPatienceMs = 20_000;

/**
 * A local Temporal dev server for this folder: the one that runs, or a new one on the same state. It answers for the
 * namespace `default` when this returns. Any number of callers at once get the same server. Throws a UserError.
 */
export async function ensureTemporal(options: TemporalOptions): Promise<LocalTemporal> {
  const { onProgress = () => {} } = options;
  const dir = await usableFolder(options.dir);
  const folder = serverFolder(dir);
  const lockFile = join(dir, 'start.lock');
  const onWait = () => onProgress('Waiting for another start of the local Temporal server');

  return withLock(lockFile, onWait, async () => {
    const recorded = await readRecord(folder.recordFile);
    const adopted = recorded && (await adopt(recorded, folder));
    const server = adopted ?? (await startNew(options, folder, recorded?.port ?? 0));
    const started = !adopted;
    await keepState(folder.stateFile);
    const stop: LocalTemporal['stop'] = async ({ force = false } = {}) => {
      if (!started && !force) return;
      // Under the lock, so that nobody adopts a server that is about to go.
      await withLock(
        lockFile,
        () => {},
        () => end(server, folder),
      );
    };
    return { address: `127.0.0.1:${server.port}`, started, pid: server.pid, stop };
  });
}

async function adopt(recorded: RunningServer, folder: ServerFolder): Promise<RunningServer | null> {
  if (!(await isRunning(recorded, folder.stateFile))) return null;
  if (await waitUntilAnswers(`127.0.0.1:${recorded.port}`, adoptPatienceMs, () => false)) return recorded;
  if (!(await isRunning(recorded, folder.stateFile))) return null;
  throw new UserError(
    `The local Temporal server (pid ${recorded.pid}) runs but does not answer on 127.0.0.1:${recorded.port}. ` +
      `End it with \`kill -9 ${recorded.pid}\` and start again; its state is kept. Its log is ${folder.logFile}.`,
  );
}

async function startNew(options: TemporalOptions, folder: ServerFolder, port: number): Promise<RunningServer> {
  const binary = await findTemporalBinary(options);
  options.onProgress?.('Starting the local Temporal server');
  return startServer(binary, folder, port);
}

async function end(server: RunningServer, folder: ServerFolder): Promise<void> {
  await endServer(server, folder.stateFile);
  const recorded = await readRecord(folder.recordFile);
  // Another start may have replaced a server that died early; its record stays.
  if (recorded?.pid === server.pid) await rm(folder.recordFile, { force: true });
}

/** The folder by its one real name: the state file's path is how a running server is recognised. */
async function usableFolder(dir: string): Promise<string> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await access(dir, constants.R_OK | constants.W_OK | constants.X_OK);
    const real = await realpath(dir);
    // The server reads the state file's path as a URL and would write somewhere else.
    if (/[?#%]/.test(real)) throw new Error('its path has one of the characters ? # %');
    return real;
  } catch (error) {
    throw new UserError(
      `Cannot use ${dir} for the local Temporal server: ${reason(error)}. ` +
        `Make it writable, choose another ABETWORKS_DATA_DIR, or set TEMPORAL_ADDRESS.`,
    );
  }
}
