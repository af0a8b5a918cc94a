import { readdir, readFile } from 'node:fs/promises';

export interface Process {
  parent: number;
  /** Of all its threads since its start. */
  cpuMs: number;
}

/** A clock tick of /proc in ms: 100 a second wherever Linux runs (man 5 proc, USER_HZ). */
const TICK_MS = 10;

/** Every process by its id; empty where there is no /proc. */
export async function readProcesses(): Promise<Map<number, Process>> {
  const names = await readdir('/proc').catch(() => []);
  const found = new Map<number, Process>();
  for (const name of names) {
    const stat = /^\d+$/.test(name) ? await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '') : '';
    // Its name in parentheses may hold spaces. After it: state, parent, … and as the 12th and 13th, user and system ticks.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [parent, user, system] = [fields[1], fields[11], fields[12]].map(Number);
    if (parent !== undefined && user !== undefined && system !== undefined)
      found.set(Number(name), { parent, cpuMs: (user + system) * TICK_MS });
  }
  return found;
}

/** A process and all below it, without the `except`ed and what is below those. */
export function withChildren(
  pid: number,
  processes: ReadonlyMap<number, Process>,
  except: ReadonlySet<number> = new Set(),
): number[] {
  const children = [...processes].filter(([child, { parent }]) => parent === pid && !except.has(child));
  return [pid, ...children.flatMap(([child]) => withChildren(child, processes, except))];
}
