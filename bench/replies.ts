import type { BareSample } from './bare.ts';
import { createMeter } from './cpu.ts';
import { p50, p99, total, type Line } from './figures.ts';
import type { Ground } from './ground.ts';
import { keepInFlight } from './load.ts';
import { ask } from './person.ts';

export interface RepliesPlan {
  levels: { inFlight: number; rounds: number; forMs: number }[];
  warmUpMs: number;
}

/** A simple request against a bare workflow with as many activities, in turns, so that noise hits both. */
export async function measureReplies(ground: Ground, { levels, warmUpMs }: RepliesPlan): Promise<Line[]> {
  const bare = await ground.bare();
  const lines: Line[] = [];
  for (const inFlight of [1, 8]) {
    await bare.round(inFlight, warmUpMs);
    await productRound(ground, inFlight, warmUpMs);
  }
  for (const { inFlight, rounds, forMs } of levels) {
    const ofBare: BareSample[] = [];
    const ofProduct: BareSample[] = [];
    const { postgres: PostgreSQL, temporal: Temporal } = ground.servers;
    const bareCpu = createMeter({ node: bare.pid, Temporal });
    const productCpu = createMeter({ node: ground.product.pid, PostgreSQL, Temporal, 'the bench itself': process.pid });
    for (let round = 1; round <= rounds; round += 1) {
      ofBare.push(...(await bareCpu.during(() => bare.round(inFlight, forMs))));
      ofProduct.push(...(await productCpu.during(() => productRound(ground, inFlight, forMs))));
    }
    lines.push(...describe(inFlight, ofBare, ofProduct));
    lines.push(...bareCpu.perUnit(`${inFlight} in flight, bare workflow`, ofBare.length));
    lines.push(...productCpu.perUnit(`${inFlight} in flight, request`, ofProduct.length));
  }
  return lines;
}

/** "In flight" is until the run has ended, as for the bare workflow; what a person waits for is the reply before that. */
const productRound = ({ crowd, watch }: Ground, inFlight: number, forMs: number): Promise<BareSample[]> =>
  keepInFlight(inFlight, forMs, async () => {
    const begun = performance.now();
    const { runId } = await ask(crowd(), 'how are things?');
    const replied = (await watch.replied(runId)) - begun;
    return { replied, ended: (await watch.ended(runId)) - begun };
  });

function describe(inFlight: number, ofBare: BareSample[], ofProduct: BareSample[]): Line[] {
  const times = (samples: BareSample[], name: keyof BareSample): number[] => samples.map((sample) => sample[name]);
  // As many as are in flight, each for so long (Little's law): not blurred by where a round's time happens to end.
  const rate = (samples: BareSample[]): number => (inFlight * 1_000 * samples.length) / total(times(samples, 'ended'));
  const [bareEnd, reply] = [times(ofBare, 'ended'), times(ofProduct, 'replied')];
  const line = (what: string, unit: Line['unit'], value: number, aim?: Line['aim']): Line => ({
    what: `${inFlight} in flight: ${what}`,
    value,
    unit,
    ...(aim ? { aim } : {}),
  });
  const isAlone = inFlight === 1;
  return [
    line('bare workflow, start → result, p50', 'ms', p50(bareEnd)),
    line('bare workflow, start → result, p99', 'ms', p99(bareEnd)),
    line('request → reply stored, p50', 'ms', p50(reply), isAlone ? { most: 100 } : undefined),
    line('request → reply stored, p99', 'ms', p99(reply)),
    line('reply ÷ bare result, p50', '×', p50(reply) / p50(bareEnd), isAlone ? { most: 1.3 } : undefined),
    line('reply ÷ bare’s last remote activity, p50', '×', p50(reply) / p50(times(ofBare, 'replied'))),
    line('run ended ÷ bare result, p50', '×', p50(times(ofProduct, 'ended')) / p50(bareEnd)),
    line('bare workflows', '/s', rate(ofBare)),
    line('requests', '/s', rate(ofProduct)),
    line('throughput ÷ bare', '×', rate(ofProduct) / rate(ofBare), { least: 0.7 }),
  ];
}
