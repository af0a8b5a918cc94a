import { afterAll, beforeAll, expect, test } from 'vitest';
import { idleClient } from '#test/web/client.ts';
import { addOrg, addPerson, cookieOf, createWorld, PASSWORD, type Person, type World } from '#test/web/world.ts';

let world: World;
let person: Person;
let cookie: string;
beforeAll(async () => {
  world = await createWorld(idleClient());
  person = await addPerson(world, (await addOrg(world)).orgId, 'member', PASSWORD);
  cookie = await cookieOf(world, person.email);
});
afterAll(() => world.drop());

const ask = async (headers: Record<string, string>) =>
  (await world.call('/api/v1/requests', { body: { text: 'hello' }, headers })).status;

test.each([
  ['our own origin', { origin: 'http://127.0.0.1:3000' }, 202],
  ['localhost, typed instead of 127.0.0.1', { origin: 'http://localhost:3000', host: 'localhost:3000' }, 202],
  ['the same origin by Fetch Metadata', { 'sec-fetch-site': 'same-origin' }, 202],
  ['another site', { origin: 'https://evil.test' }, 403],
  ['another site that names us as Host', { origin: 'https://evil.test', host: 'evil.test' }, 403],
  ['another port of this machine', { origin: 'http://localhost:9999', host: 'localhost:3000' }, 403],
  ['a look-alike', { origin: 'http://127.0.0.1:3000.evil.test' }, 403],
  ['an opaque origin', { origin: 'null' }, 403],
  ['a sibling site', { 'sec-fetch-site': 'same-site' }, 403],
  ['cross-site by Fetch Metadata', { 'sec-fetch-site': 'cross-site' }, 403],
  ['nothing that says where it comes from', {}, 403],
])('a write with a cookie from %s', async (_, headers, status) => {
  expect(await ask({ cookie, ...headers })).toBe(status);
});

test('an API key needs no origin: no site can make a browser send one', async () => {
  expect(await ask({ authorization: `Bearer ${person.key}` })).toBe(202);
  expect(await ask({ authorization: `Bearer ${person.key}`, origin: 'https://evil.test' })).toBe(202);
});

test('a sign-in form on another site cannot sign somebody in here', async () => {
  const answer = await world.call('/api/v1/invitations/accept', { body: {}, headers: { origin: 'https://evil.test' } });
  expect(answer.status).toBe(403);
});

test('with PUBLIC_URL set, loopback origins are strangers too', async () => {
  const hosted = await createWorld(idleClient(), { PUBLIC_URL: 'https://abw.example.test/' });
  try {
    const accept = async (origin: string, host: string) =>
      (
        await hosted.call('/api/v1/invitations/accept', {
          body: { token: 'x', password: 'y' },
          headers: { origin, host },
        })
      ).status;
    expect(await accept('https://abw.example.test', 'abw.example.test')).toBe(404);
    expect(await accept('http://localhost:3000', 'localhost:3000')).toBe(403);
    expect(await accept('http://abw.example.test', 'abw.example.test')).toBe(403);
  } finally {
    await hosted.drop();
  }
});
