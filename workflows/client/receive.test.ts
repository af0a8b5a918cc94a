import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Inbound } from '#core/chat.ts';
import { newId } from '#core/ids.ts';
import { RUN_LIMITS } from '#core/limits.ts';
import { identities, tenants } from '#db/schema/index.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, addPerson, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';
import { fakeEngine, type FakeEngine } from './engine.fixture.ts';
import { createReceive } from './receive.ts';
import { createStarts, type Starts } from './starts.ts';

let world: World;
let sql: postgres.Sql;
let ana: Person;
let engine: FakeEngine;
let starts: Starts;
let receive: ReturnType<typeof createReceive>;

// What is asked here is never answered, so that it all stays under way.
const ROOMY = { activeRunsPerMember: 1000 };
beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 2, onnotice: () => {} });
  ana = await addOrg(world);
  await sql`update orgs set settings = ${sql.json(ROOMY)} where id = ${ana.orgId}`;
  await inOrg(world, ana.orgId, ({ tx }) =>
    tx.insert(tenants).values({ orgId: ana.orgId, platform: 'slack', tenant: 'T1' }),
  );
  await link(ana, 'U_ANA');
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});
beforeEach(() => {
  engine = fakeEngine();
  const deps = { db: world.deps.db, engine: engine.port, log: pino({ level: 'silent' }) };
  starts = createStarts(deps);
  receive = createReceive({ ...deps, starts });
});

const link = (person: Person, externalId: string) =>
  inOrg(world, ana.orgId, ({ tx }) =>
    tx
      .insert(identities)
      .values({ orgId: ana.orgId, memberId: person.memberId, platform: 'slack', tenant: 'T1', externalId }),
  );
/** A message in Slack by Ana, in a thread of its own unless said otherwise. */
const inbound = (change: Partial<Inbound> = {}): Inbound => {
  const ts = newId();
  return {
    sourceKey: `C1:${ts}`,
    where: { platform: 'slack', tenant: 'T1', channel: 'C1', thread: ts },
    sender: { id: 'U_ANA', name: 'whatever', isBot: false, isGuest: false },
    text: 'post invoice INV-77',
    isDirect: false,
    ...change,
  };
};
const by = (id: string, change: Partial<Inbound['sender']> = {}) => ({
  sender: { id, name: 'Ana', isBot: false, isGuest: false, ...change },
});
const eventsOf = ({ sourceKey }: Inbound) => sql`select * from inbound_events where source_key = ${sourceKey}`;

test('I1 one event leaves one row each of event, thread, message and run, and its workflow is started', async () => {
  const event = inbound();
  const received = await receive(event);
  expect(received).toMatchObject({ kind: 'run', isReplay: false });
  const runId = received.kind === 'run' ? received.runId : '';
  await starts.drain();
  expect(await eventsOf(event)).toMatchObject([{ outcome: 'run', run_id: runId, sender_id: 'U_ANA' }]);
  const rows = await sql`select r.requested_by, r.started_at, m.text, m.seq, t.channel from runs r
    join messages m on m.id = r.message_id join threads t on t.id = r.thread_id where r.id = ${runId}`;
  expect(rows).toMatchObject([
    { requested_by: ana.memberId, text: 'post invoice INV-77', seq: 1, channel: 'C1', started_at: expect.any(Date) },
  ]);
  expect(engine.started).toEqual([{ runId, again: false }]);
});

test('I1 I2 the same event delivered 50 times at once is one run, started once', async () => {
  const event = inbound();
  const all = await Promise.all(Array.from({ length: 50 }, () => receive({ ...event })));
  expect(all.filter(({ isReplay }) => !isReplay)).toHaveLength(1);
  expect(new Set(all.map((one) => (one.kind === 'run' ? one.runId : one.kind))).size).toBe(1);
  expect(await eventsOf(event)).toHaveLength(1);
  const [counts] = await sql`select (select count(*)::int from threads where thread = ${event.where.thread}) as threads,
    (select count(*)::int from messages m join threads t on t.id = m.thread_id where t.thread = ${event.where.thread}) as messages,
    (select count(*)::int from runs r join threads t on t.id = r.thread_id where t.thread = ${event.where.thread}) as runs`;
  expect(counts).toEqual({ threads: 1, messages: 1, runs: 1 });
  expect(engine.started).toHaveLength(1);
});

