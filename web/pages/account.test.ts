import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { apiKeys, auditLog, session } from '#db/schema/index.ts';
import { createStoryWorld, postForm } from '#test/web/story.ts';
import { addOrg, addPerson, cookieOf, inOrg, PASSWORD, type Person, type World } from '#test/web/world.ts';

let world: World;
let orgId: string;
beforeAll(async () => {
  world = await createStoryWorld();
  ({ orgId } = await addOrg(world));
});
afterAll(() => world.drop());

const somebody = async (role: 'admin' | 'member' | 'viewer' = 'member'): Promise<Person & { cookie: string }> => {
  const person = await addPerson(world, orgId, role, PASSWORD);
  return { ...person, cookie: await cookieOf(world, person.email) };
};
const open = (path: string, cookie: string) => world.call(path, { headers: { cookie } });
const flat = (text: string): string => text.replaceAll(/\s+/g, ' ');

test('a key is made with a scope, shown once, does what its scope says, and is revoked for ever', async () => {
  const me = await somebody();
  const made = await postForm(world, me.cookie, '/account/keys', { name: 'Nightly "report"', scope: 'ask' });
  const key = /value="(abw_[^"]+)"/.exec(made.text)?.[1] ?? '';
  expect(key).toMatch(/^abw_/);
  const page = await open('/account', me.cookie);
  expect(page.text).toContain('Nightly &quot;report&quot;');
  expect(page.text).toContain(key.slice(0, 12));
  expect(page.text).not.toContain(key.slice(0, 16));
  expect((await world.call('/api/v1/requests', { as: key, body: { text: 'hello' } })).status).toBe(202);
  expect((await world.call('/api/v1/runs', { as: key })).status).toBe(200);
  for (const path of ['/api/v1/approvals', '/api/v1/members', '/api/v1/api-keys'])
    expect([path, (await world.call(path, { as: key })).status]).toEqual([path, 403]);
  expect((await world.call('/api/v1/api-keys', { as: key, body: { name: 'more', scope: 'full' } })).status).toBe(403);
  const [row] = await inOrg(world, orgId, ({ tx }) =>
    tx
      .select()
      .from(apiKeys)
      .where(eq(apiKeys.prefix, key.slice(0, 12))),
  );
  await postForm(world, me.cookie, `/account/keys/${row?.id}/revoke`, {});
  expect((await world.call('/api/v1/runs', { as: key })).status).toBe(401);
  expect((await open('/account', me.cookie)).text).not.toContain(key.slice(0, 12));
});

test('D4 a key that asks sees its member’s requests only, also an admin’s, and stops nobody else’s', async () => {
  const [admin, member] = [await somebody('admin'), await somebody()];
  const asked = await world.call('/api/v1/requests', { as: member, body: { text: 'mine' } });
  const { json } = await world.call('/api/v1/api-keys', { as: admin, body: { name: 'asks', scope: 'ask' } });
  expect((await world.call(`/api/v1/runs/${asked.json.runId}`, { as: admin })).status).toBe(200);
  expect((await world.call(`/api/v1/runs/${asked.json.runId}`, { as: json.key })).status).toBe(404);
  expect((await world.call(`/api/v1/runs/${asked.json.runId}/stop`, { method: 'POST', as: json.key })).status).toBe(
    404,
  );
});

test('an unknown scope or an empty name makes no key', async () => {
  const me = await somebody('viewer');
  const wrong = await postForm(world, me.cookie, '/account/keys', { name: ' ', scope: 'full' });
  expect([wrong.status, flat(wrong.text)]).toEqual([422, expect.stringContaining('Name: must be 1 to 100')]);
  expect((await postForm(world, me.cookie, '/account/keys', { name: 'x', scope: 'root' })).status).toBe(422);
});

test('nobody revokes a colleague’s key from their account, nor ends a colleague’s session', async () => {
  const [me, other] = [await somebody(), await somebody()];
  const { json } = await world.call('/api/v1/api-keys', { as: other });
  expect((await postForm(world, me.cookie, `/account/keys/${json.items[0].id}/revoke`, {})).status).toBe(404);
  expect((await world.call('/api/v1/runs', { as: other })).status).toBe(200);
  const theirs = await world.auth.ownSessions({ ...other, role: 'member', name: 'x' }, new Headers());
  expect(theirs).toHaveLength(1);
  expect((await postForm(world, me.cookie, `/account/sessions/${theirs[0]?.id}/end`, {})).status).toBe(404);
  expect((await open('/account', other.cookie)).status).toBe(200);
});

test('the password changes only with the current one, and other sessions end while this one stays', async () => {
  const me = await somebody();
  const elsewhere = await cookieOf(world, me.email);
  const wrong = await postForm(world, me.cookie, '/account/password', { current: 'no', password: 'a new password' });
  expect([wrong.status, flat(wrong.text)]).toEqual([422, expect.stringContaining('not your current password')]);
  const short = await postForm(world, me.cookie, '/account/password', { current: PASSWORD, password: 'short' });
  expect([short.status, flat(short.text)]).toEqual([422, expect.stringContaining('at least 8 characters')]);
  const changed = await postForm(world, me.cookie, '/account/password', {
    current: PASSWORD,
    password: 'a new password',
  });
  expect([changed.status, flat(changed.text)]).toEqual([200, expect.stringContaining('Your password is changed')]);
  expect((await open('/account', me.cookie)).status).toBe(200);
  expect((await open('/account', elsewhere)).status).toBe(303);
  await cookieOf(world, me.email, 'a new password');
});

test('sessions are listed with device and last use; one is ended, then all', async () => {
  const me = await somebody();
  const agent = 'Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/140.0';
  const signed = await world.auth.signIn(me.email, PASSWORD, new Headers({ 'user-agent': agent }));
  const elsewhere = signed.kind === 'signed_in' ? (signed.cookies[0]?.split(';')[0] ?? '') : '';
  const page = await open('/account', me.cookie);
  expect(page.text).toContain('Firefox on Windows');
  expect(page.text.match(/this one/g)).toHaveLength(1);
  const id = /\/account\/sessions\/([^/]+)\/end/.exec(page.text)?.[1] ?? '';
  await postForm(world, me.cookie, `/account/sessions/${id}/end`, {});
  expect((await open('/account', elsewhere)).status).toBe(303);
  const gone = await postForm(world, me.cookie, '/account/sign-out', {});
  expect([gone.status, gone.headers.get('location')]).toEqual([303, '/sign-in']);
  expect((await open('/account', me.cookie)).status).toBe(303);
  const rows = await inOrg(world, orgId, ({ tx }) => tx.select().from(auditLog));
  expect(
    rows.filter(({ action, targetId }) => action === 'member.signed_out' && targetId === me.memberId),
  ).toHaveLength(2);
});

test('a session’s last use is noted, at most once a minute', async () => {
  const me = await somebody();
  const old = new Date(Date.now() - 3_600_000);
  await world.deps.db.global.update(session).set({ updatedAt: old });
  const seen = async () =>
    (await world.auth.ownSessions({ ...me, role: 'member', name: 'x' }, new Headers()))[0]?.seenAt;
  expect(await seen()).toEqual(old);
  await open('/account', me.cookie);
  const noted = await seen();
  expect(noted?.getTime()).toBeGreaterThan(Date.now() - 30_000);
  await open('/account', me.cookie);
  expect(await seen()).toEqual(noted);
});
