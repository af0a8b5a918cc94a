import { afterAll, beforeAll, expect, test } from 'vitest';
import { addStory, createStoryWorld, type Story } from '#test/web/story.ts';
import { addOrg, addPerson, type Person, type World } from '#test/web/world.ts';

const SECRET = 'the quarterly salaries';
let world: World;
let admin: Person;
let member: Person;
let peer: Person;
let done: Story;
let waiting: Story;
beforeAll(async () => {
  world = await createStoryWorld();
  const { orgId } = await addOrg(world);
  admin = await addPerson(world, orgId, 'admin');
  member = await addPerson(world, orgId, 'member');
  peer = await addPerson(world, orgId, 'member');
  done = await addStory(world, member, { text: SECRET, end: 'done' });
  waiting = await addStory(world, member);
  await addStory(world, admin, { end: 'ambiguous' });
});
afterAll(() => world.drop());

const get = (path: string, as: Person) => world.call(`/api/v1${path}`, { as });
const runIds = async (query: string, as: Person): Promise<string[]> =>
  (await get(`/runs?${query}`, as)).json.items.map(({ id }: { id: string }) => id);

test('runs are filtered by status, person, place and day, and searched by the words of their request', async () => {
  const today = new Date().toISOString().slice(0, 10);
  expect(await runIds('status=done', admin)).toEqual([done.runId]);
  expect(await runIds(`requestedBy=${member.memberId}&status=waiting`, admin)).toEqual([waiting.runId]);
  expect(await runIds('platform=discord', admin)).toEqual([]);
  expect(await runIds(`platform=web&from=2020-01-01&to=${today}`, admin)).toHaveLength(3);
  expect(await runIds('to=2020-01-01', admin)).toEqual([]);
  expect(await runIds('q=salaries', member)).toEqual([done.runId]);
  expect(await runIds(`requestedBy=${member.memberId}`, peer)).toEqual([]);
  expect((await get('/runs?q=%00', admin)).status).toBe(422);
});

test('a run says what it cost in nano-dollars, unknown as null, and how long it took', async () => {
  const { json } = await get(`/runs/${done.runId}`, member);
  expect(json).toMatchObject({ costNanos: null, costUsd: null, platform: 'web', againOf: null, durationMs: 45_000 });
});

test('D3 an admin decides and follows a member’s private request without its words, on every route', async () => {
  const list = await get('/runs?limit=100', admin);
  const run = await get(`/runs/${done.runId}`, admin);
  const threads = await get('/threads?limit=100', admin);
  const messages = await get(`/threads/${done.threadId}/messages`, admin);
  for (const { text } of [list, run, threads, messages]) expect(text).not.toContain(SECRET);
  expect(run.json).toMatchObject({ text: null, status: 'done', requestedBy: member.memberId });
  expect(run.json.approvals[0].payload.arguments.customer).toBe('Acme GmbH');
  expect(run.json.effects[0]).toMatchObject({ state: 'confirmed', receipt: '{"id":42}', externalId: '42' });
  expect(messages.status).toBe(403);
  expect(threads.json.items.some(({ title }: { title: string }) => title === 'Private thread')).toBe(true);
  expect(await runIds('q=salaries', admin)).toEqual([]);
  expect((await get(`/runs/${done.runId}`, member)).json.text).toBe(SECRET);
});

test('a run is asked for again in its thread or a new one, by whom may see it, who becomes the requester', async () => {
  const again = (as: Person, body: object) =>
    world.call('/api/v1/requests', { as, body: { text: 'once more', ...body } });
  const same = await again(member, { threadId: done.threadId, againOf: done.runId });
  expect([same.status, same.json.threadId]).toEqual([202, done.threadId]);
  const mine = await get(`/runs/${same.json.runId}`, member);
  expect(mine.json).toMatchObject({ againOf: done.runId, text: 'once more', requestedBy: member.memberId, number: 2 });
  const theirs = await again(admin, { againOf: done.runId });
  expect((await get(`/runs/${theirs.json.runId}`, admin)).json).toMatchObject({
    againOf: done.runId,
    requestedBy: admin.memberId,
  });
  expect(theirs.json.threadId).not.toBe(done.threadId);
  expect((await again(peer, { againOf: done.runId })).status).toBe(404);
  expect((await again(admin, { againOf: done.runId, threadId: done.threadId })).status).toBe(404);
  const log = await get(`/audit?action=run.requested&targetId=${theirs.json.runId}`, admin);
  expect(log.json.items[0].details).toMatchObject({ againOf: done.runId });
});

test('effects are filtered by state, tool, outside id, day and run, and read one by one', async () => {
  const list = async (query: string, as = admin): Promise<unknown[]> => (await get(`/effects?${query}`, as)).json.items;
  expect(await list('state=confirmed')).toMatchObject([{ id: done.effectId, externalId: '42' }]);
  expect(await list('externalId=42&tool=erp_createInvoice')).toHaveLength(1);
  expect(await list('externalId=4')).toEqual([]);
  expect(await list('tool=erp_delete')).toEqual([]);
  expect(await list(`runId=${done.runId}&from=2020-01-01`)).toHaveLength(1);
  expect(await list('to=2020-01-01')).toEqual([]);
  expect(await list('', peer)).toEqual([]);
  expect((await get(`/effects/${done.effectId}`, member)).json).toMatchObject({
    id: done.effectId,
    receipt: '{"id":42}',
  });
  expect((await get(`/effects/${done.effectId}`, peer)).status).toBe(404);
});
