import { readFile } from 'node:fs/promises';
import type { Ground } from './ground.ts';
import { total, type Line } from './figures.ts';
import { readProcesses, withChildren } from './processes.ts';

const AIM_MB = 450;

/**
 * Proportional set size: what a process has in memory, shared pages divided among those who share them, so that PostgreSQL's buffers count once.
 * Linux only; elsewhere there are no lines.
 */
export async function measureMemory({ product, servers }: Ground, when: string, hasAim: boolean): Promise<Line[]> {
  const processes = await readProcesses();
  if (processes.size === 0) return [];
  const local = new Set(Object.values(servers));
  const pss = async (root: number): Promise<number> =>
    total(await Promise.all(withChildren(root, processes, local).map(readPssMb)));
  const [node, postgres, temporal] = await Promise.all([
    pss(product.pid),
    pss(servers.postgres),
    pss(servers.temporal),
  ]);
  const part = (what: string, value: number): Line => ({ what: `memory ${when}: ${what}`, value, unit: 'MB' });
  return [
    {
      ...part('whole product (PSS)', node + postgres + temporal),
      ...(hasAim ? { aim: { most: AIM_MB } } : {}),
    },
    part('node', node),
    part('PostgreSQL', postgres),
    part('Temporal', temporal),
  ];
}

async function readPssMb(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) / 1024;
}
