import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { idleClient } from '#test/web/client.ts';
import { addOrg, addPerson, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';
import { type AuditFilters, auditActions, listAuditPage, readAuditAfter } from './audit-list.ts';

const COUNT = 300;
let world: World;
let owner: Person;
let member: Person;
beforeAll(async () => {
  world = await createWorld(idleClient());
  owner = await addOrg(world);
  member = await addPerson(world, owner.orgId, 'member');
  const admin = postgres(world.database.adminUrl, { max: 1, onnotice: () => {} });
  const [key] = await admin`select id from api_keys where member_id = ${member.memberId}`;
  const names = ['system', `member:${member.memberId}`, `member:${member.memberId} key:${key?.['id']}`];
  // One row a minute from 2026-01-01 on; which chain they make does not matter to a list.
  await admin`insert into audit_log (org_id, seq, at, actor, action, target_type, target_id, details, previous_hash, hash)
    select ${owner.orgId}, 100 + n, to_char('2026-01-01'::timestamp + n * interval '1 minute', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      (${admin.array(names)}::text[])[1 + n % 3], 'run.' || n % 2, 'run', (n / 10)::text, '{}', '', '' from generate_series(1, ${COUNT}::int) n`;
  await admin.end();
});
afterAll(() => world.drop());

const seqs = (filters: AuditFilters, cursor?: string) =>
  inOrg(world, owner.orgId, async (org) => {
    const page = await listAuditPage(org, { limit: 100, cursor, ...filters });
    return page.items.map(({ seq }) => seq - 100);
  });
const upTo = (test: (n: number) => boolean): number[] =>
  Array.from({ length: COUNT }, (_, i) => COUNT - i)
    .filter(test)
    .slice(0, 100);

test.each<[string, () => AuditFilters, (n: number) => boolean]>([
  ['all', () => ({}), () => true],
  ['of the system', () => ({ actor: 'system' }), (n) => n % 3 === 0],
  ['of a member, by hand and by key', () => ({ actor: member.memberId }), (n) => n % 3 > 0],
  ['of an action', () => ({ action: 'run.1' }), (n) => n % 2 === 1],
  ['of a target', () => ({ targetId: '7' }), (n) => Math.floor(n / 10) === 7],
  ['from a moment', () => ({ from: new Date('2026-01-01T04:00:00Z') }), (n) => n >= 240],
  ['before a moment', () => ({ to: new Date('2026-01-01T04:00:00Z'), actor: 'system' }), (n) => n < 240 && n % 3 === 0],
  [
    'of everything at once',
    () => ({ actor: member.memberId, action: 'run.1', targetId: '7', from: new Date('2026-01-01') }),
    (n) => n % 3 > 0 && n % 2 === 1 && Math.floor(n / 10) === 7,
  ],
])('the log %s, newest first', async (_, filters, test) => {
  const seen = await seqs(filters());
  expect(seen.filter((n) => n > 0)).toEqual(upTo(test).slice(0, seen.length));
  expect(seen.length).toBeGreaterThanOrEqual(Math.min(100, upTo(test).length));
});

test('the log comes page by page, both ways, also of an actor with several names', async () => {
  const page = (cursor?: string) =>
    inOrg(world, owner.orgId, (org) =>
      listAuditPage(org, { limit: 70, cursor, actor: member.memberId, action: 'run.0' }),
    );
  const first = await page();
  const second = await page(first.nextCursor ?? '');
  expect(first.items.length + second.items.length).toBe(100);
  expect(new Set([...first.items, ...second.items].map(({ seq }) => seq)).size).toBe(100);
  expect([first.newerCursor, second.nextCursor]).toEqual([null, null]);
  const back = await page(second.newerCursor ?? '');
  expect(back.items).toEqual(first.items);
});

test('an export reads on from any row, oldest first, and the words of a choice are those that are there', async () => {
  const read = (seq: number) =>
    inOrg(world, owner.orgId, (org) => readAuditAfter(org, { actor: 'system', action: 'run.0' }, { seq, limit: 20 }));
  const seen: number[] = [];
  for (;;) {
    const rows = await read(seen.at(-1) ?? 0);
    if (rows.length === 0) break;
    seen.push(...rows.map(({ seq }) => seq));
  }
  expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => 100 + 6 * (i + 1)));
  expect(await inOrg(world, owner.orgId, auditActions)).toEqual(expect.arrayContaining(['run.0', 'run.1']));
});
