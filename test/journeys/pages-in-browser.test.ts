import { createAdaptorServer } from '@hono/node-server';
import { eq } from 'drizzle-orm';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { replyMessage } from '#activities/chat/render/index.ts';
import { notify } from '#db/notify.ts';
import { members, runs, webPosts } from '#db/schema/index.ts';
import { openBrowser } from '#test/setup/browser.ts';
import { addStory, createStoryWorld } from '#test/web/story.ts';
import { addOrg, addPerson, inOrg, PASSWORD, type Person, type World } from '#test/web/world.ts';

// The pages as people use them: a real browser under the real content security policy. Requests do not run here; the rows are put there.

let world: World;
let server: Server;
let browser: Browser;
let baseURL: string;
let admin: Person;
let member: Person;
const complaints: string[] = [];
beforeAll(async () => {
  world = await createStoryWorld();
  const { orgId } = await addOrg(world);
  admin = await addPerson(world, orgId, 'admin', PASSWORD);
  member = await addPerson(world, orgId, 'member', PASSWORD);
  server = createAdaptorServer({ fetch: world.app.fetch }) as Server;
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
  server?.closeAllConnections();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  await world.drop();
});

/** A window of somebody's own. What the browser complains about, such as a blocked script, is kept. */
async function windowOf(person: Person | null, options: Parameters<Browser['newContext']>[0] = {}): Promise<Page> {
  const context = await browser.newContext({ baseURL, ...options });
  context.setDefaultTimeout(8_000);
  const page = await context.newPage();
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${page.url()} ${message.text()}`);
  });
  if (!person) return page;
  await page.goto('/sign-in');
  await page.fill('[name=email]', person.email);
  await page.fill('[name=password]', PASSWORD);
  await page.press('[name=password]', 'Enter');
  await page.waitForURL(`${baseURL}/`);
  return page;
}
const change = (threadId: string) => inOrg(world, admin.orgId, (org) => notify(org, { threadId }));

test('Enter sends, Shift+Enter does not; answers appear by themselves and leave what is being typed alone', async () => {
  const page = await windowOf(member);
  await page.locator('textarea').pressSequentially('Hello');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('there');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/threads/*');
  expect(await page.textContent('.said')).toBe('Hello\nthere');
  const threadId = page.url().split('/').at(-1) ?? '';

  await page.locator('textarea').fill('half typed');
  const content = replyMessage({ key: threadId, text: 'An *answer*', suggestions: [], receipts: [] });
  await inOrg(world, member.orgId, ({ tx, id }) =>
    tx.insert(webPosts).values({ orgId: id, threadId, key: threadId, content }),
  );
  await change(threadId);
  await page.locator('.prose em').waitFor();
  expect(await page.inputValue('textarea')).toBe('half typed');

  await page.locator('textarea').press('Enter');
  await page.locator('.said', { hasText: 'half typed' }).waitFor();
  expect(await page.inputValue('textarea')).toBe('');
  await page.keyboard.type('and again');
  await page.keyboard.press('Enter');
  await page.locator('.said', { hasText: 'and again' }).waitFor();
  await page.getByRole('button', { name: 'Stop' }).first().click();
  await page.locator('.status', { hasText: 'Stopping' }).first().waitFor();
  await page.context().close();
});

test('an admin approves from the inbox, never by Enter, and the requester sees it at once', async () => {
  const { threadId, approvalId } = await addStory(world, member);
  const theirs = await windowOf(member);
  await theirs.goto(`/threads/${threadId}`);
  await theirs.getByText('someone else has to decide').waitFor();
  const page = await windowOf(admin);
  await page.goto('/approvals');
  const card = page.locator(`#approval-${approvalId}`);
  await card.locator('.reason').fill('fine');
  await card.locator('.reason').press('Enter');
  await card.getByRole('button', { name: 'Approve' }).click();
  await page.locator(`#approval-${approvalId}.approved`, { hasText: 'They said: fine' }).waitFor();
  await page.locator('#pending-count').waitFor({ state: 'hidden' });
  expect(await card.locator('button').count()).toBe(0);
  await theirs.locator(`#approval-${approvalId}.approved`).waitFor({ timeout: 2_000 });
  await Promise.all([page.context().close(), theirs.context().close()]);
});