test('I2 the key of an event is its own: a body that differs is still the same event, another key another', async () => {
  const event = inbound();
  await receive(event);
  expect(await receive({ ...event, text: 'post invoice INV-78' })).toMatchObject({ kind: 'run', isReplay: true });
  expect(await receive({ ...event, sourceKey: `${event.sourceKey}.2` })).toMatchObject({
    kind: 'run',
    isReplay: false,
  });
  const said =
    await sql`select m.text from messages m join threads t on t.id = m.thread_id where t.thread = ${event.where.thread}`;
  expect(said.map(({ text }) => text)).toEqual(['post invoice INV-77', 'post invoice INV-77']);
});

test('I1 20 different messages of a thread at once are numbered 1 to 20 without a gap', async () => {
  const { where } = inbound();
  await Promise.all(Array.from({ length: 20 }, () => receive(inbound({ where }))));
  const rows =
    await sql`select r.number, r.seq from runs r join threads t on t.id = r.thread_id where t.thread = ${where.thread} order by r.number`;
  expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
  expect(new Set(rows.map(({ seq }) => seq)).size).toBe(20);
});

test('I3 the sender is who the id says, whatever name they show', async () => {
  await addPerson(world, ana.orgId, 'owner');
  expect(await receive(inbound(by('U_STRANGER', { name: 'Ana' })))).toMatchObject({
    kind: 'refused',
    text: expect.stringContaining('I do not know you yet'),
  });
  // Known in this workspace only.
  const other = await addOrg(world, 'Other');
  await inOrg(world, other.orgId, ({ tx }) =>
    tx.insert(tenants).values({ orgId: other.orgId, platform: 'slack', tenant: 'T2' }),
  );
  const elsewhere = inbound({ where: { platform: 'slack', tenant: 'T2', channel: 'C1', thread: '1' } });
  expect(await receive(elsewhere)).toMatchObject({ kind: 'refused' });
});

test.each([
  ['a stranger', by('U_NOBODY'), 'unlinked'],
  ['a bot', by('U_ANA', { isBot: true }), 'bot'],
  ['a guest', by('U_ANA', { isGuest: true }), 'guest'],
  [
    'a workspace nobody connected',
    { where: { platform: 'slack', tenant: 'T9', channel: 'C1', thread: '1' } } as const,
    'unknown_tenant',
  ],
  ['a text that is too long', { text: 'x'.repeat(RUN_LIMITS.textLength + 1) }, 'text'],
  ['a text with a NUL in it', { text: 'secret\u0000text' }, 'text'],
  ['a text with half a character', { text: 'secret\ud800' }, 'text'],
  ['an empty text', { text: '  \n ' }, 'text'],
])('I3 %s is refused politely, once, and no text is kept', async (_, change, reason) => {
  const event = inbound(change);
  expect(await receive(event)).toMatchObject({
    kind: 'refused',
    text: expect.stringMatching(/^[A-Z].+\.$/),
    isReplay: false,
  });
  expect(await receive(event)).toMatchObject({ kind: 'refused', isReplay: true });
  const rows = await eventsOf(event);
  expect(rows).toMatchObject([{ outcome: 'refused', reason, run_id: null }]);
  expect(JSON.stringify(rows)).not.toMatch(/secret|INV-77|xxx/);
  expect(
    await sql`select 1 from threads where thread = ${event.where.thread} and tenant = ${event.where.tenant}`,
  ).toHaveLength(0);
  expect(engine.started).toHaveLength(0);
});

test('I3 a viewer and somebody who was deactivated are refused', async () => {
  const vi = await addPerson(world, ana.orgId, 'viewer');
  const gone = await addPerson(world, ana.orgId, 'admin');
  await link(vi, 'U_VI');
  await link(gone, 'U_GONE');
  await sql`update members set status = 'deactivated' where id = ${gone.memberId}`;
  expect(await receive(inbound(by('U_VI')))).toMatchObject({
    kind: 'refused',
    text: expect.stringContaining('only lets you read'),
  });
  expect(await receive(inbound(by('U_GONE')))).toMatchObject({
    kind: 'refused',
    text: expect.stringContaining('switched off'),
  });
});

test('I3 an event from before its workspace was connected stays refused when it comes again', async () => {
  const event = inbound({ where: { platform: 'slack', tenant: 'T3', channel: 'C1', thread: newId() } });
  await receive(event);
  await inOrg(world, ana.orgId, async ({ tx }) => {
    await tx.insert(tenants).values({ orgId: ana.orgId, platform: 'slack', tenant: 'T3' });
    await tx
      .insert(identities)
      .values({ orgId: ana.orgId, memberId: ana.memberId, platform: 'slack', tenant: 'T3', externalId: 'U_ANA' });
  });
  expect(await receive(event)).toMatchObject({ kind: 'refused', isReplay: true });
  expect(await receive({ ...event, sourceKey: newId() })).toMatchObject({ kind: 'run' });
});

