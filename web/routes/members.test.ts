import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { sha256 } from '#core/hash.ts';
import { newId } from '#core/ids.ts';
import { useInvitation } from '#db/invitations.ts';
import { changeMember } from '#db/membership.ts';
import { identities, invitations, orgs } from '#db/schema/index.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, addPerson, cookieOf, createWorld, inOrg, PASSWORD, type Person, type World } from '#test/web/world.ts';

let world: World;
let owner: Person;
beforeAll(async () => {
  world = await createWorld(idleClient());
});
beforeEach(async () => {
  owner = await addOrg(world);
});
afterAll(() => world.drop());

const freshEmail = () => `new.${newId()}@example.test`;
const invite = (as = owner, body: object = {}) =>
  world.call('/api/v1/members', { as, body: { email: freshEmail(), name: 'New', role: 'member', ...body } });
const accept = (token: string, password = PASSWORD) =>
  world.call('/api/v1/invitations/accept', { body: { token, password } });
const patch = (id: string, body: object, as = owner) =>
  world.call(`/api/v1/members/${id}`, { method: 'PATCH', as, body });
const again = (id: string, as = owner) => world.call(`/api/v1/members/${id}/invitation`, { method: 'POST', as });

test('D4 an invited person joins once: with a password, a key of their own, and a web identity', async () => {
  const email = freshEmail();
  const invited = await invite(owner, { email: email.toUpperCase() });
  expect(invited.status).toBe(201);
  const { id, invitation, url } = invited.json;
  expect(url).toBe(`http://127.0.0.1:3000/invite/${invitation}`);
  await expect(world.auth.readInvitation(invitation)).resolves.toEqual({ email, name: 'New', orgName: 'Acme' });
  const joined = await accept(invitation);
  expect(joined.status).toBe(200);
  expect(joined.json).toEqual({ memberId: id, key: expect.stringMatching(/^abw_/) });
  expect((await world.call(`/api/v1/members/${id}`, { as: joined.json.key })).json).toMatchObject({
    email,
    role: 'member',
    status: 'active',
  });
  await cookieOf(world, email);
  const rows = await inOrg(world, owner.orgId, ({ tx }) =>
    tx.select().from(identities).where(eq(identities.memberId, id)),
  );
  expect(rows).toMatchObject([{ platform: 'web', tenant: owner.orgId, externalId: id }]);
  expect((await accept(invitation)).status).toBe(410);
  await expect(world.auth.readInvitation(invitation)).resolves.toBeNull();
});

test('D4 only the hash of an invitation is stored', async () => {
  const { invitation } = (await invite()).json;
  const rows = await inOrg(world, owner.orgId, ({ tx }) => tx.select().from(invitations));
  expect(JSON.stringify(rows)).not.toContain(invitation);
  expect(rows.map(({ tokenHash }) => tokenHash)).toEqual([sha256(invitation)]);
});

test('D4 an invitation accepted twenty times at once lets one in', async () => {
  const { invitation } = (await invite()).json;
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => accept(invitation, `password number ${i}`)));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 410)).toHaveLength(19);
});

test('D4 after 48 hours by the database’s clock it is over, and a new one can be made', async () => {
  const { id, invitation } = (await invite()).json;
  await inOrg(world, owner.orgId, async ({ tx }) => {
    const [row] = await tx.select().from(invitations);
    expect((row?.expiresAt.getTime() ?? 0) - Date.now()).toBeGreaterThan(47.9 * 3_600_000);
    expect((row?.expiresAt.getTime() ?? 0) - Date.now()).toBeLessThan(48.1 * 3_600_000);
    await tx.update(invitations).set({ expiresAt: new Date(Date.now() - 1) });
  });
  expect((await accept(invitation)).status).toBe(410);
  const second = await again(id);
  expect(second.status).toBe(201);
  expect((await accept(second.json.invitation)).status).toBe(200);
});

test('D4 expiry and use are checked again under the lock, not only at the look-up', async () => {
  const expired = (await invite()).json;
  const used = (await invite()).json;
  const past = { expiresAt: new Date(Date.now() - 1) };
  await inOrg(world, owner.orgId, async ({ tx }) => {
    await tx.update(invitations).set(past).where(eq(invitations.memberId, expired.id));
    await tx.update(invitations).set({ acceptedAt: new Date() }).where(eq(invitations.memberId, used.id));
  });
  for (const { invitation } of [expired, used]) {
    const use = inOrg(world, owner.orgId, (org) => useInvitation(org, invitation, 'hash'));
    await expect(use).rejects.toMatchObject({ status: 410 });
  }
});

