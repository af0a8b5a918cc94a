import { createAdaptorServer } from '@hono/node-server';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBrowser } from '#test/setup/browser.ts';
import { createStoryWorld } from '#test/web/story.ts';
import { addOrg, addPerson, PASSWORD, type Person, type World } from '#test/web/world.ts';

// The API's page as people use it: Swagger UI under the real content security policy, with nothing from elsewhere.

let world: World;
let server: Server;
let browser: Browser;
let baseURL: string;
let admin: Person;
const complaints: string[] = [];
const foreign: string[] = [];
beforeAll(async () => {
  world = await createStoryWorld();
  const { orgId } = await addOrg(world);
  admin = await addPerson(world, orgId, 'admin', PASSWORD);
  server = createAdaptorServer({ fetch: world.app.fetch }) as Server;
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  // Another name than PUBLIC_URL's: what is tried goes to where the page came from.
  baseURL = `http://localhost:${(server.address() as AddressInfo).port}`;
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

async function open(options: Parameters<Browser['newContext']>[0] = {}): Promise<Page> {
  const context = await browser.newContext({ baseURL, ...options });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(`${baseURL}/`) && !url.startsWith('data:')) foreign.push(url);
  });
  return page;
}
const operation = (page: Page, path: string, method: string) =>
  page.locator(`.opblock-${method}`, { has: page.locator(`[data-path="${path}"]`) });

async function tryOut(page: Page, path: string, method: string, body?: string): Promise<string> {
  const block = operation(page, path, method);
  await block.locator('.opblock-summary-control').click();
  await block.getByRole('button', { name: 'Try it out' }).click();
  if (body !== undefined) await block.locator('textarea.body-param__text').fill(body);
  await block.getByRole('button', { name: 'Execute' }).click();
  const status = block.locator('.live-responses-table tbody .response-col_status').first();
  await status.waitFor();
  return ((await status.textContent()) ?? '').trim().slice(0, 3);
}

test('the API is read and tried out with the session of the page, reading and writing', async () => {
  const page = await open();
  await page.goto('/docs');
  expect(await tryOut(page, '/api/v1/members', 'get')).toBe('401');
  await page.goto('/sign-in?next=/docs');
  await page.fill('[name=email]', admin.email);
  await page.fill('[name=password]', PASSWORD);
  await page.press('[name=password]', 'Enter');
  await page.waitForURL('**/docs');
  expect(await tryOut(page, '/api/v1/members', 'get')).toBe('200');
  const block = operation(page, '/api/v1/members', 'get');
  expect(await block.locator('.live-responses-table').textContent()).toContain(admin.email);
  expect(await tryOut(page, '/api/v1/requests', 'post', '{"text":"hello"}')).toBe('202');
  await page.context().close();
});

test('a key that is typed in is used, and forgotten with the page', async () => {
  const page = await open();
  await page.goto('/docs');
  await page.getByRole('button', { name: 'Authorize' }).first().click();
  const dialog = page.locator('.modal-ux');
  expect(await dialog.textContent()).not.toContain('abw_session');
  await dialog.locator('input').first().fill(admin.key);
  await dialog.locator('button.authorize').first().click();
  await dialog.locator('.btn-done').first().click();
  expect(await tryOut(page, '/api/v1/settings', 'get')).toBe('200');
  expect(await page.evaluate('JSON.stringify([localStorage, sessionStorage])')).not.toContain('abw_');
  await page.context().close();
});

test('on a phone, in light and dark, the page fits and follows the colours of the system', async () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await open({ viewport: { width: 360, height: 740 }, colorScheme });
    await page.goto('/docs');
    await operation(page, '/api/v1/settings', 'patch').locator('.opblock-summary-control').click();
    await page.locator('.opblock-body').first().waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    expect(await page.evaluate('document.documentElement.classList.contains("dark-mode")')).toBe(
      colorScheme === 'dark',
    );
    await page.context().close();
  }
});

test('without a script the operations are listed', async () => {
  const page = await open({ javaScriptEnabled: false });
  await page.goto('/docs');
  expect(await page.getByRole('cell', { name: '/api/v1/settings' }).count()).toBeGreaterThanOrEqual(2);
  await page.context().close();
});

test('nothing was fetched from elsewhere, and the policy blocked nothing', () => {
  expect(foreign).toEqual([]);
  // The 401 before signing in.
  expect(complaints.filter((text) => !text.includes('401'))).toEqual([]);
});
