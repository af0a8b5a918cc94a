import { createAdaptorServer } from '@hono/node-server';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Connection } from '#db/connections.ts';
import { openBrowser } from '#test/setup/browser.ts';
import { addAsked, addErp, INVOICE } from '#test/web/asked.ts';
import { createStoryWorld } from '#test/web/story.ts';
import { addOrg, addPerson, cookieOf, PASSWORD, type Person, type World } from '#test/web/world.ts';

// Editing what waits (RULES A4), in a real browser under the real content security policy.

let world: World;
let server: Server;
let browser: Browser;
let baseURL: string;
let [admin, member]: Person[] = [];
let erp: Connection;
const complaints: string[] = [];
beforeAll(async () => {
  world = await createStoryWorld();
  const { orgId } = await addOrg(world);
  admin = await addPerson(world, orgId, 'admin', PASSWORD);
  member = await addPerson(world, orgId, 'member', PASSWORD);
  erp = await addErp(world, admin);
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

async function pageOf(options: Parameters<Browser['newContext']>[0] = {}): Promise<Page> {
  const context = await browser.newContext({ baseURL, ...options });
  context.setDefaultTimeout(8_000);
  const [name = '', value = ''] = (await cookieOf(world, admin?.email ?? '')).split(/=(.*)/s);
  await context.addCookies([{ name, value, url: baseURL }]);
  const page = await context.newPage();
  page.on('console', (message) => {
    // A form that comes back with its problems is a 422, which the browser notes.
    if (['error', 'warning'].includes(message.type()) && !message.text().includes('422'))
      complaints.push(message.text());
  });
  return page;
}
const ask = () =>
  addAsked(world, member!, erp, {
    args: {
      ...INVOICE,
      note: 'first\nsecond\u200b',
      tags: ['new', 'paid'],
      customer: { name: 'Acme GmbH', vat: null },
      lines: [{ text: 'Consulting', net: 4200 }],
    },
  });

test('with the keyboard alone: to the form, a mistake that comes back at its field, and the edit', async () => {
  const { approvalId } = await ask();
  const page = await pageOf();
  await page.goto(`/approvals/${approvalId}`);
  await page.getByRole('link', { name: 'Edit the arguments' }).focus();
  await page.keyboard.press('Enter');
  await page.waitForURL('**/edit');
  await page.getByLabel('amount').focus();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.type('much');
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'amount' }).focus();
  await page.keyboard.press('Enter');
  expect(await page.getByLabel('amount').getAttribute('aria-invalid')).toBe('true');
  await page.getByLabel('amount').focus();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.type('420');
  await page.getByRole('button', { name: 'Save the edit' }).focus();
  await page.keyboard.press('Enter');
  await page.getByText('4200 → 420').waitFor();
  expect(await page.getByText('You edited this, so someone else has to decide.').count()).toBe(1);
  await page.context().close();
});

test('a browser gives back untouched what it was given: line breaks, hidden characters, lists, nothing', async () => {
  const { approvalId } = await ask();
  const page = await pageOf({ javaScriptEnabled: false });
  await page.goto(`/approvals/${approvalId}/edit`);
  await page.getByRole('button', { name: 'Save the edit' }).click();
  expect(await page.getByRole('alert').textContent()).toContain('Nothing was changed');
  await page.context().close();
});

test('on a phone, dark, nothing runs over the side', async () => {
  const { approvalId } = await ask();
  const page = await pageOf({ viewport: { width: 375, height: 720 }, isMobile: true, colorScheme: 'dark' });
  await page.goto(`/approvals/${approvalId}/edit`);
  const fits = () => page.evaluate('document.documentElement.scrollWidth <= window.innerWidth');
  expect(await fits()).toBe(true);
  await page.getByLabel('amount').fill('-1');
  await page.getByRole('button', { name: 'Save the edit' }).click();
  await page.locator('.problem').waitFor();
  expect(await fits()).toBe(true);
  await page.getByLabel('amount').fill('1');
  await page.getByRole('button', { name: 'Save the edit' }).click();
  await page.getByText('4200 → 1').waitFor();
  expect(await fits()).toBe(true);
  await page.context().close();
});

test('the browser had nothing to complain about', () => {
  expect(complaints).toEqual([]);
});
