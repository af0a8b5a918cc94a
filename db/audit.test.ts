import { afterAll, beforeAll, expect, test } from 'vitest';
import postgres from 'postgres';
import { newId } from '#core/ids.ts';
import { newKeyRingText, parseKeyRing } from '#core/keys.ts';
import { defaultPolicy } from '#core/policy.ts';
import { createTestDatabase, type TestDatabase } from '#test/setup/database.ts';
import { audit, checkpointAudit, verifyAudit } from './audit.ts';
import { orgs } from './schema/index.ts';

const keys = parseKeyRing(newKeyRingText());
let database: TestDatabase;
let admin: postgres.Sql;
beforeAll(async () => {
  database = await createTestDatabase();
  admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} });
});
afterAll(async () => {
  await admin.end();
  await database.drop();
});

async function orgWithRows(rows: number): Promise<string> {
  const orgId = newId();
  await database.db.withSystem('test', (tx) =>
    tx.insert(orgs).values({ id: orgId, name: 'Acme', policy: defaultPolicy() }),
  );
  for (let i = 0; i < rows; i += 1)
    await database.db.withOrg(orgId, (org) =>
      audit(org, { actor: 'system', action: 'test', target: { type: 'row', id: `${i}` } }),
    );
  return orgId;
}
const verdict = (orgId: string, outside: { seq: number; hash: string }[] = []) =>
  database.db.withSystem('verify', (tx) => verifyAudit(tx, orgId, keys, outside));

test('D6 an untouched chain verifies', async () => {
  const orgId = await orgWithRows(5);
  await expect(verdict(orgId)).resolves.toMatchObject({ rows: 5, badSeq: null });
});

test('D6 rows written at the same time make one chain', async () => {
  const orgId = await orgWithRows(0);
  const write = () =>
    database.db.withOrg(orgId, (org) => audit(org, { actor: 'system', action: 't', target: { type: 'r', id: '1' } }));
  await Promise.all(Array.from({ length: 20 }, write));
  await expect(verdict(orgId)).resolves.toMatchObject({ rows: 20, badSeq: null });
});

test.each([
  ['a changed row', (id: string) => admin`update audit_log set action = 'other' where org_id = ${id} and seq = 3`, 3],
  ['a deleted row', (id: string) => admin`delete from audit_log where org_id = ${id} and seq = 2`, 2],
  ['a cut tail', (id: string) => admin`delete from audit_log where org_id = ${id} and seq > 4`, 5],
])('D6 verification names the first bad row: %s', async (_, tamper, badSeq) => {
  const orgId = await orgWithRows(6);
  await tamper(orgId);
  await expect(verdict(orgId)).resolves.toMatchObject({ badSeq });
});

test('D6 a tail cut together with its head shows by the signed checkpoint, also by one kept outside', async () => {
  const orgId = await orgWithRows(6);
  const line = await database.db.withOrg(orgId, (org) => checkpointAudit(org, keys));
  await admin`delete from audit_log where org_id = ${orgId} and seq > 4`;
  await admin`update audit_heads h set seq = 4, hash = (select hash from audit_log l where l.org_id = h.org_id and seq = 4) where org_id = ${orgId}`;
  await expect(verdict(orgId)).resolves.toMatchObject({ badSeq: 5, why: expect.stringContaining('cut off') });
  await admin`delete from audit_checkpoints where org_id = ${orgId}`;
  await expect(verdict(orgId)).resolves.toMatchObject({ badSeq: null });
  await expect(verdict(orgId, [JSON.parse(line ?? '{}')])).resolves.toMatchObject({ badSeq: 5 });
});

test('D6 the app role can add audit rows but neither change nor remove them', async () => {
  const orgId = await orgWithRows(1);
  const { auditLog } = await import('./schema/index.ts');
  await expect(database.db.withOrg(orgId, (org) => org.tx.delete(auditLog))).rejects.toMatchObject({
    cause: { code: '42501' },
  });
  await expect(database.db.withOrg(orgId, (org) => org.tx.update(auditLog).set({ action: 'x' }))).rejects.toMatchObject(
    { cause: { code: '42501' } },
  );
});
