import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '#core/ids.ts';
import type { Actor } from '#core/roles.ts';
import { idleClient } from '#test/web/client.ts';
import { addRows, type Rows } from '#test/web/rows.ts';
import { addOrg, addPerson, createWorld, type Person, type World } from '#test/web/world.ts';
import { createDecideOnCard } from './click.ts';
import { createDecide } from './decide.ts';
import { fakeEngine } from './engine.fixture.ts';
import type { OnCardInput } from './types.ts';

let world: World;
let sql: postgres.Sql;
let ana: Person;
let bo: Person;
let decideOnCard: ReturnType<typeof createDecideOnCard>;

beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 2, onnotice: () => {} });
  ana = await addOrg(world);
  bo = await addPerson(world, ana.orgId, 'admin');
  const { db } = world.deps;
  const decide = createDecide({ db, engine: fakeEngine().port, log: pino({ level: 'silent' }) });
  decideOnCard = createDecideOnCard({ db, decide });
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});

const actor = ({ orgId, memberId }: Person): Actor => ({ orgId, memberId, role: 'admin' });
async function addCard({ approvalId, payloadSha256 }: Rows): Promise<OnCardInput['card']> {
  const message = newId();
  await sql`insert into approval_cards (id, org_id, approval_id, platform, tenant, channel, thread, message, payload_sha256, shows)
    values (${newId()}, ${ana.orgId}, ${approvalId}, 'slack', 'T1', 'C1', '1', ${message}, ${payloadSha256}, 'pending')`;
  return { platform: 'slack', tenant: 'T1', channel: 'C1', message };
}
const statusOf = async ({ approvalId }: Rows) =>
  (await sql`select status from approvals where id = ${approvalId}`)[0]?.['status'];

test('A2 a click decides what its own card shows, and is on record as made in Slack', async () => {
  const rows = await addRows(world, ana);
  const card = await addCard(rows);
  expect(await decideOnCard(actor(bo), rows.approvalId, { decision: 'approve', card })).toMatchObject({
    kind: 'decided',
    status: 'approved',
  });
  expect(await sql`select surface from approval_votes where approval_id = ${rows.approvalId}`).toEqual([
    { surface: 'slack' },
  ]);
});

test('A7 a forwarded or copied card, another channel and another workspace decide nothing', async () => {
  const rows = await addRows(world, ana);
  const card = await addCard(rows);
  const others = await addCard(await addRows(world, ana));
  for (const copy of [
    { ...card, message: '1.2' },
    { ...card, channel: 'C2' },
    { ...card, tenant: 'T2' },
    { ...card, platform: 'discord' as const },
    others,
  ])
    for (const decision of ['approve', 'deny'] as const)
      expect(await decideOnCard(actor(bo), rows.approvalId, { decision, card: copy })).toMatchObject({
        kind: 'forbidden',
        text: expect.stringContaining('Decide on the original'),
      });
  expect(await statusOf(rows)).toBe('pending');
  const refused =
    await sql`select details from audit_log where action = 'approval.refused' and target_id = ${rows.approvalId}`;
  expect(refused).toHaveLength(10);
});

test('A2 what a modal showed counts only while its card still says the same', async () => {
  const rows = await addRows(world, ana);
  const card = await addCard(rows);
  const shown = (shownSha256: string) =>
    decideOnCard(actor(bo), rows.approvalId, { decision: 'approve', card, shownSha256 });
  expect(await shown('0'.repeat(64))).toMatchObject({ kind: 'changed' });
  expect(await statusOf(rows)).toBe('pending');
  expect(await shown(rows.payloadSha256)).toMatchObject({ kind: 'decided' });
});

test('A2 a card whose payload is no longer the approval’s decides nothing', async () => {
  const rows = await addRows(world, ana);
  const card = await addCard(rows);
  await sql`update approvals set payload = '{}', payload_sha256 = ${'1'.repeat(64)} where id = ${rows.approvalId}`;
  expect(await decideOnCard(actor(bo), rows.approvalId, { decision: 'approve', card })).toMatchObject({
    kind: 'changed',
  });
});

test('A3 the requester’s own click is refused, and the second of two clicks hears who was first', async () => {
  const rows = await addRows(world, ana);
  const card = await addCard(rows);
  expect(await decideOnCard(actor(ana), rows.approvalId, { decision: 'approve', card })).toMatchObject({
    kind: 'forbidden',
    text: expect.stringContaining('You asked for this'),
  });
  const click = () => decideOnCard(actor(bo), rows.approvalId, { decision: 'approve', card });
  const both = await Promise.all([click(), click()]);
  expect(both.map(({ kind }) => kind).toSorted()).toEqual(['already', 'decided']);
  expect(both.find(({ kind }) => kind === 'already')).toMatchObject({ text: 'A admin already approved this.' });
});

test('D2 another org’s approval is not there', async () => {
  const rows = await addRows(world, ana);
  const card = await addCard(rows);
  const stranger = await addOrg(world);
  expect(await decideOnCard(actor(stranger), rows.approvalId, { decision: 'approve', card })).toMatchObject({
    kind: 'not_found',
  });
  expect(await statusOf(rows)).toBe('pending');
});
