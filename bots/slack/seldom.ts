const MOST_KEPT = 5_000;

/** True for a key when it was not so within the time: what may happen at every delivery is said this seldom. */
export function createSeldom(everyMs: number, now: () => number = Date.now): (key: string) => boolean {
  const last = new Map<string, number>();
  return (key) => {
    if (now() - (last.get(key) ?? -Infinity) < everyMs) return false;
    if (last.size >= MOST_KEPT) last.clear();
    last.set(key, now());
    return true;
  };
}
