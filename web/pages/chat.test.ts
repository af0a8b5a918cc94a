import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '#core/ids.ts';
import { addStory, createStoryWorld, postForm } from '#test/web/story.ts';
import { addOrg, addPerson, cookieOf, PASSWORD, type Person, type World } from '#test/web/world.ts';

let world: World;
let member: Person;
let cookie: string;
beforeAll(async () => {
  world = await createStoryWorld();
  const { orgId } = await addOrg(world);
  member = await addPerson(world, orgId, 'member', PASSWORD);
  cookie = await cookieOf(world, member.email);
});
afterAll(() => world.drop());

const HTMX = { 'hx-request': 'true' };
const said = async (path: string): Promise<string[]> =>
  [...(await world.call(path, { headers: { cookie } })).text.matchAll(/<div class="said">([^<]*)<\/div>/g)].map(
    ([, text]) => text ?? '',
  );

test('a question opens a thread with its run under way, and a double click is one', async () => {
  const key = newId();
  const first = await postForm(world, cookie, '/threads', { key, text: 'Post invoice INV-77' });
  const path = first.headers.get('location') ?? '';
  expect([first.status, path]).toEqual([303, expect.stringMatching(/^\/threads\/[0-9a-f-]{36}$/)]);
  const again = await postForm(world, cookie, '/threads', { key, text: 'Post invoice INV-77' });
  expect(again.headers.get('location')).toBe(path);
  expect(await said(path)).toEqual(['Post invoice INV-77']);
  const { text } = await world.call(path, { headers: { cookie } });
  expect(text).toContain('Starting');
  expect(text).toContain('>Stop</button>');
});

test('a reply is stored once however often it is sent, and htmx gets a fresh box back', async () => {
  const { threadId } = await addStory(world, member, { end: 'done' });
  const key = newId();
  const answer = await postForm(world, cookie, `/threads/${threadId}/messages`, { key, text: 'And INV-78' }, HTMX);
  expect(answer.text).toContain('id="composer"');
  expect(answer.text).not.toContain(key);
  await postForm(world, cookie, `/threads/${threadId}/messages`, { key, text: 'And INV-78' });
  expect((await said(`/threads/${threadId}`)).filter((text) => text === 'And INV-78')).toHaveLength(1);
});

test('what is refused comes back with the reason, and what was typed is still there', async () => {
  const long = 'x'.repeat(20_001);
  const refused = await postForm(world, cookie, '/threads', { key: newId(), text: long });
  expect(refused.status).toBe(422);
  expect(refused.text).toContain('Shorten it and send it again.');
  expect(refused.text).toContain(long);
  expect((await postForm(world, cookie, '/threads', { text: 'no key' })).status).toBe(422);
});

test('D3 a thread that a key began says who else reads it; one of the chat does not', async () => {
  const { json } = await world.call('/api/v1/requests', { as: member, body: { text: 'count the pelicans' } });
  const page = async (id: string) => (await world.call(`/threads/${id}`, { headers: { cookie } })).text;
  expect(await page(json.threadId)).toContain('owners and admins can read it');
  expect(await page((await addStory(world, member)).threadId)).not.toContain('owners and admins can read it');
});

test('R5 Stop is a button of the thread, and the page says that it is stopping', async () => {
  const { threadId, runId } = await addStory(world, member);
  expect((await postForm(world, cookie, `/runs/${runId}/stop`, {}, HTMX)).status).toBe(204);
  expect((await world.call(`/threads/${threadId}`, { headers: { cookie } })).text).toContain('Stopping');
});

test('D3 nobody writes into the thread of somebody else', async () => {
  const admin = await addPerson(world, member.orgId, 'admin', PASSWORD);
  const { threadId } = await addStory(world, member, { end: 'done' });
  const other = await cookieOf(world, admin.email);
  expect((await postForm(world, other, `/threads/${threadId}/messages`, { key: newId(), text: 'hello' })).status).toBe(
    404,
  );
  expect(await said(`/threads/${threadId}`)).not.toContain('hello');
});

test('E8 the answer shows its receipt and suggestions, and links only to hosts of the list', async () => {
  const { threadId } = await addStory(world, member, { end: 'done' });
  const { text } = await world.call(`/threads/${threadId}`, { headers: { cookie } });
  expect(text).toContain('Done: Create invoice INV-77 in ERP (POST /invoices) · id 42');
  expect(text).toContain('Acme (https://erp.example.com/invoices/42)');
  expect(text).toMatch(/<button name="text" value="Send it to Acme">/);
});
