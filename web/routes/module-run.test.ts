import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { moduleConnector } from '#activities/integrations/module.ts';
import { addConnection } from '#db/connections.ts';
import { idleClient } from '#test/web/client.ts';
import { addRows, type Rows } from '#test/web/rows.ts';
import { addOrg, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';

let world: World;
let sql: postgres.Sql;
let ana: Person;
let rows: Rows;
/** What becomes of the run between being seen as down and being stopped. */
let meanwhile: () => Promise<unknown>;

beforeAll(async () => {
  world = await createWorld(
    idleClient({
      receive: async () => ({ kind: 'run', runId: rows.runId, threadId: rows.threadId, isReplay: false }),
      stop: async () => {
        await meanwhile();
        return { kind: 'stopping' };
      },
    }),
  );
  sql = postgres(world.database.adminUrl, { max: 1, onnotice: () => {} });
  ana = await addOrg(world);
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});

let n = 0;
let slug = '';
beforeEach(async () => {
  slug = `desk-${(n += 1)}`;
  const document = JSON.stringify({ modules: [{ id: 'open' }] });
  const settings = await moduleConnector.compile({ baseUrl: 'https://desk.example.com' }, document);
  const wanted = { connector: 'module', name: 'Desk', slug, settings, ownerMemberId: ana.memberId, isWatched: true };
  const { id } = await inOrg(world, ana.orgId, (org) => addConnection(org, world.deps.keys, wanted, {}));
  rows = await addRows(world, ana);
  // Parked: the call itself found that nobody answers.
  await sql`update tool_calls set status = 'running', approval_id = null, connection_id = ${id} where run_id = ${rows.runId}`;
  await sql`update effects set state = 'not_sent' where run_id = ${rows.runId}`;
  await sql`update connections set health = 'down', health_checked_at = now() - interval '10 minutes' where id = ${id}`;
});
const end = () => sql`update runs set status = 'stopped', ended_at = now() where id = ${rows.runId}`;
const effectIs = (state: string) => sql`update effects set state = ${state} where run_id = ${rows.runId}`;
const execute = () => world.call(`/api/modules/${slug}.open/execute`, { as: ana, body: { input_data: {} } });

test('a module that is down: the run is stopped, and 503 says that nothing was run', async () => {
  meanwhile = end;
  expect(await execute()).toMatchObject({ status: 503, json: { detail: expect.stringContaining('nothing was run') } });
});

test(
  'R5 it came back just then and the call is on its way: 202, never “nothing was run”',
  { timeout: 15_000 },
  async () => {
    meanwhile = () => effectIs('intended');
    expect(await execute()).toMatchObject({ status: 202, json: { run_id: rows.runId } });
  },
);

test('E5 a run that ended with an unclear effect is a 409, so that a repeat under the same key does not run it again', async () => {
  meanwhile = async () => {
    await effectIs('ambiguous');
    await end();
  };
  expect(await execute()).toMatchObject({ status: 409, json: { detail: expect.stringContaining('Nobody knows') } });
});
