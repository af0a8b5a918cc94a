import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { EFFECT_LEASE_MS } from '#core/limits.ts';
import { leaveUnclear } from '#db/effects.ts';
import { toolCallsOf } from '#db/runs.ts';
import { idleClient } from '#test/web/client.ts';
import { until } from '#test/setup/until.ts';
import { addRows, type Rows } from '#test/web/rows.ts';
import { addOrg, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';
import { beginEffect, checkApprovedRead, recordAttempt, takeOver, type WriteCall } from './effects.ts';

let world: World;
let sql: postgres.Sql;
let ana: Person;
let rows: Rows;
let call: WriteCall;

beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 2, onnotice: () => {} });
  ana = await addOrg(world);
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});
// An approved call that has not been sent.
beforeEach(async () => {
  rows = await addRows(world, ana);
  await sql`delete from effects where id = ${rows.effectId}`;
  await sql`update approvals set status = 'approved', decided_at = now(), use_before = now() + interval '1 hour' where id = ${rows.approvalId}`;
  await sql`update tool_calls c set approval_id = a.id, needs_approval = true, payload = a.payload, payload_sha256 = a.payload_sha256
    from approvals a where a.id = ${rows.approvalId} and c.run_id = ${rows.runId}`;
  call = await readCall();
});

async function readCall(): Promise<WriteCall> {
  const [found] = await inOrg(world, ana.orgId, (org) => toolCallsOf(org, rows.runId));
  if (!found?.payload || !found.payloadSha256) throw new Error('no call');
  return { ...found, payload: found.payload, payloadSha256: found.payloadSha256 };
}
const begin = (of = call, blocked: string | null = null) =>
  beginEffect(world.deps.db, ana.orgId, of, { summary: () => 'Create an invoice', blocked });
async function sending() {
  const begun = await begin();
  if (begun.kind !== 'send') throw new Error(begun.kind);
  return begun.effect;
}
const endLease = () => sql`update effects set lease_until = now() - interval '1 second' where run_id = ${rows.runId}`;

test('E1 E2 E3 ten attempts at once write one row and use the approval once; the others wait', async () => {
  const begun = await Promise.all(Array.from({ length: 10 }, () => begin()));
  expect(begun.filter(({ kind }) => kind === 'send')).toHaveLength(1);
  expect(begun.filter(({ kind }) => kind === 'wait')).toHaveLength(9);
  const found =
    await sql`select e.id, a.used_by_effect_id from effects e join approvals a on a.id = e.approval_id where e.run_id = ${rows.runId}`;
  expect(found).toHaveLength(1);
  expect(found[0]?.['used_by_effect_id']).toBe(found[0]?.['id']);
});

test('E4 another attempt waits the lease out, and then knows that it was left unclear', async () => {
  const effect = await sending();
  const waiting = await begin();
  expect(waiting.kind).toBe('wait');
  const { forMs } = waiting.kind === 'wait' ? waiting : { forMs: 0 };
  expect(forMs).toBeGreaterThan(EFFECT_LEASE_MS - 5_000);
  expect(forMs).toBeLessThanOrEqual(EFFECT_LEASE_MS);
  expect(await takeOver(world.deps.db, effect)).toBeNull();
  await endLease();
  expect(await begin()).toMatchObject({ kind: 'unclear', mayResend: true, effect: { id: effect.id } });
});

test('E4 of two that take an unclear effect over one does, and the word of the one that was too slow no longer counts', async () => {
  const slow = await sending();
  await endLease();
  const taken = await Promise.all([takeOver(world.deps.db, slow), takeOver(world.deps.db, slow)]);
  expect(taken.filter((one) => one !== null)).toHaveLength(1);
  const fast = taken.find((one) => one !== null) ?? slow;
  expect(fast).toMatchObject({ id: slow.id, attempts: 2 });
  expect(await recordAttempt(world.deps.db, slow, { kind: 'refused', text: 'too late' })).toBeNull();
  expect(
    await recordAttempt(world.deps.db, fast, { kind: 'confirmed', result: { output: {}, externalId: 'X-1' } }),
  ).toBe('confirmed');
  expect(await begin()).toMatchObject({ kind: 'ended', effect: { state: 'confirmed', externalId: 'X-1' } });
});

