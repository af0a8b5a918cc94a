import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Actor, Role } from '#core/roles.ts';
import { listRuns } from '#db/run-list.ts';
import { connections, runs, threads, toolCalls } from '#db/schema/index.ts';
import { addCalculator, addRows } from '#test/web/rows.ts';
import { addStory, createStoryWorld } from '#test/web/story.ts';
import { addOrg, addPerson, inOrg, type Person, type World } from '#test/web/world.ts';
import { readRunView } from './runs.ts';

let world: World;
let admin: Person;
let member: Person;
beforeAll(async () => {
  world = await createStoryWorld();
  const { orgId } = await addOrg(world);
  admin = await addPerson(world, orgId, 'admin');
  member = await addPerson(world, orgId, 'member');
});
afterAll(() => world.drop());

const look = (person: Person, role: Role, runId: string) => {
  const actor: Actor = { orgId: person.orgId, memberId: person.memberId, role };
  return inOrg(world, person.orgId, (org) => readRunView(org, actor, runId));
};

test('D3 what a personal connection answered is for its owner, also when it was asked in a channel', async () => {
  const { runId, threadId } = await addStory(world, member, { end: 'done' });
  const connectionId = await addCalculator(world, member, 'Mail');
  await inOrg(world, member.orgId, async ({ tx }) => {
    await tx.update(threads).set({ platform: 'slack', channel: 'C1' }).where(eq(threads.id, threadId));
    await tx.update(connections).set({ visibility: 'personal' }).where(eq(connections.id, connectionId));
    await tx.update(toolCalls).set({ connectionId }).where(eq(toolCalls.tool, 'erp_listInvoices'));
  });
  const seen = async (person: Person, role: Role) => {
    const view = await look(person, role, runId);
    return [view?.text !== null, ...(view?.toolCalls.map(({ mayReadResult }) => mayReadResult) ?? [])];
  };
  expect(await seen(member, 'member')).toEqual([true, true, true]);
  expect(await seen(admin, 'admin')).toEqual([true, false, true]);
});

test('D3 of a private request an admin reads neither text nor what went in and out', async () => {
  const { runId } = await addStory(world, member, { end: 'done' });
  const view = await look(admin, 'admin', runId);
  expect(view).toMatchObject({ text: null, isPrivate: true, mayReadContent: false, costNanos: null });
  expect(view?.toolCalls.map(({ mayReadResult }) => mayReadResult)).toEqual([false, false]);
  expect([view?.approvals.length, view?.effects[0]?.receipt]).toEqual([1, '{"id":42}']);
});

test('the database itself notes where a run was asked: no writer can forget it or say otherwise', async () => {
  const { runId } = await addRows(world, member, { place: { platform: 'slack', channel: 'C9' } });
  const found = await inOrg(world, member.orgId, async (org) => {
    const actor: Actor = { orgId: org.id, memberId: member.memberId, role: 'member' };
    const page = await listRuns(org, actor, { limit: 10, platform: 'slack' });
    return page.items.map(({ run }) => run.id);
  });
  expect(found).toEqual([runId]);
  const [row] = await inOrg(world, member.orgId, ({ tx }) =>
    tx.select({ platform: runs.platform }).from(runs).where(eq(runs.id, runId)),
  );
  expect(row?.platform).toBe('slack');
});
