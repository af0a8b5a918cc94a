import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '#core/ids.ts';
import { apiKeys, auditLog, session } from '#db/schema/index.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, addPerson, cookieOf, createWorld, inOrg, PASSWORD, type Person, type World } from '#test/web/world.ts';

let world: World;
let owner: Person;
beforeAll(async () => {
  world = await createWorld(idleClient());
  owner = await addOrg(world);
});
afterAll(() => world.drop());

const me = async (headers: Record<string, string>) => (await world.call('/api/v1/runs', { headers })).status;
const member = () => addPerson(world, owner.orgId, 'member', PASSWORD);

test('somebody signs in, is known by the cookie, and signs out for good', async () => {
  const person = await member();
  const signedIn = await world.auth.signIn(` ${person.email.toUpperCase()} `, PASSWORD, new Headers());
  if (signedIn.kind !== 'signed_in') throw new Error(signedIn.text);
  expect(signedIn.cookies).toEqual([
    expect.stringMatching(/^abw_session=[^;]+; Max-Age=604800; Path=\/; HttpOnly; SameSite=Lax$/),
  ]);
  const cookie = signedIn.cookies[0]?.split(';')[0] ?? '';
  expect(await me({ cookie })).toBe(200);
  const { cookies } = await world.auth.signOut(new Headers({ cookie }));
  expect(cookies.join()).toContain('Max-Age=0');
  expect(await me({ cookie })).toBe(401);
});

