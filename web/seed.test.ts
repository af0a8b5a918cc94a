import { eq } from 'drizzle-orm';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readConfig } from '#core/config.ts';
import { apiKeys, identities, members, orgs, tenants } from '#db/schema/index.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, cookieOf, createWorld, inOrg, type World } from '#test/web/world.ts';
import { seedFirstOrg } from './seed.ts';

const KEY = 'abw_bootstrap-key-for-tests';
let world: World;
beforeEach(async () => {
  world = await createWorld(idleClient());
});
afterEach(() => world.drop());

const seed = (env: Record<string, string> = {}) =>
  seedFirstOrg({
    db: world.deps.db,
    hashPassword: world.auth.hashPassword,
    config: readConfig(env),
    log: pino({ level: 'silent' }),
  });
const orgCount = async () => (await world.deps.db.withSystem('test', (tx) => tx.select().from(orgs))).length;

test('a bare start makes an org, its web tenant, and an owner who is let in by a one-time link', async () => {
  const seeded = await seed();
  expect(seeded).toMatchObject({
    ownerEmail: 'owner@localhost',
    signInLink: expect.stringMatching(/^http:\/\/127\.0\.0\.1:3000\/invite\/inv_/),
  });
  const [rows, people] = await inOrg(
    world,
    seeded.orgId,
    async ({ tx }) => [await tx.select().from(tenants), await tx.select().from(members)] as const,
  );
  expect(rows).toMatchObject([{ platform: 'web', tenant: seeded.orgId }]);
  expect(people).toMatchObject([{ role: 'owner', status: 'active', userId: null }]);
  const who = await inOrg(world, seeded.orgId, ({ tx }) => tx.select().from(identities));
  expect(who).toMatchObject([{ platform: 'web', tenant: seeded.orgId, externalId: people[0]?.id }]);
  const token = seeded.signInLink?.split('/').at(-1) ?? '';
  await world.auth.acceptInvitation(token, 'a good password');
  await cookieOf(world, 'owner@localhost', 'a good password');
  await expect(world.auth.acceptInvitation(token, 'a good password')).rejects.toMatchObject({ status: 410 });
  expect((await seed()).signInLink).toBeNull();
});

test('ten processes that start at once make one org, one owner and one key', async () => {
  const env = {
    ABETWORKS_BOOTSTRAP_KEY: KEY,
    ABETWORKS_OWNER_EMAIL: 'Boss@Example.test',
    ABETWORKS_OWNER_PASSWORD: 'a good password',
  };
  const all = await Promise.all(Array.from({ length: 10 }, () => seed(env)));
  expect(new Set(all.map(({ orgId }) => orgId)).size).toBe(1);
  expect(all[0]).toMatchObject({ ownerEmail: 'boss@example.test', signInLink: null });
  expect(await orgCount()).toBe(1);
  const keys = await inOrg(world, all[0]?.orgId ?? '', ({ tx }) => tx.select().from(apiKeys));
  expect(keys).toMatchObject([{ isBootstrap: true, prefix: 'abw_boot' }]);
  await cookieOf(world, 'boss@example.test', 'a good password');
  expect((await world.call('/api/v1/members', { as: KEY })).status).toBe(200);
});

test('D5 a revoked bootstrap key stays revoked at the next start', async () => {
  await seed({ ABETWORKS_BOOTSTRAP_KEY: KEY });
  const { items } = (await world.call('/api/v1/api-keys', { as: KEY })).json;
  expect((await world.call(`/api/v1/api-keys/${items[0].id}`, { method: 'DELETE', as: KEY })).status).toBe(204);
  await seed({ ABETWORKS_BOOTSTRAP_KEY: KEY });
  expect((await world.call('/api/v1/members', { as: KEY })).status).toBe(401);
});

test('a password in the environment does not overwrite the one the owner chose since', async () => {
  const env = { ABETWORKS_OWNER_EMAIL: 'boss@example.test', ABETWORKS_OWNER_PASSWORD: 'the first password' };
  const { orgId } = await seed(env);
  const [owner] = await inOrg(world, orgId, ({ tx }) => tx.select().from(members).where(eq(members.role, 'owner')));
  if (!owner) throw new Error('no owner');
  await world.auth.changePassword({ ...owner, memberId: owner.id }, 'the first password', 'the second password');
  await seed(env);
  await expect(cookieOf(world, 'boss@example.test', 'the first password')).rejects.toThrow('wrong');
  expect(await cookieOf(world, 'boss@example.test', 'the second password')).toContain('abw_session');
});

test('a password that is too short is refused before anything is made', async () => {
  await expect(world.auth.hashPassword('short')).rejects.toMatchObject({ status: 422 });
  expect(await orgCount()).toBe(0);
});

test('D7 another org is never the first', async () => {
  await addOrg(world, 'Second');
  const { orgId } = await seed();
  const rows = await world.deps.db.withSystem('test', (tx) => tx.select().from(orgs));
  expect(rows.filter(({ isFirst }) => isFirst).map(({ id }) => id)).toEqual([orgId]);
});
