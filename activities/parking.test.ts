import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { addConnection, lockConnection, type Connection } from '#db/connections.ts';
import { readToolCall } from '#db/runs.ts';
import { idleClient } from '#test/web/client.ts';
import { addRows } from '#test/web/rows.ts';
import { addOrg, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';
import { noteHealth } from './health.ts';
import { isKnownDown, park } from './parking.ts';

let world: World;
let ana: Person;
let sql: postgres.Sql;
let connection: Connection;
let callId: string;
let runId: string;
beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 1, onnotice: () => {} });
  ana = await addOrg(world);
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});
let n = 0;
beforeEach(async () => {
  const rows = await addRows(world, ana);
  runId = rows.runId;
  const slug = `desk-${(n += 1)}`;
  const wanted = {
    connector: 'module',
    name: 'Desk',
    slug,
    settings: {},
    ownerMemberId: ana.memberId,
    isWatched: true,
  };
  connection = await inOrg(world, ana.orgId, (org) => addConnection(org, world.deps.keys, wanted, {}));
  const [call] =
    await sql`update tool_calls set status = 'running', started_at = now(), connection_id = ${connection.id}
    where run_id = ${runId} returning id`;
  callId = call?.['id'] as string;
  await sql`update runs set status = 'running' where id = ${runId}`;
});

const read = () => inOrg(world, ana.orgId, (org) => readToolCall(org, callId));
const now = async () => (await inOrg(world, ana.orgId, (org) => lockConnection(org, connection.id))) ?? connection;
const wait = async (why: string | null = 'Nobody answers.') => park(world.deps.db, await read(), connection, why);
const note = async (health: 'up' | 'down') =>
  inOrg(world, ana.orgId, async (org) => noteHealth(org, await now(), { health, text: 'As it is.' }));
const runRow = async () => (await sql`select status, status_text from runs where id = ${runId}`)[0];

test('a call that finds it down says so, and from then on it is looked at often', async () => {
  expect(await wait()).toEqual({ kind: 'parked', againInMs: 600_000 });
  expect(await runRow()).toMatchObject({
    status: 'waiting',
    status_text: expect.stringMatching(/^Desk is down since \d\d:\d\d UTC; waiting, it will go on by itself$/),
  });
  const found = await now();
  expect([found.health, found.healthText, isKnownDown(found)]).toEqual(['down', 'Nobody answers.', true]);
  expect((found.nextCheckAt?.getTime() ?? 0) - Date.now()).toBeLessThan(5_000);
  const [audited] =
    await sql`select actor from audit_log where action = 'connection.down' and target_id = ${connection.id}`;
  expect(audited).toMatchObject({ actor: 'system' });
});

test('seen to work since the call was opened, it is tried at once: its wake-up may have come too early', async () => {
  await note('down');
  await note('up');
  expect(await wait()).toEqual({ kind: 'not_sent', againInMs: 500 });
});

test('a day is the most it waits', async () => {
  await note('down');
  await sql`update tool_calls set started_at = now() - interval '23 hours 59 minutes' where id = ${callId}`;
  expect((await wait()).kind).toBe('parked');
  await sql`update tool_calls set started_at = now() - interval '24 hours 1 minute' where id = ${callId}`;
  expect(await wait()).toEqual({
    kind: 'over',
    text: expect.stringMatching(/^Desk is down since .* It was waited for a day, so it was not run\. Ask again\.$/),
  });
});

test('an old look says nothing about now', async () => {
  await note('down');
  await sql`update connections set health_checked_at = now() - interval '4 minutes' where id = ${connection.id}`;
  expect(isKnownDown(await now())).toBe(false);
});

test('since when it is down stays, however often it is looked at', async () => {
  await note('down');
  const first = (await now()).healthSince;
  await note('down');
  expect((await now()).healthSince).toEqual(first);
  const rows = await sql`select 1 from audit_log where action = 'connection.down' and target_id = ${connection.id}`;
  expect(rows).toHaveLength(1);
});
