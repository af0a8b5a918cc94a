import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '#test/setup/until.ts';
import { idleClient } from '#test/web/client.ts';
import { addRows } from '#test/web/rows.ts';
import { addOrg, createWorld, type World } from '#test/web/world.ts';
import { idleSweep } from './sweep.fixture.ts';
import { startSweeping } from './sweep.ts';

let world: World;
let sql: postgres.Sql;
beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 1, onnotice: () => {} });
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});

test('the sweeper removes what an org no longer keeps, and says how much in the log', async () => {
  const ana = await addOrg(world);
  const { runId } = await addRows(world, ana);
  await sql`update orgs set settings = ${sql.json({ retention: { runsDays: 40, eventsDays: null } })}`;
  await sql`update runs set status = 'done', ended_at = now() - interval '41 days'`;
  await sql`update effects set state = 'confirmed'`;
  const lines: string[] = [];
  const stop = startSweeping({
    ...idleSweep(world.deps),
    log: pino({}, { write: (line: string) => void lines.push(line) }),
  });
  try {
    await until('it is gone', async () => (await sql`select 1 from runs where id = ${runId}`).length === 0);
    await until('the log says so', async () => lines.some((line) => line.includes('"counts":{"runs":1')));
    expect(lines.join('')).not.toContain(ana.orgId);
  } finally {
    await stop();
  }
});
