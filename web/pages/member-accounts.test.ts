import { and, eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newId } from '#core/ids.ts';
import type { Role } from '#core/roles.ts';
import { auditLog, identities, members, slackInstallations, slackPeople, tenants } from '#db/schema/index.ts';
import { claimTelling } from '#db/slack-people.ts';
import { idleClient } from '#test/web/client.ts';
import { postForm } from '#test/web/story.ts';
import { addOrg, addPerson, cookieOf, createWorld, inOrg, PASSWORD, type Person, type World } from '#test/web/world.ts';

type Visitor = Person & { cookie: string };
const TENANT = 'T0LEFT';
let world: World;
let orgId: string;
let owner: Visitor;
let admin: Visitor;
/** Whoever left, and their Slack account. */
let left: Person;
let account: { id: string; externalId: string };

const visitor = async (role: Role, of = orgId): Promise<Visitor> => {
  const person = await addPerson(world, of, role, PASSWORD);
  return { ...person, cookie: await cookieOf(world, person.email) };
};
const open = (path: string, { cookie }: Visitor) => world.call(path, { headers: { cookie } });
const unlink = (memberId: string, by: Visitor, id = account.id) =>
  postForm(world, by.cookie, `/members/${memberId}/accounts/${id}/unlink`, {});
const flat = (text: string): string => text.replaceAll(/\s+/g, ' ');
const isLinked = async (externalId = account.externalId): Promise<boolean> => {
  const found = await inOrg(world, orgId, ({ tx }) =>
    tx.select().from(identities).where(eq(identities.externalId, externalId)),
  );
  return found.length > 0;
};
const linkTo = async (memberId: string): Promise<typeof account> => {
  const externalId = `U0${newId().slice(-8).toUpperCase()}`;
  const known = { isBot: false, isGuest: false, isStranger: false, isDeactivated: false, fetchedAt: new Date() };
  const id = newId();
  await inOrg(world, orgId, async ({ tx }) => {
    await tx.insert(slackPeople).values({ ...known, orgId, tenant: TENANT, externalId, name: 'Cy <Slack>' });
    await tx.insert(identities).values({ id, orgId, memberId, platform: 'slack', tenant: TENANT, externalId });
  });
  return { id, externalId };
};

beforeAll(async () => {
  world = await createWorld(idleClient());
  ({ orgId } = await addOrg(world));
  owner = await visitor('owner');
  admin = await visitor('admin');
  await inOrg(world, orgId, async ({ tx }) => {
    await tx.insert(tenants).values({ orgId, platform: 'slack', tenant: TENANT });
    const workspace = { orgId, tenant: TENANT, teamName: 'Acme & Sons', botUserId: 'U0BOT', source: 'oauth' } as const;
    await tx.insert(slackInstallations).values({ ...workspace, updatedAt: new Date() });
  });
});
afterAll(() => world.drop());
beforeEach(async () => {
  left = await addPerson(world, orgId, 'member');
  account = await linkTo(left.memberId);
  await inOrg(world, orgId, ({ tx }) =>
    tx.update(members).set({ status: 'deactivated' }).where(eq(members.id, left.memberId)),
  );
});

test('an admin sees the Slack account of a deactivated member and unlinks it, and that is audited', async () => {
  const path = `/members/${left.memberId}/accounts`;
  expect((await open('/members', admin)).text).toContain(`href="${path}"`);
  const page = await open(path, admin);
  for (const text of ['Cy &lt;Slack&gt;', 'Acme &amp; Sons', 'deactivated', 'Nobody is heard'])
    expect(flat(page.text)).toContain(text);
  // They were told today that their access is off: what is true from now on, they have not been told.
  const whom = { tenant: TENANT, externalId: account.externalId };
  expect(await inOrg(world, orgId, (org) => claimTelling(org, whom))).toBe(true);
  const done = await unlink(left.memberId, admin);
  expect([done.status, flat(done.text)]).toEqual([200, expect.stringContaining('Unlinked')]);
  expect(done.text).not.toContain('Cy &lt;Slack&gt;');
  expect(await isLinked()).toBe(false);
  expect(await inOrg(world, orgId, (org) => claimTelling(org, whom))).toBe(true);
  expect((await open('/members', admin)).text).not.toContain(`href="${path}"`);
  const rows = await inOrg(world, orgId, ({ tx }) =>
    tx
      .select()
      .from(auditLog)
      .where(and(eq(auditLog.action, 'identity.unlinked'), eq(auditLog.targetId, left.memberId))),
  );
  expect(rows.map(({ actor, details }) => [actor, JSON.parse(details)])).toEqual([
    [`member:${admin.memberId}`, { platform: 'slack', tenant: TENANT, externalId: account.externalId, how: 'admin' }],
  ]);
  expect(flat((await open('/audit', admin)).text)).toContain('unlinked a chat account of');
  expect((await unlink(left.memberId, admin)).status).toBe(404);
});

test('D2 members, viewers, strangers and whoever is signed out see and unlink nothing', async () => {
  const stranger = await visitor('owner', (await addOrg(world, 'Other')).orgId);
  const path = `/members/${left.memberId}/accounts`;
  for (const [who, status] of [
    [await visitor('member'), 403],
    [await visitor('viewer'), 403],
    [stranger, 404],
    [{ ...admin, cookie: '' }, 303],
  ] as const) {
    expect((await open(path, who)).status).toBe(status);
    expect((await unlink(left.memberId, who)).status).toBe(status);
  }
  expect((await open('/members', await visitor('member'))).text).not.toContain(path);
  expect(await isLinked()).toBe(true);
});

test('an account is unlinked from its own member only, and an owner’s by an owner only', async () => {
  expect((await unlink(admin.memberId, admin)).status).toBe(404);
  const theirs = await linkTo(owner.memberId);
  expect((await open(`/members/${owner.memberId}/accounts`, admin)).status).toBe(403);
  expect((await unlink(owner.memberId, admin, theirs.id)).status).toBe(403);
  expect([await isLinked(), await isLinked(theirs.externalId)]).toEqual([true, true]);
  expect((await unlink(owner.memberId, owner, theirs.id)).status).toBe(200);
  expect(await isLinked(theirs.externalId)).toBe(false);
});

test('another site unlinks nothing in an admin’s name', async () => {
  const path = `/members/${left.memberId}/accounts/${account.id}/unlink`;
  const forged = await postForm(world, admin.cookie, path, {}, { origin: 'https://evil.example' });
  expect(forged.status).toBe(403);
  expect(await isLinked()).toBe(true);
});
