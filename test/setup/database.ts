import postgres from 'postgres';
import { inject } from 'vitest';
import { newId } from '#core/ids.ts';
import { createDatabase, type Database } from '#db/client.ts';

export interface TestDatabase {
  db: Database;
  /** As the owner role, which is no superuser. */
  url: string;
  /** As the superuser: for looking past row-level security. */
  adminUrl: string;
  drop(): Promise<void>;
}

/** A database of its own, cloned from the migrated template. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = inject('postgres');
  const name = `t_${newId().replaceAll('-', '')}`;
  const admin = postgres(server.adminUrl, { max: 1, onnotice: () => {} });
  // Cloning refuses while another clone has the template open; the lock makes the files of a run take turns.
  await admin.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtext('abetworks:clone'))`;
    const cloner = postgres(server.adminUrl, { max: 1, onnotice: () => {} });
    await cloner`create database ${cloner(name)} template ${cloner(server.template)} owner abetworks strategy file_copy`;
    await cloner.end();
  });
  const at = (url: string) => Object.assign(new URL(url), { pathname: `/${name}` }).href;
  const db = createDatabase({ url: at(server.url), max: 6 });
  return {
    db,
    url: at(server.url),
    adminUrl: at(server.adminUrl),
    drop: async () => {
      await db.close();
      await admin`drop database if exists ${admin(name)} with (force)`;
      await admin.end();
    },
  };
}