test('I4 with Temporal away the event is stored all the same, answered with its run, and left for the sweeper', async () => {
  engine.isAway = true;
  const received = await receive(inbound());
  expect(received).toMatchObject({ kind: 'run' });
  const runId = received.kind === 'run' ? received.runId : '';
  await starts.drain();
  expect(await sql`select status, started_at from runs where id = ${runId}`).toMatchObject([
    { status: 'running', started_at: null },
  ]);
});

test('R5 "stop" is kept together with what it stops, so that a crash in between loses neither', async () => {
  const { where } = inbound();
  const asked = await receive(inbound({ where }));
  const runId = asked.kind === 'run' ? asked.runId : '';
  // Temporal hears nothing, as after a crash: the row alone must carry it.
  engine.isAway = true;
  const event = inbound({ where, text: 'Stop.' });
  expect(await receive(event)).toMatchObject({ kind: 'command', text: 'Stopping.', isReplay: false });
  expect(
    await sql`select stop_requested_by from runs where id = ${runId} and stop_requested_at is not null`,
  ).toMatchObject([{ stop_requested_by: ana.memberId }]);
  expect(await eventsOf(event)).toMatchObject([{ outcome: 'command' }]);
  expect(await sql`select 1 from audit_log where action = 'run.stop' and target_id = ${runId}`).toHaveLength(1);
});

test('R5 a "stop" that is delivered again later does not stop what was asked since', async () => {
  const { where } = inbound();
  await receive(inbound({ where }));
  const stop = inbound({ where, text: 'stop' });
  await receive(stop);
  const next = await receive(inbound({ where }));
  const runId = next.kind === 'run' ? next.runId : '';
  expect(await receive(stop)).toMatchObject({ kind: 'command', isReplay: true });
  expect(await sql`select 1 from runs where id = ${runId} and stop_requested_at is null`).toHaveLength(1);
  expect(engine.cancelled).toHaveLength(1);
});

test('R5 a member’s "stop" leaves a colleague’s request alone, and is then a request of its own', async () => {
  const { where } = inbound();
  const asked = await receive(inbound({ where }));
  const runId = asked.kind === 'run' ? asked.runId : '';
  const eve = await addPerson(world, ana.orgId, 'member');
  await link(eve, 'U_EVE');
  expect(await receive(inbound({ where, text: 'stop', ...by('U_EVE') }))).toMatchObject({ kind: 'run' });
  expect(await sql`select 1 from runs where id = ${runId} and stop_requested_at is null`).toHaveLength(1);
});

test('R4 a member has as many requests under way as the org allows, also when they come at once; the next is told what to do', async () => {
  const fay = await addPerson(world, ana.orgId, 'member');
  await link(fay, 'U_FAY');
  await sql`update orgs set settings = '{"activeRunsPerMember": 3}' where id = ${ana.orgId}`;
  try {
    const events = Array.from({ length: 10 }, () => inbound(by('U_FAY')));
    const received = await Promise.all(events.map((event) => receive(event)));
    expect(received.filter(({ kind }) => kind === 'run')).toHaveLength(3);
    const refused = received.findIndex(({ kind }) => kind === 'refused');
    expect(received[refused]).toMatchObject({
      isBusy: true,
      text: expect.stringMatching(/3 requests.*Runs.*Settings/),
    });
    const event = events[refused] ?? inbound();
    expect(await eventsOf(event)).toMatchObject([{ outcome: 'refused', reason: 'busy', run_id: null }]);
    expect(await receive(event)).toMatchObject({ kind: 'refused', isReplay: true });
    expect(await sql`select 1 from threads where thread = ${event.where.thread}`).toHaveLength(0);
    await sql`update runs set status = 'done', ended_at = now() where requested_by = ${fay.memberId} and id = (
      select id from runs where requested_by = ${fay.memberId} limit 1)`;
    expect(await receive(inbound(by('U_FAY')))).toMatchObject({ kind: 'run' });
    expect(await receive(inbound(by('U_FAY')))).toMatchObject({ kind: 'refused' });
  } finally {
    await sql`update orgs set settings = ${sql.json(ROOMY)} where id = ${ana.orgId}`;
  }
});
