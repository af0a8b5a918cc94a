import { sql } from 'drizzle-orm';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import * as schema from './schema/index.ts';

type Schema = typeof schema;
type Handle = PostgresJsDatabase<Schema>;
export type Tx = Parameters<Parameters<Handle['transaction']>[0]>[0];

/** One transaction that sees one org's rows and no others. Every tenant query takes it first. */
export interface Org {
  readonly id: string;
  readonly tx: Tx;
}

export interface Database {
  /** Runs `fn` in a transaction as the app role, bound to one org (RULES D1). Never call a model or a network inside: it holds a connection. */
  withOrg<T>(orgId: string, fn: (org: Org) => Promise<T>): Promise<T>;
  /** Runs `fn` as the system role: reads the named tables across orgs. `reason` says why, for the reader. */
  withSystem<T>(reason: string, fn: (tx: Tx) => Promise<T>): Promise<T>;
  /** The login role: only the tables without an org (better-auth's four, key checks, rate limits). Sees no tenant rows. */
  readonly global: Handle;
  /** The pool below, for LISTEN and for libraries that want a client of their own. */
  readonly url: string;
  isAlive(): Promise<boolean>;
  close(): Promise<void>;
}

/**
 * Seconds before a connection that failed is tried again. The client's own way grows to 20 s and counts the failures of all connections together, so that a
 * short outage would go on for that long.
 */
export const reconnectAfter = (failures: number): number =>
  Math.min(3 ** failures / 100, 1) * (0.5 + Math.random() / 2);

/** Opens a pool. `max` is in connections. Nothing is connected until the first query. */
export function createDatabase({ url, max = 10 }: { url: string; max?: number }): Database {
  const connection = { application_name: 'abetworks' };
  const client = postgres(url, { max, onnotice: () => {}, connection, backoff: reconnectAfter });
  const handle = drizzle(prepareAll(client), { schema });
  const withRole = <T>(role: string, orgId: string, fn: (tx: Tx) => Promise<T>): Promise<T> =>
    handle.transaction(async (tx) => {
      // Sent first but not waited for: the first query of `fn` goes out with it. Should it fail, the transaction is aborted and no query runs.
      const entering = tx
        .execute(sql`select set_config('role', ${role}, true), set_config('app.org_id', ${orgId}, true)`)
        .then(() => undefined);
      entering.catch(() => undefined);
      const result = await fn(tx);
      await entering;
      return result;
    });
  return {
    withOrg: (orgId, fn) => withRole('abw_app', orgId, (tx) => fn({ id: orgId, tx })),
    withSystem: (_reason, fn) => withRole('abw_system', '', fn),
    global: handle,
    url,
    isAlive: async () => {
      try {
        await client`select 1`;
        return true;
      } catch {
        return false;
      }
    },
    close: () => client.end({ timeout: 5 }),
  };
}

/**
 * drizzle asks for no prepared statements, and postgres.js then asks the server twice for each query: first what its parameters are. `prepare=false`
 * in the URL still switches them off, for a pooler that cannot keep them.
 */
function prepareAll(client: postgres.Sql): postgres.Sql {
  const { begin } = client;
  prepareWithin(client);
  const beginPrepared = (fn: (tx: postgres.TransactionSql) => unknown) => begin((tx) => fn(prepareWithin(tx)));
  return Object.assign(client, { begin: beginPrepared });
}

function prepareWithin<T extends Pick<postgres.Sql, 'unsafe'>>(client: T): T {
  const { unsafe } = client;
  const prepared: typeof unsafe = (text, parameters = [], options = {}) =>
    unsafe(text, parameters, { ...options, prepare: true });
  return Object.assign(client, { unsafe: prepared });
}

/** SQLSTATE of a failed query ('23505' unique, '23503' foreign key), or undefined. */
export function sqlState(error: unknown): string | undefined {
  const cause = error instanceof Error && error.cause ? error.cause : error;
  return typeof cause === 'object' && cause !== null && 'code' in cause && typeof cause.code === 'string'
    ? cause.code
    : undefined;
}
