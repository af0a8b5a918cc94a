import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { ChatOut } from '#core/chat.ts';
import type { Connection } from '#db/connections.ts';
import { until } from '#test/setup/until.ts';
import { addAsked, addErp, INVOICE, type Asked } from '#test/web/asked.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, addPerson, createWorld, type Person, type World } from '#test/web/world.ts';
import { createEdit } from '#workflows/client/edit.ts';
import { fakeEngine } from '#workflows/client/engine.fixture.ts';
import { createApprovalActivities } from './approvals.ts';
import { createWebChat } from './chat/web.ts';
import { reviseCall } from './question.ts';

let world: World;
let sql: postgres.Sql;
let ana: Person;
let bo: Person;
let erp: Connection;
let asked: Asked;
let logged: { alert?: boolean; msg: string }[];
let activities: ReturnType<typeof createApprovalActivities>;
let isAway: boolean;

beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 2, onnotice: () => {} });
  ana = await addOrg(world);
  bo = await addPerson(world, ana.orgId, 'admin');
  erp = await addErp(world, ana);
  const web = createWebChat(world.deps.db);
  // The web chat, or while `isAway` a platform that answers nobody.
  const away = async () => {
    throw new Error('the platform is away');
  };
  const chat: ChatOut = {
    ...web,
    post: (...input) => (isAway ? away() : web.post(...input)),
    edit: (...input) => (isAway ? away() : web.edit(...input)),
  };
  activities = createApprovalActivities({
    db: world.deps.db,
    chat: { web: chat },
    publicUrl: 'http://127.0.0.1',
    log: pino({ level: 'warn' }, { write: (line: string) => void logged.push(JSON.parse(line)) }),
  });
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});
beforeEach(async () => {
  [logged, isAway] = [[], false];
  await sql`update approvals set status = 'cancelled' where status = 'pending'`;
  asked = await addAsked(world, ana, erp);
});

const refOf = ({ runId }: Asked) => ({ orgId: ana.orgId, runId });
const request = (of: Asked = asked) => activities.requestApproval({ ...refOf(of), toolCallId: of.toolCallId });
const read = () => activities.readApproval({ ...refOf(asked), approvalId: asked.approvalId });
const update = () => activities.updateCards({ orgId: ana.orgId, approvalId: asked.approvalId });
const rowOf = async (id: string) => (await sql`select * from approvals where id = ${id}`)[0] ?? {};
const cardsOf = (id: string) => sql`select * from approval_cards where approval_id = ${id}`;
async function edit(amount = 420): Promise<string> {
  const editApproval = createEdit({
    db: world.deps.db,
    engine: fakeEngine().port,
    log: world.deps.log,
    revise: reviseCall,
  });
  const found = await editApproval({ ...bo, role: 'admin' }, asked.approvalId, {
    input: { ...INVOICE, amount },
    payloadSha256: asked.payloadSha256,
    surface: 'web',
  });
  if (found.kind !== 'edited') throw new Error(found.kind);
  return found.approvalId;
}
/** Another request of the thread for the very same, not asked yet. */
async function addSame(by = ana): Promise<Asked> {
  const same = await addAsked(world, by, erp);
  await sql`update approvals set status = 'cancelled' where id = ${same.approvalId}`;
  await sql`update tool_calls set approval_id = null where id = ${same.toolCallId}`;
  await sql`update runs set thread_id = ${asked.threadId}, number = 2 where id = ${same.runId}`;
  return same;
}

test('R3 A3 T2 joining a question never makes it laxer: it takes on taint, origins and editors of the run that joins', async () => {
  await sql`update approvals set policy = policy || '{"requesterMayDecide": true}', origins = '[{"path":"a","origin":"x"}]' where id = ${asked.approvalId}`;
  const same = await addSame();
  await sql`update runs set taint = 'a mail' where id = ${same.runId}`;
  await sql`update messages set outside = 'a mail', text = 'INV-77 it says' where thread_id = ${asked.threadId}`;
  await sql`update tool_calls set edited_by = ${[bo.memberId]} where id = ${same.toolCallId}`;
  expect(await request(same)).toEqual({ approvalId: asked.approvalId });
  expect(await rowOf(asked.approvalId)).toMatchObject({
    policy: expect.objectContaining({ requesterMayDecide: false }),
    origins: [
      { path: 'a', origin: 'x' },
      { path: 'number', origin: 'a mail' },
    ],
    edited_by: [bo.memberId],
  });
  // Repeated, it finds what it joined and adds nothing.
  expect(await request(same)).toEqual({ approvalId: asked.approvalId });
  expect((await rowOf(asked.approvalId))['origins']).toHaveLength(2);
});

