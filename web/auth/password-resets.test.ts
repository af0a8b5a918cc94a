import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { sha256 } from '#core/hash.ts';
import { makeReset, useReset } from '#db/password-resets.ts';
import { auditLog, members, passwordResets } from '#db/schema/index.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, addPerson, cookieOf, createWorld, inOrg, PASSWORD, type Person, type World } from '#test/web/world.ts';

let world: World;
let orgId: string;
let owner: Person;
let admin: Person;
let member: Person;
beforeAll(async () => {
  world = await createWorld(idleClient());
});
beforeEach(async () => {
  ({ orgId } = await addOrg(world));
  owner = await addPerson(world, orgId, 'owner', PASSWORD);
  admin = await addPerson(world, orgId, 'admin', PASSWORD);
  member = await addPerson(world, orgId, 'member', PASSWORD);
});
afterAll(() => world.drop());

const make = (whose: Person, as: Person) =>
  world.call(`/api/v1/members/${whose.memberId}/password-reset`, { method: 'POST', as });
const tokenOf = async (whose: Person, as: Person): Promise<string> => {
  const { status, json } = await make(whose, as);
  expect(status).toBe(201);
  return new URL(json.url).pathname.replace('/reset/', '');
};
const set = (person: Person, change: Partial<typeof members.$inferInsert>) =>
  inOrg(world, orgId, ({ tx }) => tx.update(members).set(change).where(eq(members.id, person.memberId)));
const signIn = (person: Person, password: string) => world.auth.signIn(person.email, password, new Headers());
const NEW = 'a brand new password';

test('D4 a reset link sets a password once, signs the person out everywhere, and leaves an audit row', async () => {
  const cookies = [await cookieOf(world, member.email), await cookieOf(world, member.email)];
  const token = await tokenOf(member, admin);
  await expect(world.auth.readPasswordReset(token)).resolves.toEqual({
    email: member.email,
    name: 'A member',
    orgName: 'Acme',
  });
  await world.auth.resetPassword(token, NEW);
  for (const cookie of cookies) expect((await world.call('/api/v1/runs', { headers: { cookie } })).status).toBe(401);
  await expect(signIn(member, PASSWORD)).resolves.toMatchObject({ status: 401 });
  await expect(signIn(member, NEW)).resolves.toMatchObject({ kind: 'signed_in' });
  await expect(world.auth.resetPassword(token, 'yet another one')).rejects.toMatchObject({ status: 410 });
  await expect(world.auth.readPasswordReset(token)).resolves.toBeNull();
  const rows = await inOrg(world, orgId, ({ tx }) => tx.select().from(auditLog));
  expect(rows.map(({ actor, action }) => `${actor.split(' ')[0]} ${action}`)).toEqual(
    expect.arrayContaining([
      `member:${admin.memberId} member.password_reset_made`,
      `member:${member.memberId} member.password_reset`,
    ]),
  );
  expect(JSON.stringify(rows)).not.toMatch(/rst_/);
});

test('D4 only the hash of a link is stored, it lasts an hour of the database’s clock, and a new one ends the old', async () => {
  const first = await tokenOf(member, admin);
  const rows = await inOrg(world, orgId, ({ tx }) => tx.select().from(passwordResets));
  expect(rows.map(({ tokenHash }) => tokenHash)).toEqual([sha256(first)]);
  expect(JSON.stringify(rows)).not.toContain(first);
  const leftMs = (rows[0]?.expiresAt.getTime() ?? 0) - Date.now();
  expect(leftMs).toBeGreaterThan(3_500_000);
  expect(leftMs).toBeLessThan(3_700_000);
  const second = await tokenOf(member, admin);
  await expect(world.auth.resetPassword(first, NEW)).rejects.toMatchObject({ status: 410 });
  await inOrg(world, orgId, ({ tx }) => tx.update(passwordResets).set({ expiresAt: new Date(Date.now() - 1) }));
  await expect(world.auth.resetPassword(second, NEW)).rejects.toMatchObject({ status: 410 });
  // Under the lock too, not only at the look-up.
  await expect(inOrg(world, orgId, (org) => useReset(org, second, 'hash'))).rejects.toMatchObject({ status: 410 });
});

