import type postgres from 'postgres';

/** The login role and its database: what DATABASE_URL would name on a server somebody else runs. */
export const OWNER = 'abetworks';

/**
 * Makes sure the owner role exists, is no superuser and cannot bypass row-level security (D1), and owns its database.
 * `sql` is a superuser's single connection. Safe to run from several processes at once.
 */
export async function ensureOwner(sql: postgres.Sql, password: string): Promise<void> {
  if (isRight(await look(sql))) return;
  await sql`select pg_advisory_lock(hashtext('abetworks:owner'))`;
  const seen = await look(sql);
  if (!seen.roleFits) {
    const verb = seen.roleExists ? 'alter' : 'create';
    await sql.unsafe(
      `${verb} role ${OWNER} login createrole nosuperuser nobypassrls nocreatedb noreplication password '${password}'`,
    );
  }
  if (!seen.databaseExists) await sql.unsafe(`create database ${OWNER} owner ${OWNER}`);
  else if (!seen.databaseFits) await sql.unsafe(`alter database ${OWNER} owner to ${OWNER}`);
  await sql`select pg_advisory_unlock(hashtext('abetworks:owner'))`;
}

interface Seen {
  roleExists: boolean;
  roleFits: boolean;
  databaseExists: boolean;
  databaseFits: boolean;
}

function isRight(seen: Seen): boolean {
  return seen.roleFits && seen.databaseFits;
}

async function look(sql: postgres.Sql): Promise<Seen> {
  const [row] = await sql<Seen[]>`
    select r.oid is not null as "roleExists",
           coalesce(r.rolcanlogin and r.rolcreaterole and not (r.rolsuper or r.rolbypassrls or r.rolcreatedb or r.rolreplication), false) as "roleFits",
           d.oid is not null as "databaseExists",
           coalesce(d.datdba = r.oid, false) as "databaseFits"
    from (select 1) as one
    left join pg_roles r on r.rolname = ${OWNER}
    left join pg_database d on d.datname = ${OWNER}`;
  return row ?? { roleExists: false, roleFits: false, databaseExists: false, databaseFits: false };
}
