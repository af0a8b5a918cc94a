import { parseArgs } from 'node:util';
import { errorText } from '#core/errors.ts';
import { p50, p99 } from './figures.ts';
import { prepareStorm, type StormGround } from './storm/ground.ts';
import { makeEvents, shuffled } from './storm/events.ts';
import { send } from './storm/send.ts';

// `npm run test:storm`: 2 500 Slack events, each delivered four times in a random order to two processes, 300 of them starting runs. It ends with 1 unless
// there are exactly 2 500 inbox rows and 300 runs. The times are a report: how soon events are acknowledged at 100 a second.
const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '2500' },
    runs: { type: 'string', default: '300' },
    rate: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
  },
});
const COPIES = 4;
const STARTED_WITHIN_MS = 240_000;

async function storm(stops: (() => Promise<unknown>)[]): Promise<boolean> {
  const [events, runs, rate] = [values.events, values.runs, values.rate].map(Number) as [number, number, number];
  const ground = await prepareStorm(stops);
  const made = makeEvents({ events, runs, slack: ground.slack });
  const deliveries = shuffled(
    made.flatMap((event) => Array.from({ length: COPIES }, (_, at) => ({ ...event, retry: at }))),
    Number(values.seed),
  );
  process.stdout.write(`${deliveries.length} deliveries of ${events} events to 2 processes, ${rate} a second\n`);
  const begun = performance.now();
  const { times, statuses } = await send(deliveries, { urls: ground.urls, rate, secret: ground.slack.signingSecret });
  const took = (performance.now() - begun) / 1_000;
  process.stdout.write(
    `sent in ${took.toFixed(1)} s; acknowledged p50 ${p50(times).toFixed(0)} ms, p99 ${p99(times).toFixed(0)} ms (aim: under 500), slowest ${Math.max(...times).toFixed(0)} ms\n`,
  );
  process.stdout.write(`answers: ${[...statuses].map(([status, n]) => `${status} × ${n}`).join(', ')}\n`);
  await allStarted(ground, runs);
  const [rows] = await ground.sql<Counts[]>`select
    (select count(*)::int from inbound_events where platform = 'slack') as inbox,
    (select count(distinct source_key)::int from inbound_events where platform = 'slack') as keys,
    (select count(*)::int from runs where platform = 'slack') as runs,
    (select count(*)::int from runs where platform = 'slack' and started_at is not null) as started`;
  const found = rows ?? { inbox: 0, keys: 0, runs: 0, started: 0 };
  process.stdout.write(
    `inbox rows ${found.inbox} (want ${events}), runs ${found.runs} (want ${runs}), of them started ${found.started}\n`,
  );
  const isRight =
    found.inbox === events &&
    found.keys === events &&
    found.runs === runs &&
    found.started === runs &&
    statuses.size === 1;
  process.stdout.write(isRight ? 'right: nothing lost, nothing doubled\n' : 'WRONG\n');
  return isRight && statuses.has(200);
}
interface Counts {
  inbox: number;
  keys: number;
  runs: number;
  started: number;
}

async function allStarted({ sql }: StormGround, runs: number): Promise<void> {
  const until = performance.now() + STARTED_WITHIN_MS;
  while (performance.now() < until) {
    const [row] = await sql<
      { n: number }[]
    >`select count(*)::int n from runs where platform = 'slack' and started_at is not null`;
    if ((row?.n ?? 0) >= runs) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

const stops: (() => Promise<unknown>)[] = [];
let isRight = false;
try {
  isRight = await storm(stops);
} catch (error) {
  process.stderr.write(`${errorText(error)}\n`);
} finally {
  for (let stop = stops.pop(); stop; stop = stops.pop())
    await stop().catch((error: unknown) => process.stderr.write(`while stopping: ${errorText(error)}\n`));
}
process.exit(isRight ? 0 : 1);
