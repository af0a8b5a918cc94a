import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addConnection } from '#db/connections.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';
import { idleSweep } from './sweep.fixture.ts';
import type { SweepDeps } from './sweep.ts';
import { watchConnections } from './watch.ts';

let world: World;
let ana: Person;
let sql: postgres.Sql;
beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 1, onnotice: () => {} });
  ana = await addOrg(world);
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});

const watch = async (checkHealth: SweepDeps['checkHealth']) => {
  const lines: string[] = [];
  const isAnyDown = await watchConnections({
    ...idleSweep(world.deps),
    log: pino({}, { write: (line: string) => void lines.push(line) }),
    checkHealth,
  });
  return { isAnyDown, lines };
};

test('S1 only connections whose check is due are looked at; one that fails holds up no other', async () => {
  const ids: string[] = [];
  for (const slug of ['due', 'due-too', 'later']) {
    const wanted = {
      connector: 'module',
      name: slug,
      slug,
      settings: {},
      ownerMemberId: ana.memberId,
      isWatched: true,
    };
    ids.push((await inOrg(world, ana.orgId, (org) => addConnection(org, world.deps.keys, wanted, {}))).id);
  }
  await sql`update connections set next_check_at = now() - interval '1 second' where slug <> 'later'`;
  const looked: string[] = [];
  const { isAnyDown, lines } = await watch(async ({ connectionId }) => {
    looked.push(connectionId);
    if (connectionId === ids[0]) throw new Error('its key is gone');
    return { isDown: true, runIds: [] };
  });
  expect(looked.toSorted()).toEqual(ids.slice(0, 2).toSorted());
  expect(isAnyDown).toBe(true);
  expect(lines.join('')).toContain('its key is gone');
});
