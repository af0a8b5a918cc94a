import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Actor } from '#core/roles.ts';
import { newId } from '#core/ids.ts';
import { idleClient } from '#test/web/client.ts';
import { addRows, type Rows } from '#test/web/rows.ts';
import { addOrg, addPerson, createWorld, type Person, type World } from '#test/web/world.ts';
import { createDecide } from './decide.ts';
import { fakeEngine } from './engine.fixture.ts';
import { createStop } from './stop.ts';

let world: World;
let sql: postgres.Sql;
let ana: Person;
let bo: Person;
const engine = fakeEngine();
let decide: ReturnType<typeof createDecide>;
let stop: ReturnType<typeof createStop>;

beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 2, onnotice: () => {} });
  ana = await addOrg(world);
  bo = await addPerson(world, ana.orgId, 'admin');
  const deps = { db: world.deps.db, engine: engine.port, log: pino({ level: 'silent' }) };
  decide = createDecide(deps);
  stop = createStop(deps);
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});

const actor = ({ orgId, memberId }: Person): Actor => ({ orgId, memberId, role: 'admin' });
const PLACE = { platform: 'slack', tenant: 'T1', channel: 'C1' };
async function addCard({
  approvalId,
  payloadSha256,
}: Rows): Promise<{ platform: string; tenant: string; channel: string; message: string }> {
  const message = newId();
  await sql`insert into approval_cards (id, org_id, approval_id, platform, tenant, channel, thread, message, payload_sha256, shows)
    values (${newId()}, ${ana.orgId}, ${approvalId}, 'slack', 'T1', 'C1', '1', ${message}, ${payloadSha256}, 'pending')`;
  return { ...PLACE, message };
}
const approve = (rows: Rows, card?: Awaited<ReturnType<typeof addCard>>, by = bo) =>
  decide(actor(by), rows.approvalId, {
    decision: 'approve',
    payloadSha256: rows.payloadSha256,
    surface: 'slack',
    ...(card && { card }),
  });

test('A2 a button counts only on the card that was sent, in the place it was sent to', async () => {
  const rows = await addRows(world, ana);
  const card = await addCard(rows);
  const elsewhere = await addCard(await addRows(world, ana));
  for (const copy of [
    { ...card, channel: 'C2' },
    { ...card, tenant: 'T2' },
    { ...card, message: 'forwarded' },
    elsewhere,
  ])
    expect(await approve(rows, copy)).toMatchObject({
      kind: 'forbidden',
      text: expect.stringContaining('not the card that was sent'),
    });
  // A card of an older payload.
  await sql`update approval_cards set payload_sha256 = ${'0'.repeat(64)} where message = ${card.message}`;
  expect(await approve(rows, card)).toMatchObject({ kind: 'forbidden' });
  await sql`update approval_cards set payload_sha256 = ${rows.payloadSha256} where message = ${card.message}`;
  expect(await approve(rows, card)).toMatchObject({ kind: 'decided', status: 'approved' });
});

test('A2 role and status are read at the click, not taken from the session', async () => {
  const rows = await addRows(world, ana);
  const di = await addPerson(world, ana.orgId, 'admin');
  await sql`update members set role = 'viewer' where id = ${di.memberId}`;
  expect(await approve(rows, undefined, di)).toMatchObject({
    kind: 'forbidden',
    text: expect.stringContaining('viewer'),
  });
  await sql`update members set role = 'admin', status = 'deactivated' where id = ${di.memberId}`;
  expect(await approve(rows, undefined, di)).toMatchObject({
    kind: 'forbidden',
    text: expect.stringContaining('switched off'),
  });
});

test('A6 a decision made while Temporal is away counts, and is left for the sweeper to signal', async () => {
  const rows = await addRows(world, ana);
  await sql`update tool_calls set approval_id = ${rows.approvalId} where run_id = ${rows.runId}`;
  engine.isAway = true;
  expect(await approve(rows)).toMatchObject({ kind: 'decided' });
  engine.isAway = false;
  expect(await sql`select signalled_at, signal_attempts from approvals where id = ${rows.approvalId}`).toEqual([
    { signalled_at: null, signal_attempts: 1 },
  ]);
});

