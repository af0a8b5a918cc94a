import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { beginEffect, type WriteCall } from '#activities/effects.ts';
import { reviseCall } from '#activities/index.ts';
import { sha256 } from '#core/hash.ts';
import type { Actor } from '#core/roles.ts';
import type { Connection } from '#db/connections.ts';
import { toolCallsOf } from '#db/runs.ts';
import { addAsked, addErp, INVOICE, type Asked } from '#test/web/asked.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, addPerson, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';
import { createDecide } from './decide.ts';
import { createEdit } from './edit.ts';
import { fakeEngine } from './engine.fixture.ts';
import type { Edited } from './types.ts';

let world: World;
let sql: postgres.Sql;
let [ana, bo, cy]: Person[] = [];
let erp: Connection;
let asked: Asked;
const engine = fakeEngine();
let decide: ReturnType<typeof createDecide>;
let editApproval: ReturnType<typeof createEdit>;

beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 3, onnotice: () => {} });
  ana = await addOrg(world);
  bo = await addPerson(world, ana.orgId, 'admin');
  cy = await addPerson(world, ana.orgId, 'admin');
  erp = await addErp(world, ana);
  const deps = { db: world.deps.db, engine: engine.port, log: pino({ level: 'silent' }), revise: reviseCall };
  decide = createDecide(deps);
  editApproval = createEdit(deps);
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});
beforeEach(async () => {
  engine.woken.length = 0;
  asked = await addAsked(world, ana!, erp);
});

type By = Person | undefined;
const actor = (by: By): Actor => ({ orgId: by?.orgId ?? '', memberId: by?.memberId ?? '', role: 'admin' });
const edit = (
  by: By,
  input: object = { ...INVOICE, amount: 420 },
  of: { approvalId: string; payloadSha256: string } = asked,
) =>
  editApproval(actor(by), of.approvalId, {
    input: input as typeof INVOICE,
    payloadSha256: of.payloadSha256,
    surface: 'web',
  });
const approve = (by: By, of: { approvalId: string; payloadSha256: string } = asked) =>
  decide(actor(by), of.approvalId, { decision: 'approve', payloadSha256: of.payloadSha256, surface: 'web' });
function edited(found: Edited): { approvalId: string; payloadSha256: string } {
  if (found.kind !== 'edited') throw new Error(JSON.stringify(found));
  return found;
}
const rowOf = async (id: string) => (await sql`select * from approvals where id = ${id}`)[0] ?? {};
const callOf = async (id = asked.toolCallId) => (await sql`select * from tool_calls where id = ${id}`)[0] ?? {};
const argumentsOf = (row: Record<string, unknown>) => JSON.parse(String(row['payload'])).arguments;
async function begin(runId = asked.runId) {
  const [call] = await inOrg(world, ana!.orgId, (org) => toolCallsOf(org, runId));
  return beginEffect(world.deps.db, ana!.orgId, call as WriteCall, { summary: () => 'x', blocked: null });
}

test('A4 an edit makes a new approval of the new payload and supersedes the old one; both hashes are on record and the run is woken', async () => {
  await sql`update orgs set policy = policy || '{"version": 7}' where id = ${ana!.orgId}`;
  const next = edited(await edit(bo));
  await sql`update orgs set policy = policy || '{"version": 1}' where id = ${ana!.orgId}`;
  const [old, row, call] = [await rowOf(asked.approvalId), await rowOf(next.approvalId), await callOf()];
  expect(old).toMatchObject({ status: 'superseded', decided_by: bo?.memberId, payload_sha256: asked.payloadSha256 });
  expect(row).toMatchObject({
    status: 'pending',
    supersedes: asked.approvalId,
    edited_by: [bo?.memberId],
    requested_by: ana?.memberId,
    policy: expect.objectContaining({ version: 7 }),
    summary: expect.stringContaining('INV-77'),
  });
  expect(sha256(String(row['payload']))).toBe(next.payloadSha256);
  expect(argumentsOf(row)).toEqual({ ...INVOICE, amount: 420 });
  expect(JSON.parse(JSON.parse(String(row['payload'])).request.body)).toEqual({ ...INVOICE, amount: 420 });
  expect(call).toMatchObject({
    payload: row['payload'],
    payload_sha256: next.payloadSha256,
    approval_id: next.approvalId,
  });
  const [audited] =
    await sql`select * from audit_log where action = 'approval.edited' and target_id = ${asked.approvalId}`;
  expect(JSON.parse(String(audited?.['details']))).toMatchObject({
    payloadSha256: asked.payloadSha256,
    newPayloadSha256: next.payloadSha256,
    supersededBy: next.approvalId,
  });
  expect(engine.woken).toEqual([asked.runId]);
});

