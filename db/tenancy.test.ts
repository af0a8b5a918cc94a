import { afterAll, beforeAll, expect, test } from 'vitest';
import postgres from 'postgres';
import { idleClient } from '#test/web/client.ts';
import { addCalculator, addRows } from '#test/web/rows.ts';
import { addOrg, createWorld, type Person, type World } from '#test/web/world.ts';

/** RULES D1: the tables without an org. A new table is either under row-level security or is written here, with a reason. */
const WITHOUT_ORG = [
  // better-auth's (RULES D4).
  'account',
  'session',
  'user',
  'verification',
  // What must match before any org is known, and counters of tries.
  'key_checks',
  'rate_limits',
  // Signatures of platform requests: kept before their org is known.
  'request_signatures',
];

interface Reference {
  name: string;
  child: string;
  parent: string;
  columns: string[];
  targets: string[];
}

let world: World;
let admin: postgres.Sql;
let ours: Person;
let theirs: Person;
let tables: string[];
beforeAll(async () => {
  world = await createWorld(idleClient());
  admin = postgres(world.database.adminUrl, { max: 1, onnotice: () => {} });
  ours = await addOrg(world);
  theirs = await addOrg(world, 'Other');
  for (const person of [ours, theirs]) {
    await addRows(world, person);
    await addCalculator(world, person);
    await world.call('/api/v1/api-keys', { as: person, body: { name: 'x' }, headers: { 'idempotency-key': 'one' } });
    await world.call('/api/v1/members', { as: person, body: { email: 'b@example.test', name: 'B' } });
  }
  tables = (
    await admin<
      { relname: string }[]
    >`select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace`
  ).map(({ relname }) => relname);
});
afterAll(async () => {
  await admin.end();
  await world.drop();
});

test('D1 every table is under forced row-level security with a policy for the app role, or on the list of those without an org', async () => {
  const secured = await admin<{ relname: string }[]>`
    select c.relname from pg_class c join pg_policies p on p.tablename = c.relname and p.schemaname = 'public'
    where c.relnamespace = 'public'::regnamespace and c.relrowsecurity and c.relforcerowsecurity
      and 'abw_app' = any(p.roles) and p.cmd = 'ALL' and p.qual like '%app.org_id%' and p.with_check like '%app.org_id%'`;
  const names = secured.map(({ relname }) => relname);
  expect([...names, ...WITHOUT_ORG].toSorted()).toEqual(tables.toSorted());
});

test('D1 the login role is no superuser, owns nothing it could see past, and sees no tenant rows by itself', async () => {
  const login = postgres(world.database.url, { max: 1, onnotice: () => {} });
  try {
    const [role] = await login`select rolsuper, rolbypassrls from pg_roles where rolname = current_user`;
    expect(role).toEqual({ rolsuper: false, rolbypassrls: false });
    for (const table of tables.filter((name) => !WITHOUT_ORG.includes(name))) {
      const [row] = await login`select count(*)::int as n from ${login(table)}`;
      expect([table, row?.['n']]).toEqual([table, 0]);
    }
  } finally {
    await login.end();
  }
});

test('D1 as another org, every table shows, changes and removes nothing of ours, and none takes a row of ours', async () => {
  const login = postgres(world.database.url, { max: 1, onnotice: () => {} });
  const asTheirs = <T>(fn: (tx: postgres.TransactionSql) => Promise<T>) =>
    login.begin(async (tx) => {
      await tx`select set_config('role', 'abw_app', true), set_config('app.org_id', ${theirs.orgId}, true)`;
      return fn(tx);
    });
  const attempt = (fn: (tx: postgres.TransactionSql) => Promise<postgres.RowList<postgres.Row[]>>) =>
    asTheirs(fn).then(
      (rows) => rows.count,
      (error: { code: string }) => error.code,
    );
  try {
    const counted: Record<string, number> = {};
    for (const table of tables.filter((name) => !WITHOUT_ORG.includes(name))) {
      const column = table === 'orgs' ? 'id' : 'org_id';
      const [all] = await admin`select count(*)::int as n from ${admin(table)} where ${admin(column)} = ${ours.orgId}`;
      const there: number = all?.['n'] ?? 0;
      counted[table] = there;
      const where = (tx: postgres.TransactionSql) => tx`${tx(column)} = ${ours.orgId}`;
      expect([table, await attempt((tx) => tx`select 1 from ${tx(table)} where ${where(tx)}`)]).toEqual([table, 0]);
      // 42501: the app role may not do that to this table at all.
      expect([0, '42501']).toContain(
        await attempt((tx) => tx`update ${tx(table)} set ${tx(column)} = ${tx(column)} where ${where(tx)}`),
      );
      expect([0, '42501']).toContain(await attempt((tx) => tx`delete from ${tx(table)} where ${where(tx)}`));
      const [row] = await admin`select * from ${admin(table)} where ${admin(column)} = ${ours.orgId} limit 1`;
      const inserted = row ? await attempt((tx) => tx`insert into ${tx(table)} ${tx(givable(row))}`) : '42501';
      expect([table, inserted]).toEqual([table, '42501']);
    }
    const filled = Object.values(counted).filter((n) => n > 0).length;
    expect(filled).toBeGreaterThan(14);
  } finally {
    await login.end();
  }
});

