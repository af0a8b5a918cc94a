import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { audit } from '#db/audit.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';

let world: World;
let owner: Person;
let admin: postgres.Sql;
beforeAll(async () => {
  world = await createWorld(idleClient());
  owner = await addOrg(world);
  admin = postgres(world.database.adminUrl, { max: 1, onnotice: () => {} });
});
afterAll(async () => {
  await admin.end();
  await world.drop();
});

const write = (person: Person, action: string, details: Record<string, string> = {}) =>
  inOrg(world, person.orgId, (org) =>
    audit(org, { actor: 'system', action, target: { type: 'org', id: org.id }, details }),
  );
const call = (path: string, as: Person = owner) => world.call(`/api/v1/audit${path}`, { as });

test('D6 verify says how many rows hold, and names the first that does not', async () => {
  const person = await addOrg(world, 'Verified');
  for (let n = 0; n < 4; n += 1) await write(person, 'run.requested');
  const { json } = await call('?limit=1', person);
  expect((await call('/verify', person)).json).toEqual({
    isIntact: true,
    rows: 5,
    hash: json.items[0].hash,
    badSeq: null,
    why: null,
  });
  await admin`update audit_log set action = 'x' where org_id = ${person.orgId} and seq = 3`;
  expect((await call('/verify', person)).json).toMatchObject({ isIntact: false, rows: 2, badSeq: 3 });
  expect((await call('/verify')).json).toMatchObject({ isIntact: true });
});

test('the log is downloaded whole, in more than one batch, oldest first, and by the filters', async () => {
  const person = await addOrg(world, 'Exported');
  await admin`insert into audit_log (org_id, seq, at, actor, action, target_type, target_id, details, previous_hash, hash)
    select ${person.orgId}, n, '2026-01-01T00:00:00.000Z', 'system', 'run.' || n % 2, 'run', 'x', '{"n":1}', '', '' from generate_series(2, 4500) n`;
  const { text, headers } = await call('/export?format=jsonl', person);
  expect(headers.get('content-disposition')).toBe('attachment; filename="audit.jsonl"');
  const rows = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(rows.map(({ seq }: { seq: number }) => seq)).toEqual(Array.from({ length: 4500 }, (_, i) => i + 1));
  expect(rows[4]).toMatchObject({ actor: 'system', details: { n: 1 }, targetType: 'run' });
  expect(text).not.toContain(owner.orgId);
  const csv = await call('/export?action=run.1&format=csv', person);
  expect(csv.text.trimEnd().split('\n')).toHaveLength(1 + 2249);
  expect(csv.text.startsWith('seq,at,actor,action,targetType,targetId,details,previousHash,hash\n1')).toBe(false);
  expect(csv.headers.get('content-type')).toContain('text/csv');
});

test('a cell that a spreadsheet would run as a formula is text in the CSV, and as it is in JSONL', async () => {
  const person = await addOrg(world, 'Formulas');
  await write(person, '=HYPERLINK("http://evil.example","x")');
  await write(person, '@SUM(1)');
  const { text } = await call('/export', person);
  expect(text).not.toMatch(/(^|,)"?[=@+-]/m);
  expect(text).toContain(`'=HYPERLINK`);
  expect((await call('/export?format=jsonl', person)).text).toContain('"=HYPERLINK');
});

test('filters that mean nothing are refused by name, and never fail on our side', async () => {
  for (const [query, field] of [
    ['from=yesterday', 'from'],
    ['to=2026-02-30', 'to'],
    ['actor=ana', 'actor'],
    ['action=%00', 'action'],
    ['targetId=', 'targetId'],
    ['cursor=abc', 'cursor'],
    ['format=xml', 'format'],
  ]) {
    const { status, json } = await call(`${field === 'format' ? '/export' : ''}?${query}`);
    expect([query, status, json.field]).toEqual([query, 422, field]);
  }
  expect((await call('?from=2026-01-01&to=2026-01-01T10:00:00%2B02:00')).status).toBe(200);
});
