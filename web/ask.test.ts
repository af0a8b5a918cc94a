import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStoryWorld } from '#test/web/story.ts';
import { addOrg, addPerson, PASSWORD, type Person, type World } from '#test/web/world.ts';
import { ask } from './ask.ts';

let world: World;
let owner: Person;
let member: Person;

beforeAll(async () => {
  world = await createStoryWorld();
  owner = await addOrg(world);
  member = await addPerson(world, owner.orgId, 'member', PASSWORD);
});
afterAll(() => world.drop());

const messagesAs = async (person: Person, threadId: string) => {
  const { status, json } = await world.call(`/api/v1/threads/${threadId}/messages`, { as: person });
  return [status, json.items?.[0]?.text];
};

test("D2 an owner reads what a member's API key asked: a script works for the organisation", async () => {
  const { json } = await world.call('/api/v1/requests', { as: member, body: { text: 'count the pelicans' } });
  expect(await messagesAs(owner, json.threadId)).toEqual([200, 'count the pelicans']);
});

test('D3 an owner does not read what a member said in the web chat', async () => {
  const actor = { orgId: member.orgId, memberId: member.memberId, role: 'member', name: 'Mia', email: member.email };
  const received = await ask(world.deps, actor as Parameters<typeof ask>[1], {
    sourceKey: 'chat:1',
    text: 'about my salary',
    newThread: 'chat-1',
  });
  if (received.kind !== 'run') throw new Error('not asked');
  expect(await messagesAs(owner, received.threadId)).toEqual([403, undefined]);
  expect(await messagesAs(member, received.threadId)).toEqual([200, 'about my salary']);
  // Still there as a run, so that it can be stopped and its effects followed.
  const { json } = await world.call(`/api/v1/runs/${received.runId}`, { as: owner });
  expect([json.id, json.text]).toEqual([received.runId, null]);
});
