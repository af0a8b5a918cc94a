import { spawn } from 'node:child_process';
import { open, readFile, rename } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { UserError } from '#core/errors.ts';
import { waitUntilAnswers } from './probe.ts';
import { endServer, identifyingArguments, type RunningServer } from './running.ts';
import { beginState } from './state.ts';

export interface ServerFolder {
  stateFile: string;
  recordFile: string;
  logFile: string;
}

export function serverFolder(dir: string): ServerFolder {
  return { stateFile: join(dir, 'temporal.db'), recordFile: join(dir, 'server.pid'), logFile: join(dir, 'server.log') };
}

/** Half a second on a quiet machine. */
const startPatienceMs = 60_000;

/** The dev server polls its queues in 50 ms slots unless told otherwise; four activities take 251 ms that way, 92 ms so. */
const tuning = [
  ...['journal_mode=WAL', 'synchronous=NORMAL'].flatMap((pragma) => ['--sqlite-pragma', pragma]),
  ...[
    'history.transferProcessorMaxPollRPS=2000',
    'history.timerProcessorMaxPollRPS=2000',
    'history.visibilityProcessorMaxPollRPS=100',
    'matching.numTaskqueueReadPartitions=1',
    'matching.numTaskqueueWritePartitions=1',
  ].flatMap((setting) => ['--dynamic-config-value', setting]),
];

/** The shell notes its own pid and then becomes the server, so a server never runs without its record. */
const recordAndRun = 'echo "$$ $1" > "$2" && shift 2 && exec "$@"';

/** Starts a server and waits until it answers. A port that someone takes meanwhile is replaced. Throws a UserError. */
export async function startServer(binary: string, folder: ServerFolder, wishedPort: number): Promise<RunningServer> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort(attempt === 1 ? wishedPort : 0);
    const outcome = await launch(binary, folder, port);
    if (typeof outcome !== 'string') return outcome;
    if (attempt < 3 && outcome.includes('address already in use')) continue;
    throw new UserError(
      `The local Temporal server did not start on 127.0.0.1:${port}: ${outcome} ` +
        `See ${folder.logFile}, or set TEMPORAL_ADDRESS to a server that runs elsewhere.`,
    );
  }
}

/** The server, or the last line it wrote before it ended or was given up. */
async function launch(binary: string, folder: ServerFolder, port: number): Promise<RunningServer | string> {
  await beginState(folder.stateFile);
  await rename(folder.logFile, `${folder.logFile}.1`).catch(() => {});
  const log = await open(folder.logFile, 'a', 0o600);
  const flags = ['server', 'start-dev', '--headless', '--ip', '127.0.0.1'];
  const command = [binary, ...flags, ...identifyingArguments(port, folder.stateFile), 'warn', ...tuning];
  const child = spawn('/bin/sh', ['-c', recordAndRun, 'sh', String(port), folder.recordFile, ...command], {
    // A session of its own: Ctrl-C reaches only the product, which then ends the server itself.
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    // Nothing of ours: no secrets, and no TEMPORAL_* setting that would change what the server does.
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], TMPDIR: process.env['TMPDIR'] },
  });
  let failure: string | undefined;
  child.once('error', (error) => (failure = error.message));
  child.once('exit', (code, signal) => (failure = `it ended with ${signal ?? `code ${code}`}`));
  child.unref();
  await log.close();

  const ready = await waitUntilAnswers(`127.0.0.1:${port}`, startPatienceMs, () => failure !== undefined);
  const server = { pid: child.pid ?? 0, port };
  if (ready && failure === undefined) return server;
  await endServer(server, folder.stateFile);
  const written = await readFile(folder.logFile, 'utf8');
  return written.trim().split('\n').at(-1) || `${failure ?? `no answer in ${startPatienceMs / 1000} s`}.`;
}

/** A port nobody listens on now: the wished one when it is free, so that an address outlives its server. */
async function freePort(wished: number): Promise<number> {
  const probe = createServer();
  const listening = await new Promise<boolean>((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(wished, '127.0.0.1', () => resolve(true));
  });
  if (!listening && wished !== 0) return freePort(0);
  const bound = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (typeof bound === 'object' && bound) return bound.port;
  throw new UserError(
    'This machine gives no free port on 127.0.0.1. Set TEMPORAL_ADDRESS to a server that runs elsewhere.',
  );
}
