import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { createDatabase, type Database } from '#db/client.ts';
import * as schema from '#db/schema/index.ts';

interface Asked {
  query: string;
  params: unknown[];
  role: 'abw_app' | 'abw_system';
  orgId: string;
}

export interface Watched extends Database {
  /** Every query since the last call, with the plan it runs by. */
  plans(): Promise<{ query: string; plan: string }[]>;
}

/** A database that remembers what it is asked, and explains it under the same role and org as it was asked. */
export function createWatched(url: string): Watched {
  const plain = createDatabase({ url, max: 2 });
  let asked: Asked[] = [];
  const client = postgres(url, { max: 2, onnotice: () => {} });
  const handleOf = (role: Asked['role'], orgId: string) =>
    drizzle(client, {
      schema,
      logger: {
        logQuery: (query, params) => {
          if (!query.includes('set_config')) asked.push({ query, params, role, orgId });
        },
      },
    });
  const withRole = (role: Asked['role'], orgId: string, fn: Parameters<Database['withSystem']>[1]) =>
    handleOf(role, orgId).transaction(async (tx) => {
      await tx.execute(sql`select set_config('role', ${role}, true), set_config('app.org_id', ${orgId}, true)`);
      return fn(tx);
    });
  return {
    ...plain,
    withOrg: async <T>(orgId: string, fn: (org: { id: string; tx: never }) => Promise<T>) =>
      (await withRole('abw_app', orgId, (tx) => fn({ id: orgId, tx: tx as never }))) as T,
    withSystem: async <T>(_reason: string, fn: (tx: never) => Promise<T>) =>
      (await withRole('abw_system', '', (tx) => fn(tx as never))) as T,
    plans: async () => {
      const found: { query: string; plan: string }[] = [];
      const all = asked;
      asked = [];
      for (const { query, params, role, orgId } of all) {
        const plan = await client.begin(async (tx) => {
          await tx`select set_config('role', ${role}, true), set_config('app.org_id', ${orgId}, true)`;
          const rows = await tx.unsafe(`explain (analyze) ${query}`, params as postgres.ParameterOrJSON<never>[]);
          return rows.map((row) => String(row['QUERY PLAN'])).join('\n');
        });
        found.push({ query, plan });
      }
      return found;
    },
    close: async () => {
      await client.end({ timeout: 5 });
      await plain.close();
    },
  };
}
