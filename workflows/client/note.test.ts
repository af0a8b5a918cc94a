import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '#core/ids.ts';
import { settleEvent } from '#db/inbox.ts';
import { identities, slackPeople, tenants } from '#db/schema/index.ts';
import { openThread } from '#db/threads.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, addPerson, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';
import { fakeEngine } from './engine.fixture.ts';
import { createIsInThread, createNote } from './note.ts';
import { createReceive } from './receive.ts';
import { findActor } from './sender.ts';
import { createStarts } from './starts.ts';

let world: World;
let sql: postgres.Sql;
let ana: Person;
let other: Person;
beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 2, onnotice: () => {} });
  ana = await addOrg(world);
  other = await addOrg(world, 'Other');
  for (const [person, tenant] of [
    [ana, 'T1'],
    [other, 'T2'],
  ] as const)
    await inOrg(world, person.orgId, ({ tx }) =>
      tx.insert(tenants).values({ orgId: person.orgId, platform: 'slack', tenant }),
    );
  await inOrg(world, ana.orgId, ({ tx }) =>
    tx
      .insert(identities)
      .values({ orgId: ana.orgId, memberId: ana.memberId, platform: 'slack', tenant: 'T1', externalId: 'UANA' }),
  );
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});

const note = (change: object = {}) =>
  createNote(world.deps.db)({
    platform: 'slack',
    tenant: 'T1',
    sourceKey: newId(),
    senderId: 'UANA',
    outcome: 'ignored',
    reason: 'reaction_added',
    ...change,
  });

test('I1 what was noted to be acted on, and never was, is new again for one of ten; what was acted on is a replay', async () => {
  const event = { platform: 'slack', tenant: 'T1', sourceKey: newId() } as const;
  const again = () => note({ ...event, outcome: 'command', actMs: 60_000 });
  const times = (n: number) => Promise.all(Array.from({ length: n }, again));
  expect(await again()).toEqual({ orgId: ana.orgId, isReplay: false });
  expect(await again()).toMatchObject({ isReplay: true, isUnderWay: true });
  // Its process died, and its time is over.
  await sql`update inbound_events set acting_until = now() - interval '1 ms' where source_key = ${event.sourceKey}`;
  expect(await note({ ...event })).toEqual({ orgId: ana.orgId, isReplay: true });
  const all = await times(10);
  expect(all.filter(({ isReplay }) => !isReplay)).toEqual([
    { orgId: ana.orgId, isReplay: false, storedAt: expect.any(Date) },
  ]);
  expect(all.filter(({ isUnderWay }) => isUnderWay)).toHaveLength(9);
  await inOrg(world, ana.orgId, (org) => settleEvent(org, { ...event, orgId: ana.orgId }));
  for (const one of await times(3)) expect(one).toEqual({ orgId: ana.orgId, isReplay: true, isUnderWay: false });
});

test('I1 of a delivery that is noted by ten at once one is new, and one row is left', async () => {
  const sourceKey = newId();
  const all = await Promise.all(Array.from({ length: 10 }, () => note({ sourceKey })));
  expect(all.filter(({ isReplay }) => !isReplay)).toHaveLength(1);
  expect(await sql`select org_id, outcome from inbound_events where source_key = ${sourceKey}`).toEqual([
    { org_id: ana.orgId, outcome: 'ignored' },
  ]);
});

test('I1 one signature counts once, under whatever key', async () => {
  const signature = newId();
  const [first, second] = [newId(), newId()];
  expect(await note({ sourceKey: first, signature })).toEqual({ orgId: ana.orgId, isReplay: false });
  expect(await note({ sourceKey: second, signature })).toMatchObject({ isReplay: true });
  expect(await sql`select 1 from inbound_events where source_key = ${second}`).toEqual([]);
});

test('I1 a note is no request: it takes nothing over', async () => {
  const sourceKey = newId();
  await note({ sourceKey, outcome: 'command', reason: 'app_uninstalled' });
  expect(await note({ sourceKey, outcome: 'command', reason: 'app_uninstalled' })).toMatchObject({ isReplay: true });
});

test('I3 a tenant that nobody connected has no org', async () => {
  const sourceKey = newId();
  expect(await note({ tenant: 'T9', sourceKey })).toEqual({ orgId: null, isReplay: false });
  expect(await note({ tenant: 'T9', sourceKey })).toEqual({ orgId: null, isReplay: true });
  expect(await sql`select outcome, reason from inbound_events where source_key = ${sourceKey}`).toEqual([
    { outcome: 'refused', reason: 'unknown_tenant' },
  ]);
});