test('behind https the cookie is Secure and bound to the host, and strict transport is asked for', async () => {
  const https = await createWorld(idleClient(), { PUBLIC_URL: 'https://abw.example.test' });
  try {
    const { orgId } = await addOrg(https);
    const person = await addPerson(https, orgId, 'member', PASSWORD);
    const signedIn = await https.auth.signIn(person.email, PASSWORD, new Headers());
    if (signedIn.kind !== 'signed_in') throw new Error(signedIn.text);
    expect(signedIn.cookies[0]).toMatch(
      /^__Host-abw_session=[^;]+; Max-Age=604800; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
    const answer = await https.call('/api/v1/runs', { headers: { cookie: await cookieOf(https, person.email) } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('strict-transport-security')).toContain('max-age');
  } finally {
    await https.drop();
  }
});

test('a cookie that was changed, or made with another secret, is nobody', async () => {
  const { email } = await member();
  const cookie = await cookieOf(world, email);
  const [token] = cookie.split('.');
  expect(await me({ cookie: `${cookie}x` })).toBe(401);
  expect(await me({ cookie: `${token}.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D` })).toBe(401);
  expect(await me({ cookie: token ?? '' })).toBe(401);
});

test('a deactivated member is signed out at once, cannot sign in, and their key is dead', async () => {
  const person = await member();
  const cookie = await cookieOf(world, person.email);
  const { status } = await world.call(`/api/v1/members/${person.memberId}`, {
    method: 'PATCH',
    as: owner,
    body: { status: 'deactivated' },
  });
  expect(status).toBe(200);
  expect(await me({ cookie })).toBe(401);
  expect(await me({ authorization: `Bearer ${person.key}` })).toBe(401);
  await expect(world.auth.signIn(person.email, PASSWORD, new Headers())).resolves.toMatchObject({
    kind: 'refused',
    status: 401,
  });
});

test('a session of a member deactivated behind our back is nobody, since status is re-read', async () => {
  const person = await member();
  const cookie = await cookieOf(world, person.email);
  const { members } = await import('#db/schema/index.ts');
  await inOrg(world, owner.orgId, ({ tx }) =>
    tx.update(members).set({ status: 'deactivated' }).where(eq(members.id, person.memberId)),
  );
  expect(await me({ cookie })).toBe(401);
  expect(await me({ authorization: `Bearer ${person.key}` })).toBe(401);
});

test('a role taken away counts from the next request on', async () => {
  const person = await addPerson(world, owner.orgId, 'admin', PASSWORD);
  const cookie = await cookieOf(world, person.email);
  const look = async () => (await world.call('/api/v1/audit', { headers: { cookie } })).status;
  expect(await look()).toBe(200);
  await world.call(`/api/v1/members/${person.memberId}`, { method: 'PATCH', as: owner, body: { role: 'viewer' } });
  expect(await look()).toBe(403);
});

test('200 guesses at one account: ten are looked at, also when they come at once', async () => {
  const { email } = await member();
  const guesses = Array.from({ length: 200 }, (_, i) =>
    world.auth.signIn(email, `guess number ${i}`, new Headers(), `10.0.0.${i}`),
  );
  const answers = await Promise.all(guesses);
  expect(answers.filter((one) => one.kind === 'refused' && one.status === 401)).toHaveLength(10);
  expect(answers.filter((one) => one.kind === 'refused' && one.status === 429)).toHaveLength(190);
  await expect(world.auth.signIn(email, PASSWORD, new Headers())).resolves.toMatchObject({ status: 429 });
});

test('guesses at an unknown account are counted and answered in the same words', async () => {
  const { email } = await member();
  const [known, unknown] = [
    await world.auth.signIn(email, 'not the password', new Headers()),
    await world.auth.signIn(`nobody.${newId()}@example.test`, 'not the password', new Headers()),
  ];
  expect(known).toEqual(unknown);
  const ghost = `ghost.${newId()}@example.test`;
  for (let i = 0; i < 10; i += 1) await world.auth.signIn(ghost, 'guess', new Headers());
  await expect(world.auth.signIn(ghost, 'guess', new Headers())).resolves.toMatchObject({ status: 429 });
});

test('signing in often with the right password is no attack', async () => {
  const { email } = await member();
  const cookies: string[] = [];
  for (let i = 0; i < 12; i += 1) cookies.push(await cookieOf(world, email));
  expect(new Set(cookies).size).toBe(12);
});

test('text that no database can hold is a wrong password, not an error', async () => {
  await expect(world.auth.signIn('a\u0000@b.c', 'x', new Headers())).resolves.toMatchObject({ status: 401 });
  await expect(world.auth.signIn('a@b.c', '\ud800', new Headers())).resolves.toMatchObject({ status: 401 });
  await expect(world.auth.signIn('no address', 'x'.repeat(5000), new Headers())).resolves.toMatchObject({
    status: 401,
  });
});

test('a changed password ends every session, and the old one no longer works', async () => {
  const person = await member();
  const cookie = await cookieOf(world, person.email);
  const actor = { ...person, role: 'member', name: 'x' } as const;
  await expect(world.auth.changePassword(actor, 'wrong password', 'a new password')).rejects.toMatchObject({
    status: 422,
    field: 'current',
  });
  await expect(world.auth.changePassword(actor, PASSWORD, 'short')).rejects.toMatchObject({
    status: 422,
    field: 'password',
  });
  expect(await me({ cookie })).toBe(200);
  await world.auth.changePassword(actor, PASSWORD, 'a new password');
  expect(await me({ cookie })).toBe(401);
  await expect(world.auth.signIn(person.email, PASSWORD, new Headers())).resolves.toMatchObject({ status: 401 });
  await expect(world.auth.signIn(person.email, 'a new password', new Headers())).resolves.toMatchObject({
    kind: 'signed_in',
  });
});

test.each([
  ['Authorization', (key: string) => ({ authorization: `Bearer ${key}` })],
  ['lower-case bearer', (key: string) => ({ authorization: `bearer ${key}` })],
  ['X-API-Key', (key: string) => ({ 'x-api-key': key })],
])('an API key is taken from %s', async (_, headers) => {
  expect(await me(headers(owner.key))).toBe(200);
});

test('a wrong, changed or revoked key is 401, and a good cookie beside it does not help', async () => {
  const person = await member();
  const cookie = await cookieOf(world, person.email);
  for (const key of [
    'abw_0123456789abcdef',
    `${person.key}x`,
    person.key.slice(0, -1),
    'nonsense',
    "abw_' or 1=1 --",
  ]) {
    const answer = await world.call('/api/v1/runs', { headers: { authorization: `Bearer ${key}`, cookie } });
    expect([key, answer.status]).toEqual([key, 401]);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect(answer.json.detail).toContain('unknown or was revoked');
  }
  const { json } = await world.call('/api/v1/api-keys', { as: person });
  expect((await world.call(`/api/v1/api-keys/${json.items[0].id}`, { method: 'DELETE', as: person })).status).toBe(204);
  expect(await me({ authorization: `Bearer ${person.key}` })).toBe(401);
});

test('a key is stored as its hash, shows its beginning, and notes its use at most once a minute', async () => {
  const { json } = await world.call('/api/v1/api-keys', { as: owner, body: { name: 'ci' } });
  expect(json.key).toMatch(/^abw_[0-9a-f]{8}_[A-Za-z0-9_-]{43}$/);
  const read = () =>
    inOrg(world, owner.orgId, async ({ tx }) => (await tx.select().from(apiKeys).where(eq(apiKeys.id, json.id)))[0]);
  expect(JSON.stringify(await read())).not.toContain(json.key.slice(13));
  expect((await read())?.prefix).toBe(json.key.slice(0, 12));
  await me({ 'x-api-key': json.key });
  const used = (await read())?.lastUsedAt;
  expect(used).toBeInstanceOf(Date);
  await me({ 'x-api-key': json.key });
  expect((await read())?.lastUsedAt).toEqual(used);
});

test('sessions, sign-ins and keys leave audit rows without secrets', async () => {
  const person = await member();
  await cookieOf(world, person.email);
  const rows = await inOrg(world, owner.orgId, ({ tx }) => tx.select().from(auditLog));
  expect(rows.map(({ action }) => action)).toEqual(
    expect.arrayContaining(['member.signed_in', 'api_key.created', 'member.password_changed']),
  );
  expect(JSON.stringify(rows)).not.toMatch(/abw_|@example|horse/);
});

test('better-auth has no endpoint that can be reached from outside, and no sign-up from inside', async () => {
  for (const path of [
    '/api/auth/sign-up/email',
    '/api/auth/sign-in/email',
    '/not-mounted/sign-up/email',
    '/not-mounted/get-session',
  ]) {
    expect((await world.call(path, { body: { email: 'a@b.test', password: PASSWORD, name: 'x' } })).status).toBe(404);
  }
  const { createBetterAuth } = await import('./better-auth.ts');
  const signUp = createBetterAuth(world.deps).api.signUpEmail({
    body: { email: 'a@b.test', password: PASSWORD, name: 'x' },
  });
  await expect(signUp).rejects.toMatchObject({ statusCode: 400 });
});

test('an expired session is nobody', async () => {
  const person = await member();
  const cookie = await cookieOf(world, person.email);
  await world.deps.db.global.update(session).set({ expiresAt: new Date(Date.now() - 1) });
  expect(await me({ cookie })).toBe(401);
});
