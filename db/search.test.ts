import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Actor, Role } from '#core/roles.ts';
import { addRows } from '#test/web/rows.ts';
import { addStory, createStoryWorld } from '#test/web/story.ts';
import { addOrg, addPerson, type Person, type World } from '#test/web/world.ts';
import type { RunFilters } from './run-list.ts';
import { searchRuns } from './search.ts';

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

const actorOf = ({ orgId, memberId }: Person, role: Role): Actor => ({ orgId, memberId, role });
const find = async (person: Person, role: Role, words: string, filters: RunFilters = {}, cursor?: string) =>
  searchRuns(world.deps.db, actorOf(person, role), words, { limit: 3, cursor, ...filters });
const ids = async (...input: Parameters<typeof find>) => (await find(...input)).items.map(({ run }) => run.id);

test('words find requests in any case and order; a phrase, a word to leave out and a number work too', async () => {
  const { runId } = await addStory(world, admin, { text: 'Post the Quarterly report to finance, INV-4711' });
  for (const words of ['quarterly', 'finance QUARTERLY', '"quarterly report"', 'INV-4711', 'nowhere or report'])
    expect([words, await ids(admin, 'admin', words)]).toEqual([words, [runId]]);
  for (const words of ['"report quarterly"', 'quarterly -finance', 'quarter', '!!!', "'", '\\', 'a & | b'])
    expect([words, await ids(admin, 'admin', words)]).toEqual([words, []]);
});

test('D3 an admin does not find a private request by its words, its requester does, and one in a channel is found', async () => {
  const mine = await addStory(world, member, { text: 'zanzibar salaries' });
  const shared = await addRows(world, member, { place: { platform: 'slack', channel: 'C012' } });
  const direct = await addRows(world, member, { place: { platform: 'slack', channel: 'D012' } });
  expect(await ids(member, 'member', 'zanzibar')).toEqual([mine.runId]);
  expect(await ids(admin, 'admin', 'zanzibar')).toEqual([]);
  expect(await ids(admin, 'admin', 'post invoice', { requestedBy: member.memberId })).toEqual([shared.runId]);
  const peer = await addPerson(world, member.orgId, 'member');
  expect(await ids(peer, 'member', 'post invoice')).toEqual([]);
  expect((await ids(member, 'member', 'post invoice')).toSorted()).toEqual([shared.runId, direct.runId].toSorted());
});

test('D1 D2 nobody finds what another organisation, or another member, asked', async () => {
  const stranger = await addOrg(world, 'Other');
  await addStory(world, stranger, { text: 'xylophone' });
  await addStory(world, admin, { text: 'xylophone' });
  expect(await ids(stranger, 'owner', 'xylophone')).toHaveLength(1);
  expect(await ids(admin, 'admin', 'xylophone')).toHaveLength(1);
  expect(await ids(member, 'member', 'xylophone')).toEqual([]);
});

test('what is found comes page by page, both ways, and keeps the other filters', async () => {
  const made: string[] = [];
  for (let n = 0; n < 7; n += 1)
    made.push((await addStory(world, member, { text: `walrus ${n}`, end: n === 2 ? 'done' : 'waiting' })).runId);
  const sorted = (await find(member, 'member', 'walrus', {}, undefined)).items;
  expect(sorted).toHaveLength(3);
  const seen: string[][] = [];
  let cursor: string | undefined;
  let newer: string | null = null;
  do {
    const page = await find(member, 'member', 'walrus', {}, cursor);
    seen.push(page.items.map(({ run }) => run.id));
    newer = page.newerCursor;
    cursor = page.nextCursor ?? undefined;
  } while (cursor);
  expect(seen.map((page) => page.length)).toEqual([3, 3, 1]);
  expect(new Set(seen.flat())).toEqual(new Set(made));
  const back = await find(member, 'member', 'walrus', {}, newer ?? '');
  expect(back.items.map(({ run }) => run.id)).toEqual(seen[1]);
  const first = await find(member, 'member', 'walrus', {}, back.newerCursor ?? '');
  expect([first.items.map(({ run }) => run.id), first.newerCursor]).toEqual([seen[0], null]);
  expect(await ids(member, 'member', 'walrus', { status: 'done' })).toEqual([made[2]]);
});