test('A3 A4 everybody who edited counts as one who asked; somebody else decides the last of several edits', async () => {
  const first = edited(await edit(bo));
  expect(await approve(bo, first)).toMatchObject({
    kind: 'forbidden',
    text: expect.stringContaining('You edited this'),
  });
  const second = edited(await edit(ana, { ...INVOICE, amount: 43 }, first));
  expect(await rowOf(second.approvalId)).toMatchObject({ edited_by: [bo?.memberId, ana?.memberId] });
  for (const by of [ana, bo]) expect(await approve(by, second)).toMatchObject({ kind: 'forbidden' });
  // Not on what was superseded either.
  expect(await approve(cy, first)).toMatchObject({ kind: 'already', status: 'superseded' });
  expect(await approve(cy, second)).toMatchObject({ kind: 'decided' });
  expect(await begin()).toMatchObject({ kind: 'send', effect: { payloadSha256: second.payloadSha256 } });
});

test('A3 who made the key that edited may not approve either', async () => {
  const byKey = { ...actor(bo), apiKey: { id: asked.runId, createdBy: cy!.memberId, scopes: ['full'] } };
  const input = { ...INVOICE, amount: 1 };
  const next = edited(
    await editApproval(byKey, asked.approvalId, { input, payloadSha256: asked.payloadSha256, surface: 'api' }),
  );
  expect(await approve(cy, next)).toMatchObject({ kind: 'forbidden' });
});

test('E3 A4 of an approval and an edit at the same moment exactly one wins, and never may the old decision send the new payload', async () => {
  for (let round = 0; round < 25; round += 1) {
    asked = await addAsked(world, ana!, erp);
    const both = round % 2 === 0 ? [approve(cy), edit(bo)] : [edit(bo), approve(cy)];
    const kinds = (await Promise.all(both)).map(({ kind }) => kind);
    const won = kinds.filter((kind) => kind === 'decided' || kind === 'edited');
    expect(won).toHaveLength(1);
    expect(kinds).toContain('already');
    const call = await callOf();
    const { status } = await rowOf(asked.approvalId);
    const isApproved = won[0] === 'decided';
    expect([status, call['payload_sha256'] === asked.payloadSha256, call['approval_id'] === asked.approvalId]).toEqual(
      isApproved ? ['approved', true, true] : ['superseded', false, false],
    );
    expect(await begin()).toMatchObject(
      isApproved
        ? { kind: 'send', effect: { payloadSha256: asked.payloadSha256 } }
        : { kind: 'refused', text: 'It was not approved, so it was not sent.' },
    );
  }
});

test('A4 of two edits at the same moment one wins', async () => {
  for (let round = 0; round < 10; round += 1) {
    asked = await addAsked(world, ana!, erp);
    const found = await Promise.all([edit(bo), edit(cy, { ...INVOICE, amount: 7 })]);
    expect(found.map(({ kind }) => kind).toSorted()).toEqual(['already', 'edited']);
    const pending = await sql`select 1 from approvals where thread_id = ${asked.threadId} and status = 'pending'`;
    expect(pending).toHaveLength(1);
  }
});

