import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Actor, Role } from '#core/roles.ts';
import { newId } from '#core/ids.ts';
import { idleClient } from '#test/web/client.ts';
import { addRows, type Rows } from '#test/web/rows.ts';
import { addOrg, addPerson, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';
import { listEffects } from './effect-list.ts';
import { findThread, listApprovals, listMessages, listThreads } from './lists.ts';
import { costOfRuns, listRuns } from './run-list.ts';
import { messages, modelCalls } from './schema/index.ts';

let world: World;
let people: Record<Role, Person>;
let rows: Record<'owner' | 'member', Rows>;
beforeAll(async () => {
  world = await createWorld(idleClient());
  const owner = await addOrg(world);
  const add = (role: Role) => addPerson(world, owner.orgId, role);
  people = { owner, admin: await add('admin'), member: await add('member'), viewer: await add('viewer') };
  rows = { owner: await addRows(world, owner), member: await addRows(world, people.member) };
});
afterAll(() => world.drop());

const actorOf = (role: Role, of: Person = people[role]): Actor => ({ orgId: of.orgId, memberId: of.memberId, role });
const ALL = { limit: 100 };

test.each<[Role, number]>([
  ['owner', 2],
  ['admin', 2],
  ['member', 1],
  ['viewer', 0],
])('D2 %s sees %d of the two runs, threads and effects', async (role, n) => {
  const seen = await inOrg(world, people.owner.orgId, async (org) => {
    const actor = actorOf(role);
    const [runs, threads] = [await listRuns(org, actor, ALL), await listThreads(org, actor, ALL)];
    const [effects, approvals] = [await listEffects(org, actor, ALL), await listApprovals(org, actor, ALL)];
    return [runs, threads, effects, approvals].map(({ items }) => items.length);
  });
  expect(seen).toEqual([n, n, n, n]);
});

test('D2 a member sees approvals that name them or their role, and the effects behind them; a viewer never does', async () => {
  const { orgId } = await addOrg(world, 'Named');
  const [asker, named, peer, viewer] = [
    await addPerson(world, orgId, 'member'),
    await addPerson(world, orgId, 'member'),
    await addPerson(world, orgId, 'member'),
    await addPerson(world, orgId, 'viewer'),
  ];
  await addRows(world, asker, { policy: { members: [named.memberId, viewer.memberId] } });
  await addRows(world, asker, { policy: { roles: ['member', 'viewer'] } });
  const count = (person: Person, role: Role) =>
    inOrg(world, orgId, async (org) => {
      const actor = actorOf(role, person);
      return [(await listApprovals(org, actor, ALL)).items.length, (await listEffects(org, actor, ALL)).items.length];
    });
  expect(await count(named, 'member')).toEqual([2, 2]);
  expect(await count(peer, 'member')).toEqual([1, 1]);
  expect(await count(viewer, 'viewer')).toEqual([0, 0]);
});

test('a list comes page by page, newest first, each row once, also when rows share a moment', async () => {
  const owner = await addOrg(world, 'Paged');
  const made: string[] = [];
  for (let i = 0; i < 7; i += 1) made.push((await addRows(world, owner)).runId);
  const seen: string[] = [];
  let cursor: string | null | undefined;
  do {
    const page = await inOrg(world, owner.orgId, (org) =>
      listRuns(org, actorOf('owner', owner), { limit: 3, cursor: cursor ?? undefined }),
    );
    seen.push(...page.items.map(({ run }) => run.id));
    cursor = page.nextCursor;
  } while (cursor);
  expect(seen).toHaveLength(7);
  expect(new Set(seen)).toEqual(new Set(made));
  expect(seen[0]).toBe(made.at(-1));
});

test('messages: the newest page first, oldest first inside it', async () => {
  const { threadId } = rows.owner;
  const { orgId } = people.owner;
  await inOrg(world, orgId, ({ tx }) =>
    tx
      .insert(messages)
      .values([2, 3, 4, 5].map((seq) => ({ orgId, threadId, seq, role: 'assistant' as const, text: `${seq}` }))),
  );
  const page = (cursor?: string) => inOrg(world, orgId, (org) => listMessages(org, threadId, { limit: 2, cursor }));
  const first = await page();
  expect(first.items.map(({ message }) => message.seq)).toEqual([4, 5]);
  const second = await page(first.nextCursor ?? '');
  expect(second.items.map(({ message }) => message.seq)).toEqual([2, 3]);
  const last = await page(second.nextCursor ?? '');
  expect([last.items.map(({ message }) => message.seq), last.nextCursor]).toEqual([[1], null]);
});

test('what a run cost is a sum, 0 without calls, and unknown as soon as one call is', async () => {
  const { orgId } = people.owner;
  const call = (runId: string, costNanos: number | null) => ({
    orgId,
    runId,
    turnNumber: 1,
    provider: 'x',
    model: 'y',
    status: 'done' as const,
    costNanos,
    reservedNanos: 9,
  });
  const quiet = newId();
  await inOrg(world, orgId, ({ tx }) =>
    tx
      .insert(modelCalls)
      .values([
        call(rows.owner.runId, 5),
        call(rows.owner.runId, 7),
        call(rows.member.runId, 5),
        call(rows.member.runId, null),
      ]),
  );
  const costs = await inOrg(world, orgId, (org) => costOfRuns(org, [rows.owner.runId, rows.member.runId, quiet]));
  expect([...costs.values()]).toEqual([12, null, 0]);
});

test('D3 an admin sees that somebody’s direct message exists, and not what it says', async () => {
  const owner = await addOrg(world, 'Direct');
  const person = await addPerson(world, owner.orgId, 'member');
  const direct = await addRows(world, person, { place: { platform: 'slack', channel: 'D012345' } });
  const open = await addRows(world, person, { place: { platform: 'slack', channel: 'C012345' } });
  const look = (as: Person, role: Role) =>
    inOrg(world, owner.orgId, async (org) => {
      const runs = await listRuns(org, actorOf(role, as), ALL);
      const texts = Object.fromEntries(runs.items.map(({ run, text }) => [run.id, text]));
      return [
        texts[direct.runId],
        texts[open.runId],
        (await findThread(org, actorOf(role, as), direct.threadId))?.isHidden,
      ];
    });
  expect(await look(person, 'member')).toEqual(['post invoice INV-77', 'post invoice INV-77', false]);
  expect(await look(owner, 'owner')).toEqual([null, 'post invoice INV-77', true]);
  expect((await world.call(`/api/v1/threads/${direct.threadId}/messages`, { as: owner })).status).toBe(403);
  expect((await world.call(`/api/v1/threads/${open.threadId}/messages`, { as: owner })).status).toBe(200);
});
