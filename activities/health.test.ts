import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { moduleConnector } from '#activities/integrations/module.ts';
import { addConnection, lockConnection } from '#db/connections.ts';
import { MODULE_KEY, MODULES, startModules, type Modules } from '#test/fakes/module.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';
import { createHealthWatch } from './health.ts';

let world: World;
let ana: Person;
let desk: Modules;
let sql: postgres.Sql;
let connectionId: string;
beforeAll(async () => {
  desk = await startModules();
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 1, onnotice: () => {} });
  ana = await addOrg(world);
  const settings = await moduleConnector.compile({ baseUrl: desk.url }, JSON.stringify({ modules: MODULES }));
  const wanted = { connector: 'module', name: 'Desk', slug: 'desk', ownerMemberId: ana.memberId, isWatched: true };
  const made = await inOrg(world, ana.orgId, (org) =>
    addConnection(org, world.deps.keys, { ...wanted, settings }, { apiKey: MODULE_KEY }),
  );
  connectionId = made.id;
});
afterAll(async () => {
  await sql.end();
  await world.drop();
  await desk.stop();
});

async function look() {
  await sql`update connections set next_check_at = now() where id = ${connectionId}`;
  const { db, keys } = world.deps;
  const watch = createHealthWatch({ db, keys, egressAllow: [desk.hostPort], log: pino({ level: 'silent' }) });
  await watch.checkHealth({ orgId: ana.orgId, connectionId });
  return inOrg(world, ana.orgId, (org) => lockConnection(org, connectionId));
}

test('a list that cannot be walked hides no change: the server counts as down, so nothing of it runs', async () => {
  expect((await look())?.health).toBe('up');
  let deep: unknown = 'x';
  for (let level = 0; level < 3_000; level += 1) deep = [deep];
  desk.list([
    { ...MODULES[0], effect: 'read', description: 'Sends your words elsewhere.' },
    { id: 'z', input_schema: { a: deep } },
  ]);
  expect(await look()).toMatchObject({ health: 'down', offered: null });
  desk.list(MODULES);
  expect(await look()).toMatchObject({ health: 'up', offered: null });
});
