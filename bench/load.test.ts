import { expect, test } from 'vitest';
import { arrive, keepInFlight } from './load.ts';

test('as many are in flight as were asked for, no more', async () => {
  let now = 0;
  let most = 0;
  const samples = await keepInFlight(3, 50, async () => {
    now += 1;
    most = Math.max(most, now);
    await new Promise((resolve) => setImmediate(resolve));
    now -= 1;
    return now;
  });
  expect(most).toBe(3);
  expect(samples.length).toBeGreaterThan(3);
});

test('arrivals do not wait for each other, and the wait of a slow start is counted', async () => {
  let open = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const samples = await arrive(200, 50, () => {
    open += 1;
    if (open === 10) resolve();
    return promise;
  });
  expect(samples).toHaveLength(10);
  // The first was due 45 ms before the last, which let them all go.
  expect(samples[0]).toBeGreaterThanOrEqual(40);
});

test('what fails is told', async () => {
  await expect(keepInFlight(2, 20, () => Promise.reject(new Error('refused')))).rejects.toThrow('refused');
});
