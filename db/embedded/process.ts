import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface RunningProcess {
  /** When it started, in the system's own words: only good for comparing with another look at the same pid. */
  startedAt: string;
  command: string;
}

/** What the system says about a living process; undefined when it is gone or a zombie (dead, not yet reaped). */
export function lookUpProcess(pid: number): RunningProcess | undefined {
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
}

/** Whether signals still find this pid. True for zombies as well, and for somebody else's process. */
export function pidIsTaken(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

// Not ps: slim container images do not have it.
function fromProc(pid: number): RunningProcess | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold spaces, so count from the last bracket: state is field 3, starttime field 22 (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const startedAt = fields[19];
    if (startedAt === undefined || fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return { startedAt, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') };
  } catch {
    return undefined;
  }
}

function fromPs(pid: number): RunningProcess | undefined {
  try {
    const args = ['-ww', '-o', 'state=,lstart=,args=', '-p', String(pid)];
    const line = execFileSync('ps', args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
    // lstart is always 24 characters: "Sat Nov 21 03:41:00 2026".
    const [, state, startedAt, command] = /^\s*(\S+)\s+(.{24})\s+(.*)$/m.exec(line) ?? [];
    if (startedAt === undefined || state?.startsWith('Z')) return undefined;
    return { startedAt, command: `${command} ` };
  } catch {
    return undefined;
  }
}
