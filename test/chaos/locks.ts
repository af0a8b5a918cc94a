import postgres from 'postgres';
import { until } from '#test/setup/until.ts';

type Statement = (sql: postgres.Sql) => Promise<unknown>;

export interface Lock {
  /** Waits until someone cannot go on because of it. */
  isWaitedFor(): Promise<void>;
  release(): Promise<void>;
}

/** Holds what a statement locks in an open transaction, from outside the product (RULES R8), until released; then it is rolled back. */
export async function holdLock(adminUrl: string, statement: Statement): Promise<Lock> {
  const sql = postgres(adminUrl, { max: 1, onnotice: () => {} });
  await sql`begin`;
  await statement(sql);
  const [own] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  return {
    isWaitedFor: async () => {
      // After an earlier kill, what was handed to the dead process is handed out again only after its time-out.
      const waiters = async (): Promise<boolean> =>
        (await sql`select 1 from pg_stat_activity where ${own?.pid ?? 0} = any(pg_blocking_pids(pid))`).length > 0;
      await until('someone waits for the lock', waiters, 45_000);
    },
    release: async () => {
      await sql`rollback`;
      await sql.end();
    },
  };
}
