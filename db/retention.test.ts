import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newId } from '#core/ids.ts';
import { idleClient } from '#test/web/client.ts';
import { addRows, type Rows } from '#test/web/rows.ts';
import { addOrg, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';
import { verifyAudit } from './audit.ts';
import { prune, REMOVED } from './retention.ts';

let world: World;
let sql: postgres.Sql;
let ana: Person;

beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 2, onnotice: () => {} });
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});
beforeEach(async () => {
  ana = await addOrg(world);
});

const keep = (days: { runsDays?: number | null; eventsDays?: number | null }, by = ana) =>
  sql`update orgs set settings = ${sql.json({ retention: { runsDays: null, eventsDays: null, ...days } })} where id = ${by.orgId}`;
const pruneAll = () => prune(world.deps.db, { withinMs: 20_000 });
const count = async (table: string, by = ana): Promise<number> => {
  const [row] = await sql`select count(*)::int as n from ${sql(table)} where org_id = ${by.orgId}`;
  return row?.['n'];
};
const pruned = () =>
  sql<{ details: string }[]>`select details from audit_log where org_id = ${ana.orgId} and action = 'retention.pruned'`;

/** A run with everything a run can have, that ended so many days ago. */
async function addEnded(daysAgo: number, by = ana): Promise<Rows> {
  const rows = await addRows(world, by);
  const { runId, threadId, approvalId, effectId, payloadSha256 } = rows;
  const org_id = by.orgId;
  const at = new Date(Date.now() - daysAgo * 86_400_000);
  const post = newId();
  await sql.begin(async (tx) => {
    await tx`insert into turns ${tx({ id: newId(), org_id, run_id: runId, number: 1, kind: 'reply', text: 'canary', provider: 'rules', model: 'rules' })}`;
    await tx`insert into model_calls ${tx({ id: newId(), org_id, run_id: runId, turn_number: 1, provider: 'anthropic', model: 'm', status: 'done', input_tokens: 5, output_tokens: 7, cost_nanos: 11, reserved_nanos: 20, error: 'canary', created_at: at })}`;
    await tx`insert into approval_votes ${tx({ id: newId(), org_id, approval_id: approvalId, member_id: by.memberId, decision: 'approve', surface: 'web' })}`;
    await tx`insert into web_posts ${tx({ id: post, org_id, thread_id: threadId, key: `approval:${approvalId}`, content: tx.json({ canary: true }), created_at: at })}`;
    await tx`insert into approval_cards ${tx({ id: newId(), org_id, approval_id: approvalId, platform: 'web', tenant: org_id, channel: 'web', thread: threadId, message: post, payload_sha256: payloadSha256, shows: 'approved' })}`;
    await tx`insert into messages ${tx({ id: newId(), org_id, thread_id: threadId, seq: 2, role: 'assistant', text: 'canary', run_id: runId, created_at: at })}`;
    await tx`insert into thread_summaries ${tx({ id: newId(), org_id, thread_id: threadId, up_to_seq: 1, text: 'canary', provider: 'rules', model: 'rules', created_at: at })}`;
    await tx`insert into attachments (id, org_id, message_id, thread_id, kind, source_id, name, status, text, image)
      select gen_random_uuid(), org_id, id, thread_id, 'file', 'F1', 'canary.txt', 'read', 'canary', 'canary' from messages where thread_id = ${threadId}`;
    await tx`insert into run_feedback ${tx({ id: newId(), org_id, run_id: runId, member_id: by.memberId, rating: 'good', surface: 'slack', updated_at: at })}`;
    await tx`insert into slack_live ${tx({ id: newId(), org_id, run_id: runId, tenant: 'T1', channel: 'C1', thread: '1.1', next_show_at: at, updated_at: at })}`;
    for (const key of [`reply:${runId}`, `approval:${approvalId}:to:T1:U1`, `effect:${effectId}`, `anchor:${threadId}`])
      await tx`insert into slack_posts ${tx({ id: newId(), org_id, key, tenant: 'T1', channel: 'C1', thread: '1.1', state: 'posted', ts: '1.2', intended_at: at, updated_at: at })}`;
    await tx`update messages set created_at = ${at} where thread_id = ${threadId}`;
    await tx`update runs set status = 'done', given = '["canary"]', status_text = 'canary', ended_at = ${at}, created_at = ${at} where id = ${runId}`;
    await tx`update approvals set status = 'approved', decided_at = ${at} where id = ${approvalId}`;
    await tx`update effects set state = 'confirmed' where id = ${effectId}`;
    await tx`update threads set title = 'canary', updated_at = ${at} where id = ${threadId}`;
  });
  return rows;
}

