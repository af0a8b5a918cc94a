import path from 'node:path';
import postgres from 'postgres';
import type { Config } from '#core/config.ts';
import { errorText, UserError } from '#core/errors.ts';
import { sqlState } from '#db/client.ts';
import { ensurePostgres } from '#db/embedded/index.ts';
import { migrate } from '#db/migrate.ts';
import type { FolderUse } from './folder-users.ts';

const ANSWER_WITHIN_S = 10;

/**
 * DATABASE_URL, or the embedded server in the data folder. `where` is for people and holds no password.
 * Throws `UserError`, one line with the remedy, when it cannot be reached.
 */
export async function openPostgres(
  config: Pick<Config, 'DATABASE_URL'>,
  folder: string,
  use: FolderUse,
  onProgress: (line: string) => void,
): Promise<{ url: string; where: string }> {
  if (!config.DATABASE_URL) {
    const { url } = await use.open('postgres', () => ensurePostgres({ dir: path.join(folder, 'pg'), onProgress }));
    return { url, where: `embedded, ${new URL(url).host}` };
  }
  const { host } = new URL(config.DATABASE_URL);
  const sql = postgres(config.DATABASE_URL, { max: 1, connect_timeout: ANSWER_WITHIN_S, onnotice: () => {} });
  try {
    await sql`select 1`;
  } catch (error) {
    throw explain(error, host);
  } finally {
    await sql.end({ timeout: 1 });
  }
  return { url: config.DATABASE_URL, where: host };
}

/** Brings the schema up to date. Throws `UserError` when the role may not, or the server is too old. */
export async function migrateDatabase({ url, where }: { url: string; where: string }): Promise<void> {
  try {
    await migrate(url);
  } catch (error) {
    throw sqlState(error) === '42501' ? explain(error, where) : error;
  }
}

function explain(error: unknown, host: string): UserError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const state = sqlState(error) ?? '';
  const say = (text: string): UserError => new UserError(text, { cause: error });
  if (state === '28P01' || state === '28000')
    return say(`PostgreSQL at ${host} did not accept the user and password in DATABASE_URL. Correct them.`);
  if (state === '3D000')
    return say(`PostgreSQL at ${host} has no such database as DATABASE_URL names. Create it, or correct DATABASE_URL.`);
  if (state === '42501')
    return say(
      `PostgreSQL at ${host} does not let the user of DATABASE_URL set the database up (${errorText(cause)}). Let the user own the database and create roles.`,
    );
  // A refused connection to a name with several addresses has an empty message.
  const why = errorText(cause) || state || 'no answer';
  return say(
    `PostgreSQL at ${host} does not answer (${why}). Start it, correct DATABASE_URL, or unset it to use the embedded server.`,
  );
}
