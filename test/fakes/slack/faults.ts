/**
 * reset before: the connection breaks and nothing was done; reset after: it was done and the answer is lost;
 * hang: nothing is done until released; hang after: it was done, the answer waits until released;
 * `error x`: answers `{ok: false, error: x}` and does nothing.
 */
export type FaultKind =
  | 'reset before'
  | 'reset after'
  | 'status 500'
  | 'html 503'
  | 'hang'
  | 'hang after'
  | `error ${string}`;

interface Fault {
  method: string;
  kind: FaultKind;
  left: number;
  gate: Promise<void>;
}
interface Limit {
  method: string;
  left: number;
  retryAfterS: number;
}

/** Faults and rate limits that a test has ordered. `*` is every method. */
export function createFaults() {
  const faults: Fault[] = [];
  const limits: Limit[] = [];
  const opens = new Set<() => void>();
  let waiting = 0;
  const matches = (one: { method: string; left: number }, method: string) =>
    one.left > 0 && (one.method === method || one.method === '*');
  return {
    order: (method: string, kind: FaultKind, times = 1) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const fault: Fault = { method, kind, left: times, gate: promise };
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
    limit: (method: string, { times = 1, retryAfterS = 1 } = {}) => {
      limits.push({ method, left: times, retryAfterS });
    },
    takeFault: (method: string): Fault | null => {
      const fault = faults.find((one) => matches(one, method));
      if (!fault) return null;
      fault.left -= 1;
      return fault;
    },
    takeLimit: (method: string): number | null => {
      const limit = limits.find((one) => matches(one, method));
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