const OF_RUNS = [
  'runs',
  'turns',
  'model_calls',
  'tool_calls',
  'approvals',
  'approval_votes',
  'approval_cards',
  'effects',
  'messages',
  'attachments',
  'run_feedback',
  'slack_live',
  'slack_posts',
  'web_posts',
  'thread_summaries',
  'threads',
];
const counts = async () =>
  Object.fromEntries(await Promise.all(OF_RUNS.map(async (name) => [name, await count(name)])));

test('an org that keeps its requests 60 days loses those that ended before, with all that hangs on them, and no others', async () => {
  await keep({ runsDays: 60 });
  await addEnded(61);
  const young = await addEnded(59);
  await pruneAll();
  for (const [name, n] of Object.entries(await counts()))
    expect([name, n]).toEqual([name, { messages: 2, attachments: 2, slack_posts: 4 }[name] ?? 1]);
  expect(await sql`select id from runs where org_id = ${ana.orgId}`).toEqual([{ id: young.runId }]);
  expect(await pruned()).toEqual([{ details: JSON.stringify({ runs: 1, threads: 1 }) }]);
});

test('every table that refers to a run, a thread, an approval or a message is thought of', async () => {
  const referring = await sql<{ child: string }[]>`
    select distinct conrelid::regclass::text as child from pg_constraint
    where contype = 'f' and confrelid in ('runs'::regclass, 'threads'::regclass, 'approvals'::regclass, 'messages'::regclass, 'tool_calls'::regclass, 'effects'::regclass)`;
  expect(OF_RUNS).toEqual(expect.arrayContaining(referring.map(({ child }) => child)));
});

test('an org that keeps for ever loses nothing, and neither does another org beside one that prunes', async () => {
  const other = await addOrg(world, 'Other');
  await keep({ runsDays: null });
  await keep({ runsDays: null }, other);
  await addEnded(4000);
  await addEnded(4000, other);
  await pruneAll();
  expect(await count('runs')).toBe(1);
  await keep({ runsDays: 35 });
  await pruneAll();
  expect([await count('runs'), await count('runs', other)]).toEqual([0, 1]);
});

test('R4 with a shorter time the texts leave and what was spent is counted on for 35 days', async () => {
  await keep({ runsDays: 7 });
  const { runId } = await addEnded(8);
  await pruneAll();
  expect(await counts()).toMatchObject({
    runs: 1,
    model_calls: 1,
    messages: 1,
    threads: 1,
    turns: 0,
    effects: 0,
    attachments: 0,
    // The thread is still there, and so is where it begins.
    slack_posts: 1,
  });
  for (const table of ['runs', 'messages', 'model_calls', 'threads'])
    expect(JSON.stringify(await sql`select * from ${sql(table)} where org_id = ${ana.orgId}`)).not.toContain('canary');
  const [left] = await sql`select m.text, c.cost_nanos::int as cost, c.error from runs r
    join messages m on m.id = r.message_id join model_calls c on c.run_id = r.id where r.id = ${runId}`;
  expect(left).toEqual({ text: REMOVED, cost: 11, error: null });
  await pruneAll();
  expect(await pruned()).toHaveLength(1);
  await sql`update runs set ended_at = now() - interval '36 days' where id = ${runId}`;
  await sql`update messages set created_at = now() - interval '36 days' where org_id = ${ana.orgId}`;
  await sql`update threads set updated_at = now() - interval '36 days' where org_id = ${ana.orgId}`;
  await pruneAll();
  expect(new Set(Object.values(await counts()))).toEqual(new Set([0]));
});

test('active runs, and runs with an effect nobody has cleared up, stay however old', async () => {
  await keep({ runsDays: 35 });
  const [waiting, taken, unclear] = [await addEnded(50), await addEnded(50), await addEnded(50)];
  await sql`update runs set status = 'waiting', ended_at = null where id = ${waiting.runId}`;
  // Taken up again by the sweeper while its row was looked at.
  await sql`update runs set status = 'running' where id = ${taken.runId}`;
  await sql`update effects set state = 'ambiguous' where id = ${unclear.effectId}`;
  await pruneAll();
  expect(await counts()).toMatchObject({ runs: 3, approvals: 3, web_posts: 3, threads: 3 });
});

test('R3 a run whose approval another run used leaves after that one, not before', async () => {
  await keep({ runsDays: 35 });
  const [asked, joined] = [await addEnded(50), await addEnded(40)];
  await sql`update effects set approval_id = null where run_id = ${asked.runId}`;
  await sql`update effects set approval_id = ${asked.approvalId} where run_id = ${joined.runId}`;
  await sql`update runs set ended_at = now() - interval '30 days' where id = ${joined.runId}`;
  await pruneAll();
  expect(await count('runs')).toBe(2);
  await sql`update runs set ended_at = now() - interval '40 days' where id = ${joined.runId}`;
  await pruneAll();
  await pruneAll();
  expect(await count('runs')).toBe(0);
});