test('A1 Approve is off on a cut card and on in the full view', async () => {
  const { approvalId } = await addStory(world, member, { args: { body: 'x'.repeat(5_000) } });
  const page = await windowOf(admin);
  await page.goto('/approvals');
  const card = page.locator(`#approval-${approvalId}`);
  expect(await card.getByRole('button', { name: 'Approve' }).isDisabled()).toBe(true);
  await card.getByText('View full payload').click();
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.locator('.card.approved').waitFor();
  await page.context().close();
});

test('the runs page follows what happens without touching the filters, and a run is edited and run again from the keyboard', async () => {
  const page = await windowOf(member);
  await page.goto('/runs?status=running');
  await page.locator('#live[data-htmx-powered]').waitFor({ state: 'attached' });
  await page.fill('[name=q]', 'half typed');
  const { runId, threadId } = await addStory(world, member, { text: 'Weigh the walrus' });
  await inOrg(world, member.orgId, ({ tx }) => tx.update(runs).set({ status: 'running' }).where(eq(runs.id, runId)));
  await change(threadId);
  await page.getByRole('link', { name: 'Weigh the walrus' }).waitFor();
  expect(await page.inputValue('[name=q]')).toBe('half typed');

  await page.goto(`/runs/${runId}`);
  await page.getByRole('link', { name: 'Run again with edits' }).press('Enter');
  await page.waitForURL('**/again');
  await page.getByLabel('Request').press('End');
  await page.keyboard.type(' twice');
  await page.getByRole('button', { name: 'Run', exact: true }).press('Enter');
  await page.waitForURL((url) => /\/runs\/[0-9a-f-]+$/.test(url.pathname) && !url.pathname.includes(runId));
  expect(await page.textContent('.asked')).toBe('Weigh the walrus twice');
  await page.context().close();
});

test('without a script, people sign in, ask and approve all the same', async () => {
  const { approvalId } = await addStory(world, member);
  const page = await windowOf(admin, { javaScriptEnabled: false });
  await page.locator('textarea').fill('No script here');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.waitForURL('**/threads/*');
  await page.goto(`/approvals/${approvalId}`);
  await page.getByRole('button', { name: 'Deny' }).click();
  await page.locator('.card.denied').waitFor();
  expect(page.url()).toBe(`${baseURL}/approvals/${approvalId}`);
  await page.context().close();
});

test('on a phone, in light and dark, no page is wider than the screen, and the menu opens', async () => {
  const { threadId, runId, approvalId, effectId } = await addStory(world, admin, { end: 'done' });
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await windowOf(admin, { viewport: { width: 360, height: 740 }, colorScheme });
    for (const path of [
      '/',
      `/threads/${threadId}`,
      '/approvals',
      `/approvals/${approvalId}`,
      '/runs',
      `/runs/${runId}`,
      `/runs/${runId}/again`,
      '/effects',
      `/effects/${effectId}`,
      '/audit',
      '/connections',
      '/connections/new?connector=rest',
      '/members',
      `/members/${member.memberId}/accounts`,
    ]) {
      await page.goto(path);
      expect([path, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([path, 360]);
    }
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('link', { name: 'Runs', exact: true }).click();
    await page.waitForURL('**/runs');
    await page.context().close();
  }
});

test('who loses access while a page is open is taken to sign-in', async () => {
  const leaving = await addPerson(world, admin.orgId, 'member', PASSWORD);
  const { threadId } = await addStory(world, leaving);
  const page = await windowOf(leaving);
  await page.goto(`/threads/${threadId}`);
  await page.getByRole('button', { name: 'Stop' }).waitFor();
  await inOrg(world, leaving.orgId, ({ tx }) =>
    tx.update(members).set({ status: 'deactivated' }).where(eq(members.id, leaving.memberId)),
  );
  await change(threadId);
  await page.waitForURL('**/sign-in*');
  expect(await page.textContent('h1')).toBe('Sign in');
  await page.context().close();
});

test('the browser had nothing to complain about: no blocked script or style, no failed request', () => {
  expect(complaints).toEqual([]);
});
