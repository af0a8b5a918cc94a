const LOOK_MS = 50;

/**
 * How many times longer than alone it takes to compute something just now, at least 1: others share the cores. What is promised in seconds is promised for
 * a machine that is not overloaded, so a test divides by this what it measured.
 */
export function slowness(): number {
  const before = process.threadCpuUsage();
  const began = performance.now();
  let used = 0;
  while (used < LOOK_MS) {
    const { user, system } = process.threadCpuUsage(before);
    used = (user + system) / 1_000;
  }
  return Math.max(1, (performance.now() - began) / used);
}
