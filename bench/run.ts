import { cpus } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { errorText } from '#core/errors.ts';
import { measureArrivals } from './arrivals.ts';
import { measureDecisions } from './decisions.ts';
import type { Line } from './figures.ts';
import { prepareGround, type Ground } from './ground.ts';
import { measureMemory } from './memory.ts';
import { measureReplies, type RepliesPlan } from './replies.ts';
import { asTable, keep } from './report.ts';
import { measureThreads } from './threads.ts';

// `npm run bench [-- --quick]`: what the product costs beyond Temporal itself, in one run against the same servers. A report: it ends with 0
// also when an aim is not met. `--only replies,decisions` measures a part; `--apart` has web and worker as processes of their own; `--rate 50,100`
// says how many arrive each second; `--profile` writes a CPU profile of the product to .data/bench.

interface Plan extends RepliesPlan {
  restMs: number;
  decisions: number;
  turns: number;
  arrivalsMs: number;
}
const levels = (rounds: number, forMs: number): RepliesPlan['levels'] =>
  [1, 8, 32].map((inFlight) => ({ inFlight, rounds, forMs }));
const FULL: Plan = {
  levels: levels(4, 5_000),
  warmUpMs: 4_000,
  restMs: 10_000,
  decisions: 60,
  turns: 40,
  arrivalsMs: 20_000,
};
const QUICK: Plan = {
  levels: levels(2, 2_000),
  warmUpMs: 1_500,
  restMs: 3_000,
  decisions: 15,
  turns: 8,
  arrivalsMs: 5_000,
};
const PER_SECOND = '100';

/** In this order: at rest first, and last what leaves a queue behind. */
const measurements = (plan: Plan, rates: readonly number[]): Record<string, (ground: Ground) => Promise<Line[]>> => ({
  memory: async (ground) => {
    await pause(plan.restMs);
    return measureMemory(ground, 'at rest after the start', true);
  },
  replies: (ground) => measureReplies(ground, plan),
  decisions: (ground) => measureDecisions(ground, plan.decisions),
  threads: (ground) => measureThreads(ground, plan.turns),
  memoryAfter: async (ground) => {
    await pause(plan.restMs);
    return measureMemory(ground, 'at rest after the load', false);
  },
  arrivals: async (ground) => {
    const lines: Line[] = [];
    for (const perSecond of rates) lines.push(...(await measureArrivals(ground, perSecond, plan.arrivalsMs)));
    return lines;
  },
});

async function measure(stops: (() => Promise<unknown>)[]): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean' },
      profile: { type: 'boolean' },
      only: { type: 'string' },
      apart: { type: 'boolean', default: false },
      rate: { type: 'string', default: PER_SECOND },
    },
  });
  const rates = values.rate.split(',').map(Number);
  const parts = Object.entries(measurements(values.quick ? QUICK : FULL, rates));
  const wanted = values.only?.split(',') ?? parts.map(([name]) => name);
  const begun = performance.now();
  const ground = await prepareGround(stops, {
    nodeFlags: values.profile ? ['--cpu-prof', '--cpu-prof-dir=.data/bench'] : [],
    isApart: values.apart,
  });
  const lines: Line[] = [{ what: 'start → ready, servers included', value: ground.readyAfterMs, unit: 'ms' }];
  for (const [name, part] of parts.filter(([name]) => wanted.includes(name))) {
    process.stderr.write(`${name}…\n`);
    lines.push(...(await part(ground)));
  }
  const about = {
    at: new Date().toISOString(),
    cores: cpus().length,
    node: process.version,
    quick: values.quick ?? false,
    apart: values.apart,
  };
  const file = await keep(lines, about);
  const tookS = Math.round((performance.now() - begun) / 1_000);
  process.stdout.write(`\n${asTable(lines)}\n\n${cpus().length} cores, ${tookS} s; kept in ${file}\n`);
}

/** Newest first, each only once, whatever the others do. */
async function stopAll(stops: (() => Promise<unknown>)[]): Promise<void> {
  for (let last = stops.pop(); last; last = stops.pop())
    await last().catch((error: unknown) => process.stderr.write(`while stopping: ${errorText(error)}\n`));
}

const stops: (() => Promise<unknown>)[] = [];
const interrupted = new Promise<never>((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => reject(new Error(`ended by ${signal}`)));
});
try {
  await Promise.race([measure(stops), interrupted]);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : errorText(error)}\n`);
  process.exitCode = 1;
} finally {
  await stopAll(stops);
}
process.exit();