test('D4 a link used twenty times at once sets one password', async () => {
  const token = await tokenOf(member, admin);
  const uses = await Promise.allSettled(
    Array.from({ length: 20 }, (_, n) => inOrg(world, orgId, (org) => useReset(org, token, `hash ${n}`))),
  );
  expect(uses.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('D2 an admin resets neither an owner nor themselves, an owner resets both; members reset nobody', async () => {
  expect((await make(owner, admin)).status).toBe(403);
  expect((await make(admin, admin)).status).toBe(403);
  expect((await make(owner, owner)).status).toBe(403);
  expect((await make(admin, member)).status).toBe(403);
  const second = await addPerson(world, orgId, 'owner', PASSWORD);
  expect((await make(second, owner)).status).toBe(201);
  expect((await make(admin, owner)).status).toBe(201);
  const stranger = await addOrg(world, 'Other');
  expect((await make(member, stranger)).status).toBe(404);
});

test('D2 somebody without an account is invited again instead', async () => {
  const invited = (await world.call('/api/v1/members', { as: owner, body: { email: 'n@x.test', name: 'N' } })).json;
  const answer = await world.call(`/api/v1/members/${invited.id}/password-reset`, { method: 'POST', as: owner });
  expect([answer.status, answer.json.detail]).toEqual([409, expect.stringContaining('Invite them again')]);
});

test('the link of a deactivated member is dead, also after they are back', async () => {
  const token = await tokenOf(member, admin);
  const status = (to: string) =>
    world.call(`/api/v1/members/${member.memberId}`, { method: 'PATCH', as: owner, body: { status: to } });
  expect((await status('deactivated')).status).toBe(200);
  await expect(world.auth.resetPassword(token, NEW)).rejects.toMatchObject({ status: 410 });
  expect((await make(member, admin)).status).toBe(409);
  expect((await status('active')).status).toBe(200);
  await expect(world.auth.resetPassword(token, NEW)).rejects.toMatchObject({ status: 410 });
});

test('D2 a link dies with the right to make it: its maker has left or lost the role, or the member became an owner', async () => {
  const promoted = await tokenOf(member, admin);
  await set(member, { role: 'owner' });
  await expect(world.auth.resetPassword(promoted, NEW)).rejects.toMatchObject({ status: 410 });
  await set(member, { role: 'member' });
  await set(admin, { role: 'member' });
  await expect(world.auth.resetPassword(promoted, NEW)).rejects.toMatchObject({ status: 410 });
  await set(admin, { role: 'admin', status: 'deactivated' });
  await expect(world.auth.resetPassword(promoted, NEW)).rejects.toMatchObject({ status: 410 });
  await set(admin, { status: 'active' });
  await expect(world.auth.resetPassword(promoted, NEW)).resolves.toEqual({ email: member.email });
});

test('a link from the command line works for an owner, and changing the password oneself ends open links', async () => {
  const { token } = await inOrg(world, orgId, (org) => makeReset(org, null, owner.memberId));
  await world.auth.changePassword({ ...owner, role: 'owner', name: 'x' }, PASSWORD, NEW);
  await expect(world.auth.resetPassword(token, 'yet another one')).rejects.toMatchObject({ status: 410 });
  const again = await inOrg(world, orgId, (org) => makeReset(org, null, owner.memberId));
  await expect(world.auth.resetPassword(again.token, 'short')).rejects.toMatchObject({ status: 422 });
  await expect(world.auth.resetPassword(again.token, PASSWORD)).resolves.toEqual({ email: owner.email });
});

test('guessing links is slowed down by address', async () => {
  const guess = (n: number) =>
    world.auth.resetPassword(`rst_guess${n}`, NEW, '10.9.9.9').catch((error) => error.status);
  const answers = [];
  for (let n = 0; n < 32; n += 1) answers.push(await guess(n));
  expect(answers.filter((status) => status === 404)).toHaveLength(30);
  expect(answers.slice(30)).toEqual([429, 429]);
});

test('D2 an admin signs somebody out everywhere, but no owner; keys go on working', async () => {
  const signOut = (whose: Person, as: Person) =>
    world.call(`/api/v1/members/${whose.memberId}/sign-out`, { method: 'POST', as });
  const cookie = await cookieOf(world, member.email);
  expect((await signOut(member, admin)).status).toBe(204);
  expect((await world.call('/api/v1/runs', { headers: { cookie } })).status).toBe(401);
  expect((await world.call('/api/v1/runs', { as: member })).status).toBe(200);
  expect((await signOut(owner, admin)).status).toBe(403);
  expect((await signOut(member, await addOrg(world, 'Other'))).status).toBe(404);
});

test('D2 an admin raises neither themselves nor anybody to owner, and the last owner stays', async () => {
  const patch = (whose: Person, body: object, as: Person) =>
    world.call(`/api/v1/members/${whose.memberId}`, { method: 'PATCH', as, body });
  expect((await patch(admin, { role: 'owner' }, admin)).status).toBe(403);
  expect((await patch(member, { role: 'owner' }, admin)).status).toBe(403);
  expect((await patch(owner, { role: 'member' }, admin)).status).toBe(403);
  const { orgId: alone, ...last } = await addOrg(world, 'Alone');
  for (const body of [{ role: 'admin' }, { status: 'deactivated' }])
    expect((await patch({ orgId: alone, ...last }, body, { orgId: alone, ...last })).status).toBe(409);
});

test('A3 only a link that was used says that the password was reset; one that was withdrawn does not', async () => {
  const rows = () =>
    inOrg(world, orgId, ({ tx }) => tx.select().from(passwordResets).orderBy(passwordResets.createdAt));
  await tokenOf(member, admin);
  const token = await tokenOf(member, admin);
  await world.auth.resetPassword(token, NEW);
  const open = await tokenOf(member, admin);
  await world.auth.changePassword({ ...member, role: 'member', name: 'x' }, NEW, PASSWORD);
  await expect(world.auth.readPasswordReset(open)).resolves.toBeNull();
  expect((await rows()).map(({ usedAt }) => usedAt !== null)).toEqual([false, true, false]);
});