test('R3 A4 a question that is settled while it is joined is not joined: the next attempt asks anew', async () => {
  const same = await addSame();
  const joining = await sql.begin(async (tx) => {
    await tx`select 1 from tool_calls where id = ${same.toolCallId} for update`;
    const asking = request(same).catch((error: unknown) => String(error));
    await until('it is about to join', async () => {
      const [held] =
        await sql`select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%tool_calls%' and datname = current_database()`;
      return held;
    });
    await sql`update approvals set status = 'superseded', decided_at = now() where id = ${asked.approvalId}`;
    return { asking };
  });
  expect(await joining.asking).toContain('settled just now');
  expect((await request(same)).approvalId).not.toBe(asked.approvalId);
});

test('A5 R3 a repeat finds its question; one whose decision grew too old, or that went with another run, is asked anew', async () => {
  expect(await request()).toEqual({ approvalId: asked.approvalId });
  await sql`update approvals set status = 'approved', use_before = now() + interval '1 hour' where id = ${asked.approvalId}`;
  expect(await request()).toEqual({ approvalId: asked.approvalId });
  await sql`update approvals set use_before = now() - interval '1 second' where id = ${asked.approvalId}`;
  const { approvalId } = await request();
  expect(approvalId).not.toBe(asked.approvalId);
  // Its own Stop: it stays cancelled. Another run's: this one asks for itself.
  await sql`update approvals set status = 'cancelled' where id = ${approvalId}`;
  expect(await request()).toEqual({ approvalId });
  const other = await addAsked(world, ana, erp);
  await sql`update approvals set run_id = ${other.runId} where id = ${approvalId}`;
  expect((await request()).approvalId).not.toBe(approvalId);
});

test('A4 asked anew after an edit, the editors still count as those who asked', async () => {
  const edited = await edit();
  await sql`update approvals set status = 'approved', use_before = now() - interval '1 second' where id = ${edited}`;
  expect(await rowOf((await request()).approvalId)).toMatchObject({ edited_by: [bo.memberId] });
});

test('R5 after Stop, or the end of the run, nothing is asked any more', async () => {
  await sql`update approvals set status = 'cancelled' where id = ${asked.approvalId}`;
  for (const change of [
    sql`update runs set stop_requested_at = now() where id = ${asked.runId}`,
    sql`update runs set stop_requested_at = null, ended_at = now(), status = 'done' where id = ${asked.runId}`,
  ]) {
    await change;
    await sql`update tool_calls set approval_id = null where id = ${asked.toolCallId}`;
    await expect(request()).rejects.toThrow('stopped before this was asked');
  }
  expect(await sql`select 1 from approvals where run_id = ${asked.runId} and status = 'pending'`).toHaveLength(0);
});

test('A4 a run that waits for what was edited waits for what took its place, and both cards say how it stands', async () => {
  await request();
  const edited = await edit();
  expect(await read()).toMatchObject({ status: 'pending' });
  expect(await cardsOf(asked.approvalId)).toMatchObject([{ shows: 'superseded' }]);
  expect(await cardsOf(edited)).toMatchObject([{ shows: 'pending' }]);
  await read();
  expect(await cardsOf(edited)).toHaveLength(1);
  const posts = await sql`select content from web_posts where thread_id = ${asked.threadId} order by created_at`;
  expect(posts.map(({ content }) => content.title)).toEqual([
    expect.stringMatching(/^Replaced by an edit: /),
    expect.stringMatching(/^Approval needed: /),
  ]);
  expect(JSON.stringify(posts[0]?.['content'])).toContain('Replaced by an edit by A admin');
  expect(JSON.stringify(posts[1]?.['content'])).toContain('4200 → 420');

  await sql`update approvals set status = 'denied', decided_at = now() where id = ${edited}`;
  expect(await read()).toMatchObject({ status: 'denied' });
  await update();
  expect(await cardsOf(edited)).toMatchObject([{ shows: 'denied' }]);
});

