import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runs } from '#db/schema/index.ts';
import { addStory, createStoryWorld, postForm, type Story } from '#test/web/story.ts';
import { addOrg, addPerson, cookieOf, PASSWORD, type Person, type World } from '#test/web/world.ts';

let world: World;
let orgId: string;
type Signed = Person & { cookie: string };
let [admin, second, member]: Signed[] = [];
const person = async (role: 'admin' | 'member'): Promise<Signed> => {
  const made = await addPerson(world, orgId, role, PASSWORD);
  return { ...made, cookie: await cookieOf(world, made.email) };
};
beforeAll(async () => {
  world = await createStoryWorld();
  ({ orgId } = await addOrg(world));
  [admin, second, member] = [await person('admin'), await person('admin'), await person('member')];
});
afterAll(() => world.drop());

const HTMX = { 'hx-request': 'true' };
const cookie = (who: Signed | undefined): string => who?.cookie ?? '';
const ask = (args = {}) => addStory(world, member ?? admin!, Object.keys(args).length > 0 ? { args } : {});
const decide = (who: Signed | undefined, story: Story, fields: Record<string, string>, headers = {}) =>
  postForm(
    world,
    cookie(who),
    `/approvals/${story.approvalId}/decision`,
    { payloadSha256: story.payloadSha256, ...fields },
    headers,
  );
const page = async (who: Signed | undefined, path: string) =>
  (await world.call(path, { headers: { cookie: cookie(who) } })).text;
const statusOf = async (story: Story) =>
  /class="card (\w+)"/.exec(await page(admin, `/approvals/${story.approvalId}`))?.[1];

test('an admin approves with a reason; the page and the thread show the recorded decision', async () => {
  const story = await ask();
  const answer = await decide(admin, story, { decision: 'approve', comment: 'Matches the order' });
  expect([answer.status, answer.headers.get('location')]).toEqual([303, `/approvals/${story.approvalId}`]);
  const thread = await page(member, `/threads/${story.threadId}`);
  expect(thread).toContain('They said: Matches the order');
  expect(thread).not.toContain('value="approve"');
});

test('A7 refusals show beside the card, to the one who clicked: the requester, the second to decide, a changed payload', async () => {
  const story = await ask();
  const own = await decide(member, story, { decision: 'approve' }, HTMX);
  expect(own.text).toContain('You asked for this, so someone else has to decide.');
  expect(own.text).toMatch(/^<article class="card pending"/);
  expect((await decide(member, story, { decision: 'approve' })).status).toBe(403);

  const changed = await decide(admin, story, { decision: 'approve', payloadSha256: 'a'.repeat(64) }, HTMX);
  expect(changed.text).toContain('not what you were shown');
  expect(await statusOf(story)).toBe('pending');

  await decide(admin, story, { decision: 'deny' });
  const late = await decide(second, story, { decision: 'approve' }, HTMX);
  expect(late.text).toMatch(/already denied this\./);
  expect(await statusOf(story)).toBe('denied');
});

test('A1 a cut card cannot be approved from the thread or the inbox, only from the full view, and by each reader for themselves', async () => {
  const story = await ask({ body: 'x'.repeat(5_000) });
  const inbox = await page(admin, '/approvals');
  expect(inbox).toMatch(/more characters\)/);
  expect(inbox).toMatch(/value="approve"\s+disabled/);
  for (const viewed of ['', 'a'.repeat(64)]) {
    const refused = await decide(admin, story, { decision: 'approve', ...(viewed ? { viewed } : {}) }, HTMX);
    expect(refused.text).toContain('Open the full view and read it first');
  }
  const tokenOf = async (who: Signed | undefined) =>
    /name="viewed" value="([0-9a-f]{64})"/.exec(await page(who, `/approvals/${story.approvalId}`))?.[1] ?? '';
  expect(await page(admin, `/approvals/${story.approvalId}`)).toContain('x'.repeat(5_000));
  await decide(admin, story, { decision: 'approve', viewed: await tokenOf(second) });
  expect(await statusOf(story)).toBe('pending');
  await decide(admin, story, { decision: 'approve', viewed: await tokenOf(admin) });
  expect(await statusOf(story)).toBe('approved');
});

test('a cut card can still be denied, and a form without a decision decides nothing', async () => {
  const story = await ask({ body: 'x'.repeat(5_000) });
  expect((await decide(admin, story, {})).status).toBe(422);
  expect(await statusOf(story)).toBe('pending');
  await decide(admin, story, { decision: 'deny' });
  expect(await statusOf(story)).toBe('denied');
});

test('A7 a GET decides nothing, and neither does a form of another site', async () => {
  const story = await ask();
  const path = `/approvals/${story.approvalId}/decision?decision=approve&payloadSha256=${story.payloadSha256}`;
  expect((await world.call(path, { headers: { cookie: cookie(admin) } })).status).toBe(404);
  expect((await decide(admin, story, { decision: 'approve' }, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  expect(await statusOf(story)).toBe('pending');
});

test('A3 a person alone in their org is told so and may approve their own request', async () => {
  const { orgId: alone } = await addOrg(world, 'Solo');
  const owner = await addPerson(world, alone, 'owner', PASSWORD);
  // addOrg's own owner is a second member here, so this one leaves the words to the card and the answer to decide().
  const story = await addStory(world, owner, { requesterMayDecide: true });
  const text = await page({ ...owner, cookie: await cookieOf(world, owner.email) }, `/approvals/${story.approvalId}`);
  expect(text).toContain('You are the only person in this org, so you may approve your own request.');
  expect(text).toContain('value="approve"');
});

test('E6 "Was it sent?" is in the inbox of those who could have approved it, and their answer shows', async () => {
  const story = await addStory(world, member ?? admin!, { end: 'ambiguous' });
  const path = `/effects/${story.effectId}/resolution`;
  expect(await page(admin, '/approvals')).toContain(`action="${path}"`);
  const own = await postForm(world, cookie(member), path, { outcome: 'not_sent' }, HTMX);
  expect(own.text).toContain('Only someone who could have approved this may answer.');
  expect((await postForm(world, cookie(admin), path, { outcome: 'perhaps' })).status).toBe(422);
  const answered = await postForm(world, cookie(admin), path, { outcome: 'sent', externalId: 'INV/9' }, HTMX);
  expect(answered.text).toMatch(/said it was sent on .* UTC · id INV\/9/);
  expect(await page(member, `/threads/${story.threadId}`)).toContain('said it was sent');
  const stranger = await addOrg(world, 'Other');
  const other = await addPerson(world, stranger.orgId, 'owner', PASSWORD);
  expect((await postForm(world, await cookieOf(world, other.email), path, { outcome: 'sent' })).status).toBe(404);
});

test('R5 E6 after Stop the question offers only what is true: nothing is sent again, whatever the answer', async () => {
  const story = await addStory(world, member ?? admin!, { end: 'ambiguous' });
  await world.deps.db.withOrg(orgId, ({ tx }) =>
    tx.update(runs).set({ stopRequestedAt: new Date() }).where(eq(runs.id, story.runId)),
  );
  const inbox = await page(admin, '/approvals');
  expect(inbox).toContain('It was not sent; nothing more happens');
  expect(inbox).toContain('nothing is sent again; the answer is kept on record');
  const path = `/effects/${story.effectId}/resolution`;
  const answered = await postForm(world, cookie(admin), path, { outcome: 'not_sent' }, HTMX);
  expect(answered.text).toContain('said it was not sent; nothing more happens');
  expect(answered.text).not.toContain('sent again');
});