test('E2 an approval that another effect has used is used up', async () => {
  const effect = await sending();
  await sql`update effects set call_number = 9, approval_id = null where id = ${effect.id}`;
  expect(await begin()).toMatchObject({ kind: 'refused', text: expect.stringContaining('used already') });
});

test.each([
  ['a changed payload', () => sql`update tool_calls set payload = payload || ' ' where run_id = ${rows.runId}`],
  [
    'an approval that is only pending',
    () => sql`update approvals set status = 'pending' where id = ${rows.approvalId}`,
  ],
  ['a denied one', () => sql`update approvals set status = 'denied' where id = ${rows.approvalId}`],
  ['a changed approval', () => sql`update approvals set payload = payload || ' ' where id = ${rows.approvalId}`],
  ['no approval', () => sql`update tool_calls set approval_id = null where run_id = ${rows.runId}`],
])('E3 T2 with %s neither a write nor a read that needs one may run, and that is on record', async (_, change) => {
  await change();
  call = await readCall();
  expect(await begin()).toMatchObject({ kind: 'refused' });
  expect(await checkApprovedRead(world.deps.db, ana.orgId, call)).toMatchObject({ kind: 'refused' });
  expect(await sql`select 1 from audit_log where action = 'effect.refused' and target_id = ${call.id}`).toHaveLength(2);
  expect(await sql`select 1 from effects where run_id = ${rows.runId}`).toHaveLength(0);
});

test('E3 a stopped run sends nothing, not even what had not gone out before', async () => {
  const effect = await sending();
  await recordAttempt(world.deps.db, effect, { kind: 'not_sent', text: 'down' });
  await sql`update runs set stop_requested_at = now() where id = ${rows.runId}`;
  expect(await begin()).toMatchObject({ kind: 'refused', text: expect.stringContaining('stopped') });
});

test('E3 E5 what was changed after an unclear attempt is never sent, and stays unclear', async () => {
  await sending();
  await endLease();
  await sql`update tool_calls set payload = payload || ' ' where run_id = ${rows.runId}`;
  expect(await begin(await readCall())).toMatchObject({ kind: 'unclear', mayResend: false });
  expect(await begin(call, 'The connection is gone.')).toMatchObject({ kind: 'unclear', mayResend: false });
  // Together with its hash, so that only the ledger's own hash tells.
  await sql`update tool_calls set payload_sha256 = encode(sha256(convert_to(payload, 'UTF8')), 'hex') where run_id = ${rows.runId}`;
  expect(await begin(await readCall())).toMatchObject({ kind: 'unclear', mayResend: false });
});

test('A5 a decision past its time is asked again, by the database clock', async () => {
  await sql`update approvals set use_before = now() - interval '1 second' where id = ${rows.approvalId}`;
  expect(await begin()).toEqual({ kind: 'ask_again' });
  expect(await checkApprovedRead(world.deps.db, ana.orgId, call)).toEqual({ kind: 'ask_again' });
});

test('E5 a confirmation that comes late ends the doubt, whoever noted it; nothing else does', async () => {
  const effect = await sending();
  await endLease();
  expect(await recordAttempt(world.deps.db, effect, { kind: 'ambiguous', text: 'cut off' })).toBe('ambiguous');
  expect(await recordAttempt(world.deps.db, effect, { kind: 'refused', text: 'no' })).toBeNull();
  const late = { kind: 'confirmed' as const, result: { output: {}, externalId: 'X-2' } };
  expect(await recordAttempt(world.deps.db, effect, late)).toBe('confirmed');
  expect(await begin()).toMatchObject({ kind: 'ended', effect: { state: 'confirmed', externalId: 'X-2' } });
});

test('E5 a database that is away while the answer is recorded does not cost the answer', async () => {
  const effect = await sending();
  const failures = async () =>
    Number((await sql`select xact_rollback as n from pg_stat_database where datname = current_database()`)[0]?.['n']);
  const before = await failures();
  await sql`alter table effects rename to effects_away`;
  const recording = recordAttempt(world.deps.db, effect, {
    kind: 'confirmed',
    result: { output: {}, externalId: 'X-3' },
  });
  await until('an attempt to record has failed', async () => (await failures()) > before);
  await sql`alter table effects_away rename to effects`;
  expect(await recording).toBe('confirmed');
});