test('I3 an account acts for its member in its own workspace, and nowhere else', async () => {
  const at = (tenant: string, externalId: string) =>
    findActor(world.deps.db, { platform: 'slack', tenant, externalId });
  expect(await at('T1', 'UANA')).toMatchObject({ actor: { orgId: ana.orgId, memberId: ana.memberId, role: 'owner' } });
  expect(await at('T2', 'UANA')).toMatchObject({ reason: 'unlinked', orgId: other.orgId });
  expect(await at('T9', 'UANA')).toMatchObject({ reason: 'unknown_tenant', orgId: null });
});

test.each([
  ['isBot', 'bot'],
  ['isStranger', 'stranger'],
  ['isGuest', 'guest'],
  ['isDeactivated', 'account_off'],
] as const)('I3 an account of which Slack said %s acts for nobody, although it is linked', async (flag, reason) => {
  const eve = await addPerson(world, ana.orgId, 'admin');
  const externalId = newId();
  const none = { isBot: false, isStranger: false, isGuest: false, isDeactivated: false };
  await inOrg(world, ana.orgId, async ({ tx }) => {
    await tx
      .insert(identities)
      .values({ orgId: ana.orgId, memberId: eve.memberId, platform: 'slack', tenant: 'T1', externalId });
    await tx.insert(slackPeople).values({
      orgId: ana.orgId,
      tenant: 'T1',
      externalId,
      name: 'Eve',
      fetchedAt: new Date(),
      ...none,
      [flag]: true,
    });
  });
  expect(await findActor(world.deps.db, { platform: 'slack', tenant: 'T1', externalId })).toMatchObject({ reason });
});

test('a thread is ours at its own place only', async () => {
  const where = { platform: 'slack', tenant: 'T1', channel: 'C1', thread: newId() } as const;
  const isInThread = createIsInThread(world.deps.db);
  expect(await isInThread(where)).toBe(false);
  await inOrg(world, ana.orgId, (org) => openThread(org, where, { title: 'x', createdBy: ana.memberId }));
  expect(await isInThread(where)).toBe(true);
  for (const change of [{ tenant: 'T2' }, { tenant: 'T9' }, { channel: 'C2' }, { thread: '1' }])
    expect(await isInThread({ ...where, ...change })).toBe(false);
});

test('I2 only what the platform says is for us turns an overheard message into a run', async () => {
  const engine = fakeEngine();
  const deps = { db: world.deps.db, engine: engine.port, log: pino({ level: 'silent' }) };
  const receive = createReceive({ ...deps, starts: createStarts(deps) });
  const sourceKey = newId();
  await note({ sourceKey, reason: 'not_addressed' });
  const where = { platform: 'slack', tenant: 'T1', channel: 'C1', thread: newId() } as const;
  const sender = { id: 'UANA', name: 'Ana', isBot: false, isGuest: false };
  const inbound = { sourceKey, where, sender, text: 'hello', isDirect: false };
  expect(await receive(inbound)).toMatchObject({ isReplay: true });
  expect(await receive(inbound, { isAddressed: true })).toMatchObject({ kind: 'run', isReplay: false });
  expect(await receive(inbound, { isAddressed: true })).toMatchObject({ kind: 'run', isReplay: true });
});

test('I1 I4 a command whose run is stored was acted on, although its process died right after that', async () => {
  const deps = { db: world.deps.db, engine: fakeEngine().port, log: pino({ level: 'silent' }) };
  const receive = createReceive({ ...deps, starts: createStarts(deps) });
  const event = { sourceKey: newId(), outcome: 'command', actMs: 0 };
  await note(event);
  const where = { platform: 'slack', tenant: 'T1', channel: 'C1', thread: newId() } as const;
  const sender = { id: 'UANA', name: 'Ana', isBot: false, isGuest: false };
  const inbound = { sourceKey: event.sourceKey, where, sender, text: 'hello', isDirect: false };
  expect(await receive(inbound)).toMatchObject({ kind: 'run', isReplay: false });
  expect(await note(event)).toMatchObject({ isReplay: true, isUnderWay: false });
});
