import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** A server that was started for one state file. */
export interface RunningServer {
  pid: number;
  port: number;
}

/** What the pid and port file says, or null when there is none or it is unreadable. Says nothing about who lives. */
export async function readRecord(file: string): Promise<RunningServer | null> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const found = /^(\d+) (\d+)\n$/.exec(text);
  return found ? { pid: Number(found[1]), port: Number(found[2]) } : null;
}

/** The arguments that tell one of our servers from every other process; they stand together in its command line. */
export function identifyingArguments(port: number, stateFile: string): string[] {
  return ['--port', String(port), '--db-filename', stateFile, '--log-level'];
}

/** Whether that pid is still the server of this state file. A pid that was given to another process does not count. */
export async function isRunning({ pid, port }: RunningServer, stateFile: string): Promise<boolean> {
  return (await commandLine(pid)).includes(identifyingArguments(port, stateFile).join(' '));
}

async function commandLine(pid: number): Promise<string> {
  try {
    if (process.platform === 'linux') return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
    return (await execute('ps', ['-ww', '-o', 'command=', '-p', String(pid)])).stdout;
  } catch {
    return '';
  }
}

/** SIGTERM, and SIGKILL after ten seconds; resolves when the process is gone. */
export async function endServer(server: RunningServer, stateFile: string): Promise<void> {
  for (const [signal, patienceMs] of [
    ['SIGTERM', 10_000],
    ['SIGKILL', 5000],
  ] as const) {
    if (!(await isRunning(server, stateFile))) return;
    send(server.pid, signal);
    const deadline = Date.now() + patienceMs;
    while (Date.now() < deadline && !(await isGone(server.pid))) await delay(20);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself meanwhile.
  }
}

/** Whether a process has let go of its files and ports. One that waits to be reaped by its parent has. */
async function isGone(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return true;
  }
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return /\) [ZX] /.test(status);
}
