import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { idleClient } from '#test/web/client.ts';
import { addRows } from '#test/web/rows.ts';
import { addOrg, createWorld, type Person, type World } from '#test/web/world.ts';
import { idleSweep } from './sweep.fixture.ts';
import { sweepOnce, type SweepDeps } from './sweep.ts';

let world: World;
let sql: postgres.Sql;
let ana: Person;
let told: string[];
let deps: SweepDeps;

beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 2, onnotice: () => {} });
  ana = await addOrg(world);
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});
beforeEach(async () => {
  // What earlier tests left is settled.
  await sql`update approvals set tell_at = null`;
  told = [];
  deps = {
    ...idleSweep(world.deps),
    tellApprovers: async ({ approvalId }) => void told.push(approvalId),
  };
});

/** Asked so long ago; its telling is due since, or not before, a moment ago. */
async function addUntold({ ago = '90 seconds', due = '-1 second', status = 'pending' } = {}): Promise<string> {
  const { approvalId } = await addRows(world, ana);
  await sql`update approvals set status = ${status}, created_at = now() - ${ago}::interval, tell_at = now() + ${due}::interval where id = ${approvalId}`;
  return approvalId;
}
const dueAgain = (approvalId: string) =>
  sql`update approvals set tell_at = now() - interval '1 second' where id = ${approvalId}`;

test('S1 approvers who were not told are told, for an hour; nobody looks at what has ended or is under way', async () => {
  const untold = await addUntold();
  // A copy of it may be out, and has to show the decision.
  const decided = await addUntold({ status: 'denied' });
  await addUntold({ due: '30 seconds' });
  await addUntold({ ago: '61 minutes', due: '30 seconds' });
  // Told, or asked before this was kept.
  await addRows(world, ana);
  await sweepOnce(deps);
  expect(told.toSorted()).toEqual([untold, decided].toSorted());
});

test('S1 who could not be told for an hour is told no more, and a person hears of it, once, if it still waits', async () => {
  const old = await addUntold({ ago: '61 minutes' });
  await addUntold({ ago: '61 minutes', status: 'approved' });
  const lines: string[] = [];
  deps.log = pino({ level: 'error' }, { write: (line) => void lines.push(line) });
  await Promise.all([sweepOnce(deps), sweepOnce(deps)]);
  await sweepOnce(deps);
  expect(told).toEqual([]);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { orgId: ana.orgId, approvalId: old, alert: true, msg: expect.stringContaining('not told') },
  ]);
  expect(await sql`select 1 from approvals where tell_at is not null`).toEqual([]);
});

test('S1 sweepers of several processes tell each approver once', async () => {
  const untold = await Promise.all(Array.from({ length: 8 }, () => addUntold()));
  await Promise.all([sweepOnce(deps), sweepOnce(deps), sweepOnce(deps)]);
  expect(told.toSorted()).toEqual(untold.toSorted());
});

test('S1 telling that does not end is repeated later and later', async () => {
  const untold = await addUntold({ ago: '1 minute' });
  const waits: number[] = [];
  for (const ago of [1, 3, 6, 12, 24]) {
    await sql`update approvals set created_at = now() - make_interval(mins => ${ago}) where id = ${untold}`;
    await dueAgain(untold);
    await sweepOnce(deps);
    await sweepOnce(deps);
    const [row] =
      await sql`select extract(epoch from tell_at - now())::float8 / 60 as wait from approvals where id = ${untold}`;
    waits.push(Math.round(row?.['wait']));
  }
  expect(told).toHaveLength(5);
  expect(waits).toEqual([2, 3, 6, 12, 24]);
});

test('S1 telling that fails, for more approvals than are told at once, does not hold up the others', async () => {
  const bad = await Promise.all(Array.from({ length: 12 }, () => addUntold({ ago: '3 minutes' })));
  const good = await addUntold();
  const { tellApprovers } = deps;
  deps.tellApprovers = async (one) => {
    if (bad.includes(one.approvalId)) throw new Error('Slack is away');
    return tellApprovers(one);
  };
  await sweepOnce(deps);
  expect(told).toEqual([good]);
});
