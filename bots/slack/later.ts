import type { Logger } from 'pino';
import { errorText } from '#core/errors.ts';

const DRAIN_MS = 3_000;

/** Work that nobody waits for: it begins once the answer is on its way. */
export interface Later {
  /** What it throws is logged. */
  add(work: () => Promise<unknown>): void;
  /** Waits for what was added, at most 3 s. */
  drain(): Promise<void>;
}

export function createLater(log: Logger): Later {
  const underWay = new Set<Promise<void>>();
  return {
    add: (work) => {
      const doing = new Promise<void>((resolve) => setImmediate(resolve))
        .then(work)
        .then(
          () => undefined,
          (error: unknown) => log.warn({ error: errorText(error) }, 'what was to follow an acknowledgement failed'),
        )
        .finally(() => underWay.delete(doing));
      underWay.add(doing);
    },
    drain: async () => void (await within(Promise.all(underWay), DRAIN_MS, undefined)),
  };
}

/** Waits for something, but not for longer: then it gives `otherwise`. */
export async function within<T, Other>(work: Promise<T>, ms: number, otherwise: Other): Promise<T | Other> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<Other>((resolve) => {
    timer = setTimeout(resolve, ms, otherwise);
  });
  try {
    return await Promise.race([work, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}