test('E6 a run that ends leaves no effect behind that nobody would ever be asked about', async () => {
  const effect = await sending();
  await inOrg(world, ana.orgId, (org) => leaveUnclear(org, rows.runId));
  const [row] = await sql`select state, lease_until from effects where id = ${effect.id}`;
  expect(row).toMatchObject({ state: 'ambiguous', lease_until: null });
});

test('E6 sent again after "not sent", it has no answer on it that was given to the earlier question', async () => {
  const effect = await sending();
  await recordAttempt(world.deps.db, effect, { kind: 'ambiguous', text: 'cut off' });
  await sql`update effects set state = 'resolved', resolution = 'not_sent', resolved_by = ${ana.memberId}, resolved_at = now() where id = ${effect.id}`;
  expect(await sending()).toMatchObject({ id: effect.id, attempts: 2, resolution: null, resolvedBy: null });
});

test('R3 cancelled with the run that had asked first, the approval is asked again for the run that had joined it', async () => {
  await sql`update approvals set status = 'cancelled', use_before = null where id = ${rows.approvalId}`;
  expect(await begin()).toMatchObject({ kind: 'refused' });
  const other = await addRows(world, ana);
  await sql`update approvals set run_id = ${other.runId} where id = ${rows.approvalId}`;
  expect(await begin()).toEqual({ kind: 'ask_again' });
});

const unasked = () =>
  sql`update tool_calls set needs_approval = false, approval_id = null, effect = 'write' where run_id = ${rows.runId}`;
const policy = (change: object) =>
  sql`update orgs set policy = policy || ${sql.json(change as never)} where id = ${ana.orgId}`;

test('E3 a write that nobody was asked about waits for a person, whatever its row says, unless the policy of now lets it run', async () => {
  await unasked();
  call = await readCall();
  expect(await begin()).toEqual({ kind: 'ask_again' });
  expect(await sql`select needs_approval from tool_calls where id = ${call.id}`).toEqual([{ needs_approval: true }]);
  expect(await sql`select 1 from audit_log where action = 'effect.refused' and target_id = ${call.id}`).toHaveLength(1);
  expect(await sql`select 1 from effects where run_id = ${rows.runId}`).toHaveLength(0);

  await policy({ write: 'run' });
  await unasked();
  call = await readCall();
  expect(await begin()).toMatchObject({ kind: 'send', effect: { approvalId: null } });
  await policy({ write: 'approve' });
});

test.each([
  ['of a run that has read outside text', () => sql`update runs set taint = 'a mail' where id = ${rows.runId}`],
  ['that destroys', () => sql`update tool_calls set effect = 'destructive' where run_id = ${rows.runId}`],
  ['that is called a read', () => sql`update tool_calls set effect = 'read' where run_id = ${rows.runId}`],
])('E3 T2 where writes run by themselves, one %s still waits', async (_, change) => {
  await policy({ write: 'run' });
  await unasked();
  await change();
  call = await readCall();
  expect(await begin()).toEqual({ kind: 'ask_again' });
  await policy({ write: 'approve' });
});

test('E3 what the action itself does counts, whatever the stored call says of itself', async () => {
  await policy({ write: 'run' });
  await unasked();
  call = await readCall();
  const sendable = { summary: () => 'Delete it', blocked: null };
  const beginAs = (effect: 'write' | 'destructive') =>
    beginEffect(world.deps.db, ana.orgId, call, { ...sendable, effect });
  expect(await beginAs('destructive')).toEqual({ kind: 'ask_again' });
  await unasked();
  call = await readCall();
  expect(await beginAs('write')).toMatchObject({ kind: 'send' });
  await policy({ write: 'approve' });
});

test('E3 a question that was asked binds the call, though its row says that it needs none', async () => {
  await policy({ write: 'run' });
  await sql`update tool_calls set needs_approval = false where run_id = ${rows.runId}`;
  await sql`update approvals set status = 'denied' where id = ${rows.approvalId}`;
  call = await readCall();
  expect(await begin()).toMatchObject({ kind: 'refused', text: expect.stringContaining('not approved') });
  await policy({ write: 'approve' });
});

test('E3 what changed between its reading and its use is not sent', async () => {
  const before = call;
  await sql`update tool_calls set payload = payload || ' ' where run_id = ${rows.runId}`;
  expect(await begin(before)).toMatchObject({ kind: 'refused', text: expect.stringContaining('changed since') });
});
