import { setTimeout as pause } from 'node:timers/promises';
import postgres from 'postgres';
import { UserError } from '#core/errors.ts';
import { OWNER, ensureOwner } from './owner.ts';
import type { Passwords } from './passwords.ts';
import { hasCode } from './problems.ts';
import { serves } from './postmaster.ts';
import type { Postmaster } from './postmaster.ts';

export interface Urls {
  url: string;
  adminUrl: string;
}

const POLL_MS = 50;
const PATIENCE_MS = 120_000;
// Starting up or shutting down, all connections taken, and the moments before it listens.
const PASSING = [
  '57P03',
  '53300',
  'ECONNREFUSED',
  'ECONNRESET',
  'CONNECT_TIMEOUT',
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
];

/**
 * Proves by a question that the server which answers is the one of this folder, waiting while it starts or stops, and
 * makes sure the owner is there. Undefined when there is no living server. Throws UserError when it does not let us in.
 */
export async function connect(
  { pid, port }: Postmaster,
  cluster: string,
  passwords: Passwords,
): Promise<Urls | undefined> {
  const adminUrl = `postgres://postgres:${passwords.admin}@127.0.0.1:${port}/postgres`;
  const url = `postgres://${OWNER}:${passwords.owner}@127.0.0.1:${port}/${OWNER}`;
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (serves(pid, cluster)) {
    const sql = postgres(adminUrl, { max: 1, connect_timeout: 5, fetch_types: false, onnotice: () => undefined });
    try {
      const [answer] = await sql<{ dir: string }[]>`select current_setting('data_directory') as dir`;
      if (answer?.dir !== cluster) return undefined;
      await ensureOwner(sql, passwords.owner);
      return { url, adminUrl };
    } catch (error) {
      if (hasCode(error, '28P01', '28000')) {
        throw new UserError(
          `The local database in ${cluster} does not take the password kept beside it. Restore that file from a backup.`,
        );
      }
      if (!hasCode(error, ...PASSING)) throw error;
      if (Date.now() > giveUpAt)
        throw new UserError(`PostgreSQL in ${cluster} does not answer. Look at the log beside it.`);
    } finally {
      await sql.end({ timeout: 1 });
    }
    await pause(POLL_MS);
  }
  return undefined;
}