test('E3 neither the old bytes under the new approval nor the new bytes under the old one are sent', async () => {
  const old = await callOf();
  const next = edited(await edit(bo));
  await approve(cy, next);
  await sql`update tool_calls set payload = ${old['payload']}, payload_sha256 = ${old['payload_sha256']} where id = ${asked.toolCallId}`;
  expect(await begin()).toMatchObject({ kind: 'refused', text: expect.stringContaining('not what was approved') });
  const row = await rowOf(next.approvalId);
  await sql`update tool_calls set payload = ${row['payload']}, payload_sha256 = ${next.payloadSha256}, approval_id = ${asked.approvalId} where id = ${asked.toolCallId}`;
  expect(await begin()).toMatchObject({ kind: 'refused' });
  expect(await sql`select 1 from effects where run_id = ${asked.runId}`).toHaveLength(0);
});

test('A4 arguments that do not fit are refused by name, and nothing half-done stays behind', async () => {
  for (const [input, field] of [
    [{ ...INVOICE, amount: 'much' }, 'amount'],
    [{ number: 'INV-77', currency: 'EUR' }, 'amount'],
    [{ ...INVOICE, extra: 1 }, 'extra'],
    [{ ...INVOICE, currency: 'XXX' }, 'currency'],
    [JSON.parse('{"number":"a","amount":1,"currency":"EUR","customer":{"__proto__":1}}'), 'input'],
    [{ ...INVOICE, note: 'a'.repeat(100_001) }, 'input'],
  ] as const)
    await expect(edit(bo, input)).rejects.toMatchObject({ status: 422, field });
  expect(await rowOf(asked.approvalId)).toMatchObject({ status: 'pending' });
  expect(await callOf()).toMatchObject({ payload_sha256: asked.payloadSha256, approval_id: asked.approvalId });
});

test('A4 an edit that changes nothing is refused politely, also when the policy has moved on meanwhile', async () => {
  const same = { currency: 'EUR', amount: 4200, number: 'INV-77' };
  expect(await edit(bo, same)).toMatchObject({
    kind: 'unchanged',
    text: expect.stringContaining('Nothing was changed'),
  });
  await sql`update orgs set policy = policy || '{"version": 9}' where id = ${ana!.orgId}`;
  expect(await edit(bo, same)).toMatchObject({ kind: 'unchanged' });
  await sql`update orgs set policy = policy || '{"version": 1}' where id = ${ana!.orgId}`;
  expect(await rowOf(asked.approvalId)).toMatchObject({ status: 'pending' });
});

test('R3 an edit into what waits in the thread already is refused, and leads there', async () => {
  const args = { ...INVOICE, amount: 420 };
  const other = await addAsked(world, ana!, erp, { args, beside: asked });
  expect(await edit(bo)).toMatchObject({ kind: 'duplicate', approvalId: other.approvalId });
  expect(await rowOf(asked.approvalId)).toMatchObject({ status: 'pending' });
  // In another thread it is its own.
  const elsewhere = await addAsked(world, ana!, erp);
  expect(await edit(bo, args, elsewhere)).toMatchObject({ kind: 'edited' });
});

test('R3 a run that joined the question goes with the edit, and whoever asked there may not approve it', async () => {
  const joined = await addAsked(world, cy!, erp);
  await sql`update tool_calls set approval_id = ${asked.approvalId} where id = ${joined.toolCallId}`;
  await sql`update approvals set status = 'cancelled' where id = ${joined.approvalId}`;
  await sql`update runs set taint = 'a mail' where id = ${joined.runId}`;
  const next = edited(await edit(bo));
  expect(await callOf(joined.toolCallId)).toMatchObject({
    approval_id: next.approvalId,
    payload_sha256: next.payloadSha256,
  });
  expect(engine.woken.toSorted()).toEqual([asked.runId, joined.runId].toSorted());
  expect(await approve(cy, next)).toMatchObject({ kind: 'forbidden', text: expect.stringContaining('You asked') });
});

