import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApiKey } from '#db/api-keys.ts';
import { apiKeys, auditLog } from '#db/schema/index.ts';
import { idleClient } from '#test/web/client.ts';
import { addCalculator } from '#test/web/rows.ts';
import { addOrg, addPerson, createWorld, inOrg, type World } from '#test/web/world.ts';
import { MOST_KEYS } from './own-keys.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld(idleClient());
});
afterAll(() => world.drop());

test('A3 a key made by means of a key keeps the first one’s maker on record', async () => {
  const owner = await addOrg(world);
  const member = await addPerson(world, owner.orgId, 'admin');
  const makerOf = async (key: string): Promise<string | undefined> => {
    const { json } = await world.call('/api/v1/api-keys', { as: key, body: { name: 'another' } });
    const rows = await inOrg(world, owner.orgId, ({ tx }) => tx.select().from(apiKeys).where(eq(apiKeys.id, json.id)));
    return rows[0]?.createdBy;
  };
  const given = await inOrg(world, owner.orgId, (org) =>
    createApiKey(org, { memberId: member.memberId, createdBy: owner.memberId, name: 'given' }),
  );
  expect(await makerOf(given.key)).toBe(owner.memberId);
  expect(await makerOf(member.key)).toBe(member.memberId);
});

test('nobody has more keys than their account page lists, so that none hides behind others', async () => {
  const owner = await addOrg(world);
  const make = () => world.call('/api/v1/api-keys', { as: owner, body: { name: 'one more' } });
  const { json } = await make();
  await inOrg(world, owner.orgId, async (org) => {
    for (let n = 0; n < MOST_KEYS - 2; n += 1)
      await createApiKey(org, { memberId: owner.memberId, createdBy: owner.memberId, name: `key ${n}` });
  });
  expect(await make()).toMatchObject({ status: 409, json: { detail: expect.stringContaining('Revoke one') } });
  const page = await world.call('/account/keys', {
    method: 'POST',
    as: owner,
    body: 'name=x&scope=full',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  expect([page.status, page.text]).toEqual([409, expect.stringContaining('Revoke one')]);
  await world.call(`/api/v1/api-keys/${json.id}`, { method: 'DELETE', as: owner });
  expect((await make()).status).toBe(201);
});

test('what is done on a page by means of a key is audited with the key', async () => {
  const owner = await addOrg(world);
  const keyed = `member:${owner.memberId} key:`;
  const connectionId = await addCalculator(world, owner);
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const post = (path: string, body = '') =>
    world.call(path, { method: 'POST', as: owner, headers: form, ...(body !== '' && { body }) });
  await post(`/connections/${connectionId}/test`);
  await post(`/connections/${connectionId}/remove`, 'sure=on');
  await post('/account/sign-out');
  const rows = await inOrg(world, owner.orgId, ({ tx }) => tx.select().from(auditLog));
  const actors = new Map(rows.map(({ action, actor }) => [action, actor]));
  for (const action of ['connection.tested', 'connection.removed', 'member.signed_out'])
    expect([action, actors.get(action)]).toEqual([action, expect.stringContaining(keyed)]);
});
