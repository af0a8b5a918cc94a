import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApiKey } from '#db/api-keys.ts';
import { makeReset, useReset } from '#db/password-resets.ts';
import { idleClient } from '#test/web/client.ts';
import { addRows, type Rows } from '#test/web/rows.ts';
import { addOrg, addPerson, createWorld, inOrg, PASSWORD, type Person, type World } from '#test/web/world.ts';
import { readApprovalView } from './index.ts';

let world: World;
let sql: postgres.Sql;
let ana: Person;
let bo: Person;
let rows: Rows;
beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 1, onnotice: () => {} });
  ana = await addOrg(world);
  bo = await addPerson(world, ana.orgId, 'admin', PASSWORD);
  rows = await addRows(world, ana);
  await sql`update members set activated_at = now() - interval '3 days'`;
  await sql`update api_keys set created_at = now() - interval '3 days'`;
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});
const newcomers = async (): Promise<string[] | undefined> =>
  inOrg(
    world,
    ana.orgId,
    async (org) => (await readApprovalView(org, { ...ana, role: 'owner' }, rows.approvalId))?.newcomers,
  );
const reset = (whose: Person, by: Person | null) =>
  inOrg(world, ana.orgId, async (org) => {
    const { token } = await makeReset(org, by && { ...by, role: 'owner' }, whose.memberId);
    return () => inOrg(world, ana.orgId, (inside) => useReset(inside, token, 'hash'));
  });

test('A3 the card names whose password was reset by a link and by whom, once it was used, for a day', async () => {
  const use = await reset(bo, ana);
  expect(await newcomers()).toEqual([]);
  await use();
  expect(await newcomers()).toEqual([
    expect.stringMatching(/^The password of A admin was reset with a link from .+ less than 24 hours ago$/),
  ]);
  // A decision keeps what was true then.
  await sql`update approvals set status = 'approved', decided_at = now() - interval '1 minute' where id = ${rows.approvalId}`;
  expect(await newcomers()).toEqual([]);
  await sql`update approvals set decided_at = now() + interval '23 hours' where id = ${rows.approvalId}`;
  expect(await newcomers()).toEqual([expect.stringMatching(/less than 24 hours before$/)]);
  await sql`update approvals set status = 'pending', decided_at = null where id = ${rows.approvalId}`;
  await sql`update password_resets set used_at = now() - interval '25 hours'`;
  expect(await newcomers()).toEqual([]);
});

test('A3 many new keys do not push a reset off the card, nor go unmentioned', async () => {
  await (
    await reset(bo, null)
  )();
  for (let n = 0; n < 8; n += 1)
    await inOrg(world, ana.orgId, (org) =>
      createApiKey(org, { memberId: bo.memberId, createdBy: bo.memberId, name: `key ${n}` }),
    );
  const shown = await newcomers();
  expect(shown).toHaveLength(7);
  expect(shown?.[0]).toMatch(/^The password of A admin was reset on the server/);
  expect(shown?.at(-1)).toBe('3 more like these');
});

test('A3 a reset of somebody who cannot decide is not mentioned', async () => {
  await sql`update password_resets set used_at = null`;
  await sql`update api_keys set created_at = now() - interval '3 days'`;
  const viewer = await addPerson(world, ana.orgId, 'viewer', PASSWORD);
  await (
    await reset(viewer, ana)
  )();
  expect(await newcomers()).toEqual([]);
});
