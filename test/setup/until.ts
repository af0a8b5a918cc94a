import { setTimeout as pause } from 'node:timers/promises';

/** Asks again until the condition holds, and gives what it gave. Fails with the last answer, not with a bare time-out. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | null | undefined | false>,
  withinMs = 20_000,
): Promise<T> {
  const end = Date.now() + withinMs;
  let last: unknown;
  while (Date.now() < end) {
    try {
      const found = await ask();
      if (found) return found;
      last = found;
    } catch (error) {
      last = error;
    }
    await pause(40);
  }
  throw new Error(`Did not happen within ${withinMs} ms: ${what}. Last: ${String(last)}`);
}
