import { total, type Line } from './figures.ts';
import { readProcesses, withChildren } from './processes.ts';

/** What each part used while something was measured, in ms of one core. */
export interface Meter {
  /** Runs `work` and adds what the parts used meanwhile. */
  during<T>(work: () => Promise<T>): Promise<T>;
  perUnit(what: string, units: number): Line[];
}

/** Parts by name, each a process with all below it. Without /proc it measures nothing. */
export function createMeter(parts: Record<string, number>): Meter {
  const used = new Map<string, number>();
  const read = async (): Promise<Map<string, number>> => {
    const processes = await readProcesses();
    const others = (name: string): Set<number> =>
      new Set(Object.entries(parts).flatMap(([other, pid]) => (other === name ? [] : [pid])));
    // Not those below it that are a part of their own.
    const cpuOf = ([name, root]: [string, number]): number =>
      total(withChildren(root, processes, others(name)).map((pid) => processes.get(pid)?.cpuMs ?? 0));
    return new Map(Object.entries(parts).map((part) => [part[0], cpuOf(part)]));
  };
  return {
    during: async (work) => {
      const before = await read();
      const done = await work();
      for (const [name, cpuMs] of await read()) used.set(name, (used.get(name) ?? 0) + cpuMs - (before.get(name) ?? 0));
      return done;
    },
    perUnit: (what, units) =>
      [...used]
        .filter(([, cpuMs]) => cpuMs > 0)
        .map(([name, cpuMs]) => ({ what: `${what}: CPU of ${name}, each`, value: cpuMs / units, unit: 'ms' })),
  };
}
