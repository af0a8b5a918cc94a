import type { Json } from './words.ts';

/**
 * reset before: the connection breaks and nothing was done; reset after: it was done and the answer is lost;
 * hang: nothing is done until released; hang after: it was done, the answer waits until released;
 * status 500 after: it was done, and the answer is a 500;
 * `error x`: answers `{ok: false, error: x}` and does nothing.
 */
export type FaultKind =
  | 'reset before'
  | 'reset after'
  | 'status 500'
  | 'status 500 after'
  | 'html 503'
  | 'hang'
  | 'hang after'
  | `error ${string}`;

interface Ordered {
  method: string;
  left: number;
  /** Only calls with such arguments; all of them when left out. */
  where?: ((args: Json) => boolean) | undefined;
}
interface Fault extends Ordered {
  kind: FaultKind;
  gate: Promise<void>;
}
interface Limit extends Ordered {
  retryAfterS: number;
}

/** Faults and rate limits that a test has ordered. `*` is every method. */
export function createFaults() {
  const faults: Fault[] = [];
  const limits: Limit[] = [];
  const opens = new Set<() => void>();
  let waiting = 0;
  const matches = (one: Ordered, method: string, args: Json) =>
    one.left > 0 && (one.method === method || one.method === '*') && (one.where?.(args) ?? true);
  return {
    order: (method: string, kind: FaultKind, times = 1, where?: Ordered['where']) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const fault: Fault = { method, kind, left: times, where, gate: promise };
      opens.add(resolve);
      faults.push(fault);
      return {
        /** Lets what hangs go on, and hangs nothing more. */
        release: () => {
          fault.left = 0;
          resolve();
        },
        left: () => fault.left,
      };
    },
    limit: (
      method: string,
      { times = 1, retryAfterS = 1, where }: { times?: number; retryAfterS?: number; where?: Ordered['where'] } = {},
    ) => {
      limits.push({ method, left: times, retryAfterS, where });
    },
    takeFault: (method: string, args: Json = {}): Fault | null => {
      const fault = faults.find((one) => matches(one, method, args));
      if (!fault) return null;
      fault.left -= 1;
      return fault;
    },
    takeLimit: (method: string, args: Json): number | null => {
      const limit = limits.find((one) => matches(one, method, args));
      if (!limit) return null;
      limit.left -= 1;
      return limit.retryAfterS;
    },
    wait: async (fault: Fault) => {
      waiting += 1;
      await fault.gate;
      waiting -= 1;
    },
    /** How many calls hang now. */
    hanging: () => waiting,
    clear: () => {
      faults.length = 0;
      limits.length = 0;
      for (const open of opens) open();
    },
  };
}