test('using one invitation ends the others of the same person', async () => {
  const first = (await invite()).json;
  const second = (await again(first.id)).json;
  expect((await accept(second.invitation)).status).toBe(200);
  expect((await accept(first.invitation)).status).toBe(410);
});

test('an unknown invitation is 404, a weak password 422 and keeps the invitation good', async () => {
  expect((await accept('inv_unknown')).status).toBe(404);
  const { invitation } = (await invite()).json;
  const weak = await accept(invitation, 'short');
  expect([weak.status, weak.json.field]).toEqual([422, 'password']);
  expect((await accept(invitation)).status).toBe(200);
});

test('guessing invitations is slowed down, without holding up those who have one', async () => {
  const other = await createWorld(idleClient());
  try {
    const chief = await addOrg(other);
    const { json } = await other.call('/api/v1/members', { as: chief, body: { email: freshEmail(), name: 'N' } });
    const guess = async (token: string) =>
      (await other.call('/api/v1/invitations/accept', { body: { token, password: PASSWORD } })).status;
    const seen: number[] = [];
    for (let i = 0; i < 35; i += 1) seen.push(await guess(`inv_${i}`));
    expect(seen.filter((status) => status === 404)).toHaveLength(30);
    expect(seen.at(-1)).toBe(429);
    expect(await guess(json.invitation)).toBe(200);
  } finally {
    await other.drop();
  }
});

test('an invitation never touches an account that exists in another organisation', async () => {
  const elsewhere = await addOrg(world, 'Elsewhere');
  const victim = await addPerson(world, elsewhere.orgId, 'owner', PASSWORD);
  const { invitation } = (await invite(owner, { email: victim.email })).json;
  const answer = await accept(invitation, 'the attacker’s choice');
  expect(answer.status).toBe(409);
  expect(answer.text).not.toContain('Elsewhere');
  await cookieOf(world, victim.email);
});

test('an address can be a member once, whatever its case', async () => {
  const email = freshEmail();
  expect((await invite(owner, { email })).status).toBe(201);
  const second = await invite(owner, { email: email.toUpperCase() });
  expect([second.status, second.json.field]).toEqual([409, 'email']);
});

test('A3 the second active member is remembered for ever', async () => {
  const flag = async () => (await inOrg(world, owner.orgId, ({ tx }) => tx.select().from(orgs)))[0]?.hadSecondMember;
  const { id, invitation } = (await invite()).json;
  expect(await flag()).toBe(false);
  await accept(invitation);
  expect(await flag()).toBe(true);
  await patch(id, { status: 'deactivated' });
  expect(await flag()).toBe(true);
});

test('only an owner makes, changes, invites again or unmakes an owner', async () => {
  const admin = await addPerson(world, owner.orgId, 'admin');
  expect((await invite(admin, { role: 'owner' })).status).toBe(403);
  expect((await patch(admin.memberId, { role: 'owner' }, admin)).status).toBe(403);
  expect((await patch(owner.memberId, { role: 'member' }, admin)).status).toBe(403);
  expect((await patch(owner.memberId, { status: 'deactivated' }, admin)).status).toBe(403);
  expect((await patch(owner.memberId, { name: 'Mine now' }, admin)).status).toBe(403);
  expect((await again(owner.memberId, admin)).status).toBe(403);
  const { items } = (await world.call('/api/v1/api-keys', { as: admin })).json;
  const ownersKey = items.find((key: { memberId: string }) => key.memberId === owner.memberId);
  expect((await world.call(`/api/v1/api-keys/${ownersKey.id}`, { method: 'DELETE', as: admin })).status).toBe(403);
  expect((await patch(admin.memberId, { role: 'owner' })).status).toBe(200);
});

test('the last active owner stays', async () => {
  expect((await patch(owner.memberId, { role: 'admin' })).status).toBe(409);
  expect((await patch(owner.memberId, { status: 'deactivated' })).status).toBe(409);
});

