import { Pool } from 'undici';
import { sign } from '#test/fakes/slack/index.ts';
import type { StormEvent } from './events.ts';

const CONNECTIONS = 128;

/** Sends at a steady pace, whether or not answers have come, each delivery to the next process; gives how long each took to be acknowledged. */
export async function send(
  deliveries: readonly (StormEvent & { retry: number })[],
  { urls, rate, secret }: { urls: readonly string[]; rate: number; secret: string },
): Promise<{ times: number[]; statuses: Map<number, number> }> {
  const pools = urls.map((url) => new Pool(url, { connections: CONNECTIONS }));
  const times: number[] = [];
  const statuses = new Map<number, number>();
  const begun = performance.now();
  const one = async ({ envelope, retry }: StormEvent & { retry: number }, at: number): Promise<void> => {
    const retries = retry === 0 ? {} : { 'x-slack-retry-num': `${retry}`, 'x-slack-retry-reason': 'http_timeout' };
    // The time of signing differs from copy to copy, as Slack's do; a copy signed alike would be a replay.
    const { raw, headers } = sign(envelope, { secret, skewS: retry - 2, headers: retries });
    const sentAt = performance.now();
    const pool = pools[at % pools.length];
    if (!pool) return;
    const answer = await pool.request({ method: 'POST', path: '/slack/events', body: raw, headers });
    await answer.body.dump();
    times.push(performance.now() - sentAt);
    statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1);
  };
  const all: Promise<void>[] = [];
  for (const [at, delivery] of deliveries.entries()) {
    const dueMs = (at / rate) * 1_000 - (performance.now() - begun);
    if (dueMs > 1) await new Promise((resolve) => setTimeout(resolve, dueMs));
    all.push(one(delivery, at));
  }
  await Promise.all(all);
  await Promise.all(pools.map((pool) => pool.close()));
  return { times, statuses };
}
