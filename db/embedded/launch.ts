import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, rename, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { UserError } from '#core/errors.ts';
import type { Account } from './account.ts';
import { explainOutput } from './problems.ts';
import { readPostmaster, removeStalePidFile } from './postmaster.ts';
import type { Postmaster } from './postmaster.ts';
import { spawnOptions } from './run.ts';

export interface Launch {
  postgres: string;
  cluster: string;
  account: Account | undefined;
  logPath: string;
  settings: Record<string, string>;
}

const POLL_MS = 20;
const RETRY_MS = 15_000;
// Replaying the log after a crash takes as long as it takes; whoever comes later adopts the server then.
const READY_MS = 120_000;
const LOG_LIMIT_BYTES = 20_000_000;
// What the processes of a killed server cause until they are gone too, and a port somebody took before us.
const PASSING =
  /lock file ".*" (already exists|is empty)|shared memory block .* still in use|could not (bind|create any TCP)/;

/** Starts the server, detached, on a free loopback port and waits until it is ready. Throws UserError with its reason. */
export async function launch(options: Launch): Promise<Postmaster> {
  await rollLog(options.logPath);
  const giveUpAt = Date.now() + RETRY_MS;
  for (;;) {
    await removeStalePidFile(options.cluster);
    const outcome = await attempt(options);
    if (typeof outcome !== 'string') return outcome;
    if (!PASSING.test(outcome) || Date.now() > giveUpAt) throw explainOutput(outcome, options.cluster, options.logPath);
    await pause(200);
  }
}

/** The ready server, or what a failed one wrote. */
async function attempt({ postgres, cluster, account, logPath, settings }: Launch): Promise<Postmaster | string> {
  const args = ['-D', cluster, '-p', String(await freePort())];
  const fixed = { listen_addresses: '127.0.0.1', unix_socket_directories: '', timezone: 'UTC', log_timezone: 'UTC' };
  for (const [name, value] of Object.entries({ ...settings, ...fixed })) args.push('-c', `${name}=${value}`);

  const log = await open(logPath, 'a', 0o600);
  const { size: before } = await log.stat();
  const end: { why?: string } = {};
  try {
    const child = spawn(postgres, args, {
      ...spawnOptions(account),
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    child.once('error', (error) => (end.why = error.message));
    child.once('exit', () => (end.why ??= ''));
    child.unref();
    const giveUpAt = Date.now() + READY_MS;
    while (end.why === undefined) {
      const said = await readPostmaster(cluster);
      if (said?.pid === child.pid && said?.ready) return said;
      if (Date.now() > giveUpAt) {
        throw new UserError(
          `PostgreSQL is still recovering ${cluster}. Start again in a few minutes; its log is ${logPath}.`,
        );
      }
      await pause(POLL_MS);
    }
  } finally {
    await log.close();
  }
  return end.why + (await readFile(logPath)).subarray(before).toString();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

async function rollLog(logPath: string): Promise<void> {
  const found = await stat(logPath).catch(() => undefined);
  if (found !== undefined && found.size > LOG_LIMIT_BYTES) await rename(logPath, `${logPath}.old`);
}
