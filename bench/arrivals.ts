import { p50, p99, type Line } from './figures.ts';
import type { Ground } from './ground.ts';
import { arrive, keepInFlight } from './load.ts';
import { ask, UnexpectedAnswer } from './person.ts';

const WARM_UP_MS = 1_500;

/** Requests that come whether or not others are done: how soon each is stored and acknowledged (202). */
export async function measureArrivals(
  { crowd, watch, sql }: Ground,
  perSecond: number,
  forMs: number,
): Promise<Line[]> {
  // Warm, and with nothing left of what was measured before.
  await keepInFlight(8, WARM_UP_MS, async () => watch.ended((await ask(crowd(), 'how are things?')).runId));
  const ended = async (): Promise<number> => {
    const [row] = await sql<{ count: number }[]>`select count(*)::int from runs where ended_at is not null`;
    return row?.count ?? 0;
  };
  const before = await ended();
  let refused = 0;
  const times = await arrive(perSecond, forMs, () =>
    ask(crowd(), 'how are things?').catch((error: unknown) => {
      if (!(error instanceof UnexpectedAnswer)) throw error;
      refused += 1;
    }),
  );
  const during = (await ended()) - before;
  const what = `${perSecond} requests/s arriving for ${forMs / 1_000} s`;
  return [
    { what: `${what}: stored and acknowledged, p50`, value: p50(times), unit: 'ms' },
    { what: `${what}: stored and acknowledged, p99`, value: p99(times), unit: 'ms', aim: { most: 100 } },
    { what: `${what}: turned away`, value: refused, unit: '', aim: { most: 0 } },
    { what: `${what}: runs ended meanwhile`, value: during / (forMs / 1_000), unit: '/s' },
  ];
}