test('R5 Stop cancels what waits in its own transaction, whether or not Temporal hears of it; a later click is refused', async () => {
  const rows = await addRows(world, ana);
  engine.isAway = true;
  expect(await stop(actor(ana), rows.runId)).toEqual({ kind: 'stopping' });
  engine.isAway = false;
  expect(await sql`select status from approvals where id = ${rows.approvalId}`).toEqual([{ status: 'cancelled' }]);
  expect(await approve(rows)).toMatchObject({ kind: 'already', status: 'cancelled' });
  // Were it pending for any reason, the stopped run alone is enough.
  await sql`update approvals set status = 'pending' where id = ${rows.approvalId}`;
  expect(await approve(rows)).toMatchObject({ kind: 'already', text: expect.stringContaining('stopped') });
});

test('A2 R5 a click and Stop at the same moment never deadlock, and one of them wins', async () => {
  for (let round = 0; round < 15; round += 1) {
    const rows = await addRows(world, ana);
    const [clicked, stopped] = await Promise.all([approve(rows), stop(actor(ana), rows.runId), approve(rows)]);
    expect(stopped.kind).toBe('stopping');
    const [row] = await sql`select status from approvals where id = ${rows.approvalId}`;
    expect(['approved', 'cancelled']).toContain(row?.['status']);
    expect(clicked.kind === 'decided' ? row?.['status'] : 'approved').toBe('approved');
  }
});

test('A3 R3 whoever asked in a run that joined the question may not decide it, nor may a key they made', async () => {
  const [cy, di] = [await addPerson(world, ana.orgId, 'admin'), await addPerson(world, ana.orgId, 'admin')];
  const [rows, joined] = [await addRows(world, ana), await addRows(world, cy)];
  await sql`update tool_calls set approval_id = ${rows.approvalId} where run_id = ${joined.runId}`;
  expect(await approve(rows, undefined, cy)).toMatchObject({
    kind: 'forbidden',
    text: expect.stringContaining('You asked for this'),
  });
  const byKey = decide(
    { ...actor(di), apiKey: { id: newId(), createdBy: cy.memberId, scopes: ['full'] } },
    rows.approvalId,
    { decision: 'approve', payloadSha256: rows.payloadSha256, surface: 'api' },
  );
  expect(await byKey).toMatchObject({
    kind: 'forbidden',
    text: expect.stringContaining('made by the person who asked'),
  });
  expect(await approve(rows, undefined, di)).toMatchObject({ kind: 'decided' });
});

test('A4 whoever edited is told so, by the call as well as by the approval', async () => {
  const rows = await addRows(world, ana);
  await sql`update tool_calls set approval_id = ${rows.approvalId}, edited_by = ${[bo.memberId]} where run_id = ${rows.runId}`;
  expect(await approve(rows)).toMatchObject({ kind: 'forbidden' });
  await sql`update tool_calls set edited_by = '{}' where run_id = ${rows.runId}`;
  await sql`update approvals set edited_by = ${[bo.memberId]} where id = ${rows.approvalId}`;
  expect(await approve(rows)).toMatchObject({ kind: 'forbidden', text: expect.stringContaining('You edited this') });
});

test('A3 alone in the org and tainted, the refusal says what to do next', async () => {
  const solo = await addOrg(world, 'Solo');
  const rows = await addRows(world, solo);
  expect(await approve(rows, undefined, solo)).toMatchObject({
    kind: 'forbidden',
    text: expect.stringMatching(/read outside text.*Invite somebody under Members, or ask again in a new thread/),
  });
});

test('A3 a decision by somebody whose password was reset by a link in the last 24 hours says so in the audit', async () => {
  const di = await addPerson(world, ana.orgId, 'admin');
  await sql`update members set activated_at = now() - interval '3 days' where id = ${di.memberId}`;
  const detailsOf = async (): Promise<unknown> => {
    const rows = await addRows(world, ana);
    expect(await approve(rows, undefined, di)).toMatchObject({ kind: 'decided' });
    const [row] =
      await sql`select details from audit_log where action = 'approval.approved' and target_id = ${rows.approvalId}`;
    return JSON.parse(String(row?.['details']));
  };
  await sql`insert into password_resets (id, org_id, member_id, token_hash, created_by, expires_at, used_at)
    values (${newId()}, ${ana.orgId}, ${di.memberId}, ${newId()}, ${ana.memberId}, now(), null)`;
  expect(await detailsOf()).not.toHaveProperty('newPassword');
  await sql`update password_resets set used_at = now() - interval '23 hours' where member_id = ${di.memberId}`;
  expect(await detailsOf()).toMatchObject({ newPassword: true });
  await sql`update password_resets set used_at = now() - interval '25 hours' where member_id = ${di.memberId}`;
  expect(await detailsOf()).not.toHaveProperty('newPassword');
});
