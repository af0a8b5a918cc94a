import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { notify } from '#db/notify.ts';
import { members } from '#db/schema/index.ts';
import { until } from '#test/setup/until.ts';
import { addStory, createStoryWorld } from '#test/web/story.ts';
import { addOrg, addPerson, cookieOf, inOrg, PASSWORD, type Person, type World } from '#test/web/world.ts';

let world: World;
let member: Person;
beforeAll(async () => {
  world = await createStoryWorld();
  const { orgId } = await addOrg(world);
  member = await addPerson(world, orgId, 'member', PASSWORD);
});
afterAll(() => world.drop());

test('S3 a stream says "changed" at once and after each change; who loses their access is told "gone" and the stream ends', async () => {
  const { threadId } = await addStory(world, member);
  const cookie = await cookieOf(world, member.email);
  const answer = await world.app.request(`/live?thread=${threadId}`, { headers: { cookie } });
  expect(answer.headers.get('content-type')).toContain('text/event-stream');
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  const next = async (): Promise<string | undefined> => (await reader?.read())?.value;
  expect(await next()).toContain('event: changed');
  const change = () => inOrg(world, member.orgId, (org) => notify(org, { threadId }));
  await change();
  expect(await next()).toContain('event: changed');
  await inOrg(world, member.orgId, ({ tx }) =>
    tx.update(members).set({ status: 'deactivated' }).where(eq(members.id, member.memberId)),
  );
  await change();
  let last: string | undefined = '';
  for (let text = await next(); text !== undefined; text = await next()) last = text;
  expect(last).toContain('event: gone');
});

test('a member may have thirty pages open; one more is told so, and a closed one makes room', async () => {
  const busy = await addPerson(world, member.orgId, 'member', PASSWORD);
  const cookie = await cookieOf(world, busy.email);
  const open = () => world.app.request('/live', { headers: { cookie } });
  const streams = [];
  for (let n = 0; n < 30; n += 1) streams.push(await open());
  expect(streams.every(({ status }) => status === 200)).toBe(true);
  const one = await open();
  expect([one.status, await one.text()]).toEqual([429, expect.stringContaining('too many pages open')]);
  await streams.pop()?.body?.cancel();
  await until('there is room', async () => (await open()).status === 200);
  const colleague = await addPerson(world, member.orgId, 'member', PASSWORD);
  const other = await world.app.request('/live', { headers: { cookie: await cookieOf(world, colleague.email) } });
  expect(other.status).toBe(200);
  for (const stream of [...streams, other]) await stream.body?.cancel();
});
