import { setTimeout as pause } from 'node:timers/promises';

/** Closed loop: keeps `inFlight` going for `forMs`, each beginning the next when it has ended; what is under way then is waited for. The first failure rejects. */
export async function keepInFlight<T>(inFlight: number, forMs: number, once: () => Promise<T>): Promise<T[]> {
  const samples: T[] = [];
  const until = performance.now() + forMs;
  const lane = async (): Promise<void> => {
    while (performance.now() < until) samples.push(await once());
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return samples;
}

/**
 * Open loop: one arrival each 1/`perSecond` s whatever became of the others, as people do. Each sample is in ms from when it should have
 * arrived, so that a late start counts too.
 */
export async function arrive(perSecond: number, forMs: number, once: () => Promise<unknown>): Promise<number[]> {
  const begun = performance.now();
  const count = Math.round((forMs / 1_000) * perSecond);
  const all: Promise<number>[] = [];
  for (let at = 0; at < count; at += 1) {
    const due = begun + (at * 1_000) / perSecond;
    const waitMs = due - performance.now();
    if (waitMs > 1) await pause(waitMs);
    all.push(once().then(() => performance.now() - due));
  }
  return Promise.all(all);
}
