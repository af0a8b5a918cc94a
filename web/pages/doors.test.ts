import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStoryWorld, postForm } from '#test/web/story.ts';
import { addOrg, addPerson, cookieOf, PASSWORD, type Person, type World } from '#test/web/world.ts';
import { safeNext } from './doors.ts';

let world: World;
let admin: Person;
beforeAll(async () => {
  world = await createStoryWorld();
  const { orgId } = await addOrg(world);
  admin = await addPerson(world, orgId, 'admin', PASSWORD);
});
afterAll(() => world.drop());
const SAME = { 'sec-fetch-site': 'same-origin' };
const signIn = (email: string, password: string, next = '/') =>
  postForm(world, '', '/sign-in', { email, password, next }, SAME);

test('sign-in goes on to the page that was wanted, but never to another site', async () => {
  const answer = await signIn(admin.email, PASSWORD, '/runs?cursor=x');
  expect([answer.status, answer.headers.get('location')]).toEqual([303, '/runs?cursor=x']);
  for (const next of ['https://evil.example', '//evil.example', '/\\evil.example', 'javascript:alert(1)', '/a\nb', ''])
    expect(safeNext(next)).toBe('/');
});

test('a wrong password says so, keeps the address, and after ten tries says how long to wait', async () => {
  const { email } = await addPerson(world, admin.orgId, 'member', PASSWORD);
  const wrong = await signIn(email, 'not it');
  expect([wrong.status, wrong.text]).toEqual([401, expect.stringContaining('E-mail or password is wrong.')]);
  expect(wrong.text).toContain(`value="${email}"`);
  for (let i = 0; i < 10; i += 1) await signIn(email, 'not it');
  const limited = await signIn(email, PASSWORD);
  expect([limited.status, limited.text]).toEqual([429, expect.stringMatching(/Wait \d+ seconds/)]);
  expect(limited.headers.get('retry-after')).toMatch(/^\d+$/);
});

test('an invitation link is shown once, asks for a password, and signs in; used, it is over', async () => {
  const cookie = await cookieOf(world, admin.email);
  const invited = await postForm(world, cookie, '/members', {
    name: 'Cleo',
    email: 'Cleo@example.test',
    role: 'member',
  });
  const path = new URL(/value="([^"]+\/invite\/[^"]+)"/.exec(invited.text)?.[1] ?? '').pathname;
  expect((await world.call('/members', { headers: { cookie } })).text).not.toContain('/invite/');
  expect((await world.call(path)).text).toContain('Welcome, Cleo');
  const short = await postForm(world, '', path, { password: 'short' }, SAME);
  expect([short.status, short.text]).toEqual([422, expect.stringMatching(/role="alert"[^]*8/)]);
  const joined = await postForm(world, '', path, { password: 'long enough now' }, SAME);
  expect([joined.status, joined.headers.get('location')]).toEqual([303, '/']);
  const session = joined.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  expect((await world.call('/', { headers: { cookie: session } })).status).toBe(200);
  expect((await world.call(path)).status).toBe(410);
  const out = await postForm(world, session, '/sign-out', {});
  expect(out.headers.get('location')).toBe('/sign-in');
  expect((await world.call('/', { headers: { cookie: session } })).status).toBe(303);
});

test('the page of a reset link says that API keys stay', async () => {
  const member = await addPerson(world, admin.orgId, 'member', PASSWORD);
  const { json } = await world.call(`/api/v1/members/${member.memberId}/password-reset`, { method: 'POST', as: admin });
  const path = new URL(json.url).pathname;
  expect((await world.call(path)).text).toContain('API keys go on working');
  expect((await postForm(world, '', path, { password: 'long enough now' }, SAME)).status).toBe(303);
  expect((await world.call('/api/v1/runs', { as: member })).status).toBe(200);
});

test('roles change from the list, and a problem keeps what was typed', async () => {
  const cookie = await cookieOf(world, admin.email);
  const { memberId } = await addPerson(world, admin.orgId, 'member', PASSWORD);
  expect((await postForm(world, cookie, `/members/${memberId}`, { role: 'viewer' })).text).toContain('is now viewer.');
  expect((await postForm(world, cookie, `/members/${memberId}`, { status: 'deactivated' })).text).toContain(
    'is deactivated.',
  );
  expect((await postForm(world, cookie, `/members/${memberId}`, { role: 'owner' })).status).toBe(403);
  const wrong = await postForm(world, cookie, '/members', { name: 'Dora', email: 'not an address', role: 'admin' });
  expect([wrong.status, wrong.text]).toEqual([422, expect.stringContaining('is not an address')]);
  expect(wrong.text).toContain('value="Dora"');
  expect(wrong.text).toContain('<option selected>admin</option>');
  const member = await addPerson(world, admin.orgId, 'member', PASSWORD);
  const theirs = await cookieOf(world, member.email);
  expect(
    (await postForm(world, theirs, '/members', { name: 'E', email: 'e@example.test', role: 'owner' })).status,
  ).toBe(403);
});