test('two owners who unmake each other at the same moment: the second has to wait, and is refused', async () => {
  const second = await addPerson(world, owner.orgId, 'owner');
  const unmake = (by: Person, whom: Person, hold: () => Promise<void>) =>
    inOrg(world, owner.orgId, async (org) => {
      await changeMember(org, { ...by, role: 'owner' }, whom.memberId, { role: 'member' });
      await hold();
    });
  let commit = () => {};
  let isSecondOver = false;
  const gate = new Promise<void>((resolve) => {
    commit = resolve;
  });
  const waiting = () =>
    world.deps.db.global.execute(
      sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
  let begun = () => {};
  const isBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const first = unmake(owner, second, () => {
    begun();
    return gate;
  });
  await isBegun;
  const other = unmake(second, owner, async () => {}).then(
    () => 'done',
    (error: { status: number }) => error.status,
  );
  void other.then(() => (isSecondOver = true));
  await expect.poll(async () => isSecondOver || (await waiting()).length > 0, { timeout: 5000 }).toBe(true);
  commit();
  await first;
  expect(await other).toBe(409);
});

test('deactivation ends open invitations; coming back takes a new password and brings no old key to life', async () => {
  const email = freshEmail();
  const { id, invitation } = (await invite(owner, { email })).json;
  await patch(id, { status: 'deactivated' });
  expect((await accept(invitation)).status).toBe(410);
  const { key } = (await accept((await again(id)).json.invitation)).json;
  await patch(id, { status: 'deactivated' });
  const back = await again(id);
  await expect(world.auth.signIn(email, PASSWORD, new Headers())).resolves.toMatchObject({ status: 401 });
  expect((await accept(back.json.invitation, 'another good password')).status).toBe(200);
  expect((await world.call('/api/v1/runs', { as: key })).status).toBe(401);
  await expect(world.auth.signIn(email, PASSWORD, new Headers())).resolves.toMatchObject({ status: 401 });
  await cookieOf(world, email, 'another good password');
});

test('an admin cannot take over an active account by inviting it again', async () => {
  const person = await addPerson(world, owner.orgId, 'member', PASSWORD);
  expect((await again(person.memberId)).status).toBe(409);
});

test('reactivation works for somebody with an account and sends others to an invitation', async () => {
  const person = await addPerson(world, owner.orgId, 'member', PASSWORD);
  await patch(person.memberId, { status: 'deactivated' });
  const before = new Date();
  expect((await patch(person.memberId, { status: 'active' })).json.status).toBe('active');
  const { activatedAt } = (await world.call(`/api/v1/members/${person.memberId}`, { as: owner })).json;
  expect(new Date(activatedAt).getTime()).toBeGreaterThanOrEqual(before.getTime() - 1000);
  const { id } = (await invite()).json;
  expect((await patch(id, { status: 'active' })).status).toBe(409);
});

test('every change is on record, by whom and with which key', async () => {
  const { id } = (await invite()).json;
  await patch(id, { role: 'viewer' });
  const { items } = (await world.call('/api/v1/audit', { as: owner })).json;
  expect(items.slice(0, 2)).toMatchObject([
    { action: 'member.changed', target: { type: 'member', id }, details: { role: 'viewer', status: null } },
    { action: 'member.invited', target: { type: 'member', id } },
  ]);
  expect(items[0].actor).toMatch(new RegExp(`^member:${owner.memberId} key:[0-9a-f-]{36}$`));
});

test('D2 an invitation dies with the right to make it: its maker has left, or the invited became an owner', async () => {
  const leaving = await addPerson(world, owner.orgId, 'admin');
  const [promoted, left] = [(await invite(leaving)).json, (await invite(leaving, { role: 'admin' })).json];
  expect((await patch(promoted.id, { role: 'owner' })).status).toBe(200);
  expect((await accept(promoted.invitation)).status).toBe(410);
  await expect(world.auth.readInvitation(promoted.invitation)).resolves.toBeNull();
  await patch(leaving.memberId, { role: 'member' });
  expect((await accept(left.invitation)).status).toBe(410);
  await patch(leaving.memberId, { role: 'admin', status: 'deactivated' });
  expect((await accept(left.invitation)).status).toBe(410);
  // Under the lock too, not only at the look-up.
  const use = inOrg(world, owner.orgId, (org) => useInvitation(org, left.invitation, 'hash'));
  await expect(use).rejects.toMatchObject({ status: 410 });
  expect((await accept((await again(left.id)).json.invitation)).status).toBe(200);
  expect((await accept((await again(promoted.id)).json.invitation)).status).toBe(200);
});
