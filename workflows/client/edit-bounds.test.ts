import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { reviseCall } from '#activities/index.ts';
import { findConnector } from '#activities/integrations/index.ts';
import type { Actor } from '#core/roles.ts';
import type { JsonObject } from '#core/tools.ts';
import { addConnection, type Connection } from '#db/connections.ts';
import { MODULES } from '#test/fakes/module.ts';
import { addAsked, addErp, INVOICE, type Asked } from '#test/web/asked.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, addPerson, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';
import { createDecide } from './decide.ts';
import { createEdit } from './edit.ts';
import { fakeEngine } from './engine.fixture.ts';
import type { Edited } from './types.ts';

let world: World;
let sql: postgres.Sql;
let ana: Person;
let bo: Person;
let cy: Person;
let erp: Connection;
let asked: Asked;
let decide: ReturnType<typeof createDecide>;
let editApproval: ReturnType<typeof createEdit>;

beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 1, onnotice: () => {} });
  ana = await addOrg(world);
  bo = await addPerson(world, ana.orgId, 'admin');
  cy = await addPerson(world, ana.orgId, 'admin');
  erp = await addErp(world, ana);
  const deps = { db: world.deps.db, engine: fakeEngine().port, log: pino({ level: 'silent' }), revise: reviseCall };
  decide = createDecide(deps);
  editApproval = createEdit(deps);
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});
beforeEach(async () => {
  asked = await addAsked(world, ana, erp);
});

type Shown = { approvalId: string; payloadSha256: string };
const actor = ({ orgId, memberId }: Person): Actor => ({ orgId, memberId, role: 'admin' });
const edit = (by: Person, input: JsonObject = { ...INVOICE, amount: 420 }, of: Shown = asked) =>
  editApproval(actor(by), of.approvalId, { input, payloadSha256: of.payloadSha256, surface: 'web' });
const approve = (by: Person, of: Shown) =>
  decide(actor(by), of.approvalId, { decision: 'approve', payloadSha256: of.payloadSha256, surface: 'web' });
function edited(found: Edited): Shown {
  if (found.kind !== 'edited') throw new Error(JSON.stringify(found));
  return found;
}
const callOf = async (id = asked.toolCallId) => (await sql`select * from tool_calls where id = ${id}`)[0] ?? {};

test('A4 what is off now is not edited, since it would be approved in vain', async () => {
  const settings = await findConnector('module').compile(
    { baseUrl: 'https://modules.example.com' },
    JSON.stringify({ modules: MODULES }),
  );
  const modules = await inOrg(world, ana.orgId, (org) =>
    addConnection(
      org,
      world.deps.keys,
      { connector: 'module', name: 'Lab', slug: 'lab', settings, visibility: 'org', ownerMemberId: ana.memberId },
      { apiKey: 'x' },
    ),
  );
  asked = await addAsked(world, ana, modules, { args: { word: 'a' } });
  await sql`update connections set offered = '{}' where id = ${modules.id}`;
  await expect(edit(bo, { word: 'b' })).rejects.toMatchObject({
    status: 409,
    message: expect.stringContaining('cannot be edited now'),
  });
  await sql`update connections set offered = null where id = ${modules.id}`;
  expect(await edit(bo, { word: 'b' })).toMatchObject({ kind: 'edited' });
});

test('A4 after twenty edits it is decided or asked anew', async () => {
  let last: { approvalId: string; payloadSha256: string } = asked;
  for (let amount = 1; amount <= 20; amount += 1) last = edited(await edit(ana, { ...INVOICE, amount }, last));
  await expect(edit(ana, { ...INVOICE, amount: 21 }, last)).rejects.toMatchObject({
    status: 409,
    message: expect.stringContaining('edited 20 times'),
  });
  expect(await approve(bo, last)).toMatchObject({ kind: 'decided' });
});

test('R3 a joined run that is over keeps the record of what it was, and who asked there still may not approve', async () => {
  const joined = await addAsked(world, cy, erp);
  await sql`update approvals set status = 'cancelled' where id = ${joined.approvalId}`;
  await sql`update tool_calls set approval_id = ${asked.approvalId} where id = ${joined.toolCallId}`;
  await sql`update runs set status = 'stopped', ended_at = now() where id = ${joined.runId}`;
  const before = await callOf(joined.toolCallId);
  const next = edited(await edit(bo));
  const { approval_id: _, ...kept } = before;
  expect(await callOf(joined.toolCallId)).toMatchObject(kept);
  expect(await callOf()).toMatchObject({ payload_sha256: next.payloadSha256 });
  expect(await approve(cy, next)).toMatchObject({ kind: 'forbidden', text: expect.stringContaining('You asked') });
});
