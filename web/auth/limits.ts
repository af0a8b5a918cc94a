import { sql } from 'drizzle-orm';
import { RateLimiterPostgres } from 'rate-limiter-flexible';
import { sha256 } from '#core/hash.ts';
import type { Database } from '#db/client.ts';
import { ProblemError } from '#web/problem.ts';

/** Tries per minute and key. Kept in PostgreSQL, so that several web processes share them; while it is away, nobody signs in. */
const LIMITS = { account: 10, address: 10, password: 10, invitation: 30, reset: 30 } as const;
type Kind = keyof typeof LIMITS;

export interface Limits {
  /** Counts a try. Answers how long to wait in ms; 0: go on. */
  count(kind: Kind, key: string): Promise<number>;
  /** After a success the tries before it no longer count. */
  clear(kind: Kind, key: string): Promise<void>;
}

export function createLimits(db: Database): Limits {
  // rate-limiter-flexible speaks node-postgres; this is all it uses of it.
  const query = async ({ text, values = [] }: { text: string; values?: (string | number | null)[] }) => {
    const parts = text
      .split(/\$(\d)/)
      .map((part, i) => (i % 2 === 0 ? sql.raw(part) : sql`${values[Number(part) - 1]}`));
    return { rows: [...(await db.global.execute(sql.join(parts)))] };
  };
  const limiters = new Map(
    Object.entries(LIMITS).map(([kind, points]) => [
      kind,
      new RateLimiterPostgres({
        storeClient: { query },
        storeType: 'pool',
        tableName: 'rate_limits',
        tableCreated: true,
        keyPrefix: kind,
        points,
        duration: 60,
        // Once over, this process refuses by itself until the minute is up: an attack costs no queries.
        inMemoryBlockOnConsumed: points + 1,
      }),
    ]),
  );
  return {
    // Keys are hashed: what people typed is not kept, and the length is bounded.
    count: async (kind, key) => {
      try {
        await limiters.get(kind)?.consume(sha256(key));
        return 0;
      } catch (refusal) {
        if (refusal instanceof Error) throw refusal;
        return Math.max(1000, (refusal as { msBeforeNext: number }).msBeforeNext);
      }
    },
    clear: async (kind, key) => {
      await limiters.get(kind)?.delete(sha256(key));
    },
  };
}

/** 429 with when to come back. */
export const tooMany = (waitMs: number): ProblemError => {
  const seconds = Math.ceil(waitMs / 1000);
  return new ProblemError(429, `Too many tries. Wait ${seconds} seconds and try again.`, {
    headers: { 'retry-after': `${seconds}` },
  });
};