test('D1 no org at all: the app role sees nothing, before and after a transaction of an org on the same connection', async () => {
  const login = postgres(world.database.url, { max: 1, onnotice: () => {} });
  const count = (orgId: string | null) =>
    login.begin(async (tx) => {
      await tx`select set_config('role', 'abw_app', true)`;
      if (orgId) await tx`select set_config('app.org_id', ${orgId}, true)`;
      return (await tx`select 1 from members`).count;
    });
  try {
    expect([await count(null), await count(ours.orgId), await count(null)]).toEqual([0, 2, 0]);
  } finally {
    await login.end();
  }
});

test('22 a thousand transactions of two orgs, interleaved on few connections, mix nothing up', async () => {
  const look = async (person: Person) => {
    const seen = await world.deps.db.withOrg(person.orgId, async ({ tx }) =>
      tx.execute<{ org_id: string }>('select org_id from members'),
    );
    return [...seen].every((row) => row.org_id === person.orgId) && seen.length === 2;
  };
  const looks = await Promise.all(Array.from({ length: 1000 }, (_, i) => look(i % 2 === 0 ? ours : theirs)));
  expect(looks.filter(Boolean)).toHaveLength(1000);
});

const references = () => admin<Reference[]>`
  select c.conname as name, child.relname as child, parent.relname as parent,
    array(select a.attname::text from unnest(c.conkey) with ordinality k(n, i) join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.n order by k.i) as columns,
    array(select a.attname::text from unnest(c.confkey) with ordinality k(n, i) join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.n order by k.i) as targets
  from pg_constraint c join pg_class child on child.oid = c.conrelid join pg_class parent on parent.oid = c.confrelid
  where c.contype = 'f' and c.connamespace = 'public'::regnamespace`;

test('D1 every foreign key between tenant tables carries the org, so that a child cannot have a parent elsewhere', async () => {
  const all = await references();
  expect(all.length).toBeGreaterThan(25);
  const bad = all
    .filter(({ child, parent }) => !WITHOUT_ORG.includes(child) && !WITHOUT_ORG.includes(parent) && parent !== 'orgs')
    .filter(({ columns, targets }) => columns[0] !== 'org_id' || targets[0] !== 'org_id' || columns.length !== 2);
  expect(bad).toEqual([]);
});

test('D1 a row that points at a parent of another org is refused, for every foreign key that has a child row here', async () => {
  let tried = 0;
  for (const { child, parent, columns, targets } of await references()) {
    const [own, target] = [columns[1], targets[1]];
    if (own === undefined || target === undefined) continue;
    const [foreign] =
      await admin`select ${admin(target)} as id from ${admin(parent)} where org_id = ${ours.orgId} limit 1`;
    const [row] = await admin`select count(*)::int as n from ${admin(child)} where org_id = ${theirs.orgId}`;
    if (!foreign || row?.['n'] === 0) continue;
    tried += 1;
    const moved = admin`update ${admin(child)} set ${admin(own)} = ${foreign['id']} where org_id = ${theirs.orgId}`;
    await expect(moved, `${child}.${own}`).rejects.toMatchObject({ code: '23503' });
  }
  expect(tried).toBeGreaterThan(14);
});

/** A row's columns but for those that the database makes by itself. */
const givable = ({ search: _made, for_members: _derived, ...row }: postgres.Row): postgres.Row => row;
