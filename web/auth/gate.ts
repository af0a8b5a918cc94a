/** Lets `most` through at once and keeps `waiting` more in line; null for everyone beyond, at once. */
export function createGate({ most, waiting }: { most: number; waiting: number }) {
  let inside = 0;
  const line: (() => void)[] = [];
  return async <T>(work: () => Promise<T>): Promise<T | null> => {
    if (inside >= most) {
      if (line.length >= waiting) return null;
      await new Promise<void>((resolve) => line.push(resolve));
    }
    inside += 1;
    try {
      return await work();
    } finally {
      inside -= 1;
      line.shift()?.();
    }
  };
}
