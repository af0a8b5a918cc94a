import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '#core/ids.ts';
import { connections, members, orgs, runs } from '#db/schema/index.ts';
import { addCalculator } from '#test/web/rows.ts';
import { addStory, createStoryWorld, type Story } from '#test/web/story.ts';
import { addOrg, addPerson, cookieOf, inOrg, PASSWORD, type Person, type World } from '#test/web/world.ts';

const HOSTILE = `"><script>alert(1)</script><img src=x onerror=alert(1)>'\u202E{{x}}`;

let world: World;
let admin: Person & { cookie: string };
let member: typeof admin;
let viewer: typeof admin;
let story: Story;
let done: Story;
beforeAll(async () => {
  world = await createStoryWorld();
  const { orgId } = await addOrg(world);
  const person = async (role: 'admin' | 'member' | 'viewer') => {
    const made = await addPerson(world, orgId, role, PASSWORD);
    return { ...made, cookie: await cookieOf(world, made.email) };
  };
  [admin, member, viewer] = [await person('admin'), await person('member'), await person('viewer')];
  const hostile = {
    text: HOSTILE,
    summary: HOSTILE,
    args: { [HOSTILE]: HOSTILE },
    origins: [{ path: HOSTILE, origin: HOSTILE }],
  };
  story = await addStory(world, member, hostile);
  done = await addStory(world, member, {
    ...hostile,
    end: 'done',
    reply: `${HOSTILE}\n\n[x](javascript:alert(1)) ![y](https://evil.example/y.png)`,
  });
  await addStory(world, member, { ...hostile, end: 'ambiguous' });
  const connectionId = await addCalculator(world, admin);
  await inOrg(world, orgId, async ({ tx }) => {
    await tx.update(orgs).set({ name: HOSTILE }).where(eq(orgs.id, orgId));
    await tx.update(members).set({ name: HOSTILE }).where(eq(members.id, member.memberId));
    await tx.update(connections).set({ name: HOSTILE, testResult: HOSTILE }).where(eq(connections.id, connectionId));
    await tx.update(runs).set({ statusText: HOSTILE, taint: HOSTILE }).where(eq(runs.id, story.runId));
  });
});
afterAll(() => world.drop());

const open = (path: string, cookie: string) => world.call(path, { headers: { cookie } });
const pagesOf = ({ threadId, runId, approvalId, effectId }: Story) => [
  ...(effectId === null ? [] : [`/effects/${effectId}`, `/effects/${effectId}/detail`]),
  `/threads/${threadId}`,
  `/threads/${threadId}/timeline`,
  `/runs/${runId}`,
  `/runs/${runId}/detail`,
  `/runs/${runId}/again`,
  `/approvals/${approvalId}`,
];
const PAGES = [
  '/',
  '/approvals',
  '/approvals/inbox',
  '/runs',
  '/runs/list',
  '/effects',
  '/connections',
  '/members',
  '/account',
];

test('signed out, every page leads to sign-in and back, and a live part tells the page to go there', async () => {
  for (const path of [...PAGES, ...pagesOf(story), '/connections/new']) {
    const answer = await world.call(path);
    expect([path, answer.status]).toEqual([path, 303]);
    expect(answer.headers.get('location')).toBe(`/sign-in?next=${encodeURIComponent(path)}`);
  }
  const part = await world.call('/approvals/inbox', { headers: { 'hx-request': 'true' } });
  expect([part.status, part.headers.get('hx-redirect')]).toEqual([204, '/sign-in']);
  expect((await world.call('/live')).status).toBe(401);
  expect((await world.call('/sign-in')).status).toBe(200);
});