test('A6 what took its place expires like any other', async () => {
  const edited = await edit();
  await sql`update approvals set expires_at = now() - interval '1 second' where id = ${edited}`;
  expect(await read()).toMatchObject({ status: 'expired' });
});

test('A6 the time left is by the database’s clock, whatever this machine’s says', async () => {
  await request();
  const before = await read();
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 100 * 86_400_000 });
  const after = await read().finally(() => vi.useRealTimers());
  expect(after.expiresInMs).toBeGreaterThan(before.expiresInMs - 10_000);
});

test('S1 A4 a platform that is away holds the run up no longer than a moment; what took its place is shown later', async () => {
  await request();
  const edited = await edit();
  isAway = true;
  expect(await read()).toMatchObject({ status: 'pending' });
  expect(await cardsOf(edited)).toHaveLength(0);
  isAway = false;
  // Not before its time.
  await activities.updateCards({ orgId: ana.orgId, approvalId: edited });
  expect(await cardsOf(edited)).toHaveLength(0);
  await sql`update approvals set next_card_at = now() where id = ${edited}`;
  await activities.updateCards({ orgId: ana.orgId, approvalId: edited });
  expect(await cardsOf(edited)).toMatchObject([{ shows: 'pending' }]);
});

test("S1 an edit's card that cannot be posted is tried later and later, and after ten times left alone with an alert", async () => {
  await request();
  const edited = await edit();
  isAway = true;
  const waits: number[] = [];
  for (let attempt = 1; attempt <= 11; attempt += 1) {
    await sql`update approvals set next_card_at = now() where id = ${edited}`;
    await update();
    const [row] =
      await sql`select card_attempts, extract(epoch from next_card_at - now())::float8 as wait from approvals where id = ${edited}`;
    expect(row?.['card_attempts']).toBe(Math.min(attempt, 10));
    if (attempt <= 10) waits.push(Math.round(row?.['wait']));
  }
  expect(waits).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300, 300]);
  expect(logged.filter(({ alert }) => alert).map(({ msg }) => msg)).toEqual([
    "dead letter: an edit's card cannot be posted",
  ]);
});

test('S1 A7 a card that cannot be edited is tried later and later, and after ten times left alone with an alert', async () => {
  await request();
  await sql`update approvals set status = 'denied', decided_at = now() where id = ${asked.approvalId}`;
  isAway = true;
  const waits: number[] = [];
  for (let attempt = 1; attempt <= 10; attempt += 1) {
    await sql`update approval_cards set next_edit_at = now() where approval_id = ${asked.approvalId}`;
    await update();
    const [card] =
      await sql`select edit_attempts, extract(epoch from next_edit_at - now())::float8 as wait from approval_cards where approval_id = ${asked.approvalId}`;
    expect(card?.['edit_attempts']).toBe(attempt);
    waits.push(Math.round(card?.['wait']));
  }
  expect(waits).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300, 300]);
  expect(logged.filter(({ alert }) => alert).map(({ msg }) => msg)).toEqual(['dead letter: a card cannot be edited']);
  isAway = false;
  await sql`update approval_cards set next_edit_at = now() where approval_id = ${asked.approvalId}`;
  await update();
  expect(await cardsOf(asked.approvalId)).toMatchObject([{ shows: 'pending', edit_attempts: 10 }]);
});

test('S1 before its time a card is not tried again, and once edited it starts from nought', async () => {
  await request();
  await sql`update approvals set status = 'denied', decided_at = now() where id = ${asked.approvalId}`;
  isAway = true;
  await update();
  isAway = false;
  await update();
  expect(await cardsOf(asked.approvalId)).toMatchObject([{ shows: 'pending', edit_attempts: 1 }]);
  await sql`update approval_cards set next_edit_at = now() where approval_id = ${asked.approvalId}`;
  await update();
  expect(await cardsOf(asked.approvalId)).toMatchObject([{ shows: 'denied', edit_attempts: 0, next_edit_at: null }]);
});