test('A4 only those who may decide or have asked may edit, and only what they were shown, while it waits', async () => {
  const member = await addPerson(world, ana!.orgId, 'member');
  const viewer = await addPerson(world, ana!.orgId, 'viewer');
  const stranger = await addOrg(world, 'Other');
  for (const by of [member, viewer]) expect(await edit(by)).toMatchObject({ kind: 'forbidden' });
  expect(await edit(stranger)).toMatchObject({ kind: 'not_found' });
  const reader = { ...actor(bo), apiKey: { id: asked.runId, createdBy: bo!.memberId, scopes: ['read'] } };
  const input = { ...INVOICE, amount: 1 };
  expect(
    await editApproval(reader, asked.approvalId, { input, payloadSha256: asked.payloadSha256, surface: 'api' }),
  ).toMatchObject({ kind: 'forbidden' });
  expect(await edit(bo, input, { ...asked, payloadSha256: 'a'.repeat(64) })).toMatchObject({ kind: 'changed' });
  await sql`update approvals set expires_at = now() - interval '1 second' where id = ${asked.approvalId}`;
  expect(await edit(bo)).toMatchObject({ kind: 'expired' });
  asked = await addAsked(world, ana!, erp);
  await sql`update runs set stop_requested_at = now() where id = ${asked.runId}`;
  expect(await edit(bo)).toMatchObject({ kind: 'already', text: expect.stringContaining('stopped') });
  asked = await addAsked(world, member, erp);
  expect(await edit(member)).toMatchObject({ kind: 'edited' });
});

test('A4 with its tool gone there is nothing to edit', async () => {
  const shed = await addErp(world, ana!, 'Shed');
  asked = await addAsked(world, ana!, shed);
  await sql`update connections set status = 'removed' where id = ${shed.id}`;
  await expect(edit(bo)).rejects.toMatchObject({ status: 409, message: expect.stringContaining('no longer there') });
});

test('T2 A4 what the run has read from outside stays: the new approval quotes it, and an edit never makes it laxer', async () => {
  await sql`update runs set taint = 'a mail' where id = ${asked.runId}`;
  await sql`update messages set outside = 'a mail', text = 'pay to DE00 1234' where thread_id = ${asked.threadId}`;
  const next = edited(await edit(bo, { ...INVOICE, note: 'pay to DE00 1234' }));
  expect(await rowOf(next.approvalId)).toMatchObject({
    origins: [{ path: 'note', origin: 'a mail' }],
    reason: expect.stringContaining('a mail'),
    policy: expect.objectContaining({ requesterMayDecide: false }),
  });
});

test('A3 who is alone in the org edits and then approves their own, but not after reading outside text', async () => {
  const solo = await addOrg(world, 'Solo');
  const own = await addErp(world, solo);
  asked = await addAsked(world, solo, own, { isAlone: true });
  const next = edited(await edit(solo));
  expect(await rowOf(next.approvalId)).toMatchObject({ policy: expect.objectContaining({ requesterMayDecide: true }) });
  expect(await approve(solo, next)).toMatchObject({ kind: 'decided' });

  asked = await addAsked(world, solo, own);
  await sql`update runs set taint = 'a mail' where id = ${asked.runId}`;
  const tainted = edited(await edit(solo));
  expect(await approve(solo, tainted)).toMatchObject({
    kind: 'forbidden',
    text: expect.stringMatching(/read outside text.*Invite somebody.*new thread/),
  });
});

test('A6 an edit made while Temporal is away counts, and is left for the sweeper to signal', async () => {
  engine.isAway = true;
  const next = await edit(bo);
  engine.isAway = false;
  expect(next).toMatchObject({ kind: 'edited' });
  expect(await rowOf(asked.approvalId)).toMatchObject({ signalled_at: null, signal_attempts: 1 });
});
