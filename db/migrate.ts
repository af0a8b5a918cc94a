import { readMigrationFiles } from 'drizzle-orm/migrator';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as runMigrations } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { fileURLToPath } from 'node:url';
import { UserError } from '#core/errors.ts';

const migrationsFolder = fileURLToPath(new URL('./migrations', import.meta.url));
const OLDEST_SERVER = 160_000;

/**
 * Brings the database to the newest schema, under an advisory lock: drizzle's own migrate() has none and doubles up (drizzle-orm #874).
 * Throws `UserError` when the server is older than PostgreSQL 16 or was migrated by a newer product.
 */
export async function migrate(url: string): Promise<void> {
  const client = postgres(url, { max: 1, onnotice: () => {}, connection: { application_name: 'abetworks migrate' } });
  try {
    const [version] = await client<{ n: number }[]>`select current_setting('server_version_num')::int as n`;
    if ((version?.n ?? 0) < OLDEST_SERVER)
      throw new UserError('DATABASE_URL points at a PostgreSQL older than 16. Use 16, 17 or 18.');
    await client`select pg_advisory_lock(hashtext('abetworks:migrate'))`;
    await runMigrations(drizzle(client), { migrationsFolder });
    await refuseUnknownSchema(client);
  } finally {
    await client.end({ timeout: 5 });
  }
}

// drizzle applies only migrations newer than the last one and never compares hashes: one merged late would be skipped in silence.
async function refuseUnknownSchema(client: postgres.Sql): Promise<void> {
  const applied = new Set(
    (await client<{ hash: string }[]>`select hash from drizzle.__drizzle_migrations`).map(({ hash }) => hash),
  );
  const ours = readMigrationFiles({ migrationsFolder }).map(({ hash }) => hash);
  if (ours.some((hash) => !applied.has(hash)))
    throw new UserError(
      'A migration was skipped or changed after it ran. Restore the database from a backup or apply it by hand.',
    );
  if (applied.size > ours.length)
    throw new UserError(
      'The database was migrated by a newer version of the product. Start that version, or restore a backup.',
    );
}