test('a thread that is still used keeps its young runs and loses its old ones', async () => {
  await keep({ runsDays: 35 });
  const { threadId } = await addEnded(50);
  await sql`update threads set updated_at = now() where id = ${threadId}`;
  await pruneAll();
  expect(await counts()).toMatchObject({ runs: 0, messages: 0, threads: 1 });
});

test('votes leave with a run that ended and by no other way', async () => {
  const { approvalId } = await addEnded(0.1);
  const remove = (role: 'withOrg' | 'withSystem') =>
    role === 'withOrg'
      ? inOrg(world, ana.orgId, ({ tx }) =>
          tx.execute(`delete from approval_votes where approval_id = '${approvalId}'`),
        )
      : world.deps.db.withSystem('a test', (tx) =>
          tx.execute(`delete from approval_votes where approval_id = '${approvalId}'`),
        );
  await expect(remove('withOrg')).rejects.toMatchObject({ cause: { code: '42501' } });
  await remove('withSystem');
  expect(await count('approval_votes')).toBe(1);
});

test('inbox rows, invitations and resets leave after their days, never before a platform has stopped to send again', async () => {
  await keep({ eventsDays: 7 });
  const at = (days: number) => new Date(Date.now() - days * 86_400_000);
  const event = (org_id: string | null, days: number) =>
    sql`insert into inbound_events ${sql({ id: newId(), org_id, platform: 'slack', tenant: 'T', source_key: newId(), sender_id: 'U', outcome: 'refused', created_at: at(days) })}`;
  for (const days of [6, 8, 9]) await event(ana.orgId, days);
  for (const days of [6, 89, 91]) await event(null, days);
  const link = { org_id: ana.orgId, member_id: ana.memberId };
  for (const days of [1, 10]) {
    await sql`insert into invitations ${sql({ id: newId(), ...link, token_hash: newId(), expires_at: at(days) })}`;
    await sql`insert into password_resets ${sql({ id: newId(), ...link, token_hash: newId(), expires_at: at(days) })}`;
  }
  await pruneAll();
  expect([await count('inbound_events'), await count('invitations'), await count('password_resets')]).toEqual([
    1, 1, 1,
  ]);
  expect((await sql`select 1 from inbound_events where org_id is null`).count).toBe(2);
});

test('an org whose settings cannot be read loses nothing, and does not hold up the others', async () => {
  const other = await addOrg(world, 'Broken');
  await keep({ runsDays: 35 });
  await addEnded(50);
  await addEnded(50, other);
  await sql`update orgs set settings = '{"retention":{"runsDays":"all"}}' where id = ${other.orgId}`;
  expect(await pruneAll()).toMatchObject({ unreadable: [other.orgId] });
  expect([await count('runs'), await count('runs', other)]).toEqual([0, 1]);
  await keep({}, other);
});

test('D6 pruning never touches the audit, which says what was removed and still holds', async () => {
  await keep({ runsDays: 35 });
  await addEnded(50);
  const before = await count('audit_log');
  await pruneAll();
  expect(await count('audit_log')).toBe(before + 1);
  const verdict = await world.deps.db.withSystem('a test', (tx) => verifyAudit(tx, ana.orgId, world.deps.keys));
  expect(verdict.badSeq).toBeNull();
});

test('it stops when its time is up and goes on the next time; two at once do each batch once', async () => {
  await keep({ runsDays: 35 });
  for (let n = 0; n < 3; n += 1) await addEnded(50);
  await sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtext('abetworks:prune'))`;
    expect(await pruneAll()).toMatchObject({ counts: {}, isMore: false });
  });
  expect(await prune(world.deps.db, { withinMs: 0 })).toMatchObject({ isMore: true });
  expect(await count('runs')).toBe(3);
  await Promise.all([pruneAll(), pruneAll(), pruneAll()]);
  await pruneAll();
  expect(await count('runs')).toBe(0);
  const removed = (await pruned()).map(({ details }) => JSON.parse(details).runs);
  expect(removed.reduce((sum, n) => sum + n, 0)).toBe(3);
});

test('a thread that is still used keeps no old words in its summaries either', async () => {
  await keep({ runsDays: 60 });
  const { threadId } = await addEnded(61);
  await sql`update threads set updated_at = now() where id = ${threadId}`;
  await sql`insert into thread_summaries (id, org_id, thread_id, up_to_seq, text, provider, model)
    values (${newId()}, ${ana.orgId}, ${threadId}, 2, 'goes on from the canary', 'rules', 'rules')`;
  await pruneAll();
  expect([await count('threads'), await count('thread_summaries')]).toEqual([1, 0]);
});