test('hostile text is text on every page, and nothing needs more than the content security policy allows', async () => {
  const connectionId = (
    await inOrg(world, admin.orgId, ({ tx }) => tx.select({ id: connections.id }).from(connections))
  )[0]?.id;
  const seen = [
    ...(await Promise.all(
      [
        ...PAGES,
        '/audit',
        '/settings',
        '/connections/new',
        '/connections/new?connector=rest',
        `/connections/${connectionId}`,
        `/members/${member.memberId}/accounts`,
      ].map((path) => open(path, admin.cookie)),
    )),
    ...(await Promise.all([...PAGES, ...pagesOf(story), ...pagesOf(done)].map((path) => open(path, member.cookie)))),
  ];
  for (const { status, text, headers } of seen) {
    expect([status, text.slice(0, 300)]).toEqual([200, expect.anything()]);
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
    const markup = text.replaceAll(/<script src="\/static\/[a-z-]+\.js\?v=[0-9a-f]+" defer><\/script>/g, '');
    expect(markup).not.toMatch(/<script|<style|<img (?!src="\/static\/)|javascript:alert\(1\)"|hx-on/i);
    // Without what stands in quotes, no tag has an event handler or an inline style.
    expect(markup.replaceAll(/"[^"]*"/g, '""')).not.toMatch(/<[a-z][^>]*\s(on\w+|style)\s*=/i);
  }
  expect(seen.some(({ text }) => text.includes('&lt;script&gt;alert(1)'))).toBe(true);
});

test('D3 a thread is its maker’s alone: an admin and another org get the same 404 as for an id that never was', async () => {
  const stranger = await addOrg(world, 'Other');
  const other = await addPerson(world, stranger.orgId, 'owner', PASSWORD);
  const outside = await cookieOf(world, other.email);
  const never = await open(`/threads/${newId()}`, admin.cookie);
  expect(never.status).toBe(404);
  for (const cookie of [admin.cookie, viewer.cookie, outside])
    for (const path of [
      `/threads/${story.threadId}`,
      `/threads/${story.threadId}/timeline`,
      `/live?thread=${story.threadId}`,
    ])
      expect((await open(path, cookie)).status).toBe(404);
  for (const path of pagesOf(story)) expect((await open(path, outside)).status).toBe(404);
  for (const path of ['/threads/nonsense', '/runs/nonsense', '/approvals/%00'])
    expect((await open(path, admin.cookie)).status).toBe(404);
});

test('D2 a member sees their own runs and approvals, a viewer none of them, an admin all, without what was said', async () => {
  const secret = 'the quarterly salaries';
  const own = await addStory(world, member, { text: secret, end: 'done' });
  expect((await open(`/runs/${own.runId}`, member.cookie)).text).toContain(secret);
  expect((await open(`/runs/${own.runId}`, member.cookie)).text).toContain('INV-76');
  const seen = await open(`/runs/${own.runId}`, admin.cookie);
  expect(seen.status).toBe(200);
  expect(seen.text).not.toContain(secret);
  expect(seen.text).not.toContain('INV-76');
  expect(seen.text).toContain('Acme GmbH');
  expect((await open('/runs', admin.cookie)).text).not.toContain(secret);
  for (const path of [`/runs/${own.runId}`, `/approvals/${own.approvalId}`])
    expect((await open(path, viewer.cookie)).status).toBe(404);
  expect((await open('/approvals', viewer.cookie)).text).toContain('Nothing waits');
});

test('a viewer finds no place to write, and what a viewer posts is refused', async () => {
  expect((await open('/', viewer.cookie)).text).toContain('Your role only lets you read');
  expect((await open('/', viewer.cookie)).text).not.toContain('<textarea');
  expect((await open('/connections/new', member.cookie)).status).toBe(403);
});

test('an empty org is told what to do next', async () => {
  const { orgId } = await addOrg(world, 'Empty');
  const owner = await addPerson(world, orgId, 'owner', PASSWORD);
  const cookie = await cookieOf(world, owner.email);
  expect((await open('/connections', cookie)).text).toContain('Connect your first system');
  expect((await open('/runs', cookie)).text).toContain('Ask something');
  expect((await open('/approvals', cookie)).text).toContain('Nothing waits');
  expect((await open('/', cookie)).text).toContain('Rule-based mode');
});

test('the run page shows tokens, an unknown cost as unknown, who decided and the receipt', async () => {
  const { text } = await open(`/runs/${done.runId}`, member.cookie);
  for (const part of [
    '1840 in (1200 cached), 96 out',
    '$0.0023',
    'tokens unknown · cost unknown',
    'cost unknown',
    'Overloaded',
    'Approved by',
    'Matches the order',
    '· id 42',
  ])
    expect(text.replaceAll(/\s+/g, ' ')).toContain(part);
});
