import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { erpConnection, startErp, type Erp } from '#test/fakes/erp.ts';
import { openBrowser } from '#test/setup/browser.ts';
import { startTestProduct, type TestProduct } from '#test/setup/product.ts';

/** Set to a folder to keep pictures of what the two people saw. */
const SHOTS = process.env['ABETWORKS_SHOTS'];
let erp: Erp;
let it: TestProduct;
let browser: Browser;

beforeAll(async () => {
  erp = await startErp();
  it = await startTestProduct({ ABETWORKS_EGRESS_ALLOW: erp.hostPort, ABETWORKS_OWNER_PASSWORD: 'Ana has a password' });
  await it.ana.post('/api/v1/connections', erpConnection(erp));
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
  await it?.stop();
  await erp?.stop();
});

async function signIn(
  email: string,
  password: string,
  colorScheme: 'light' | 'dark',
  viewport = { width: 1280, height: 860 },
): Promise<Page> {
  const context = await browser.newContext({ colorScheme, viewport, baseURL: it.url });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (line) => (line.type() === 'error' ? problems.push(line.text()) : undefined));
  page.on('close', () => expect(problems).toEqual([]));
  await page.goto('/sign-in');
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(password);
  // By keyboard: Enter in the form signs in.
  await page.keyboard.press('Enter');
  await page.waitForURL(`${it.url}/`);
  return page;
}

async function shot(page: Page, name: string): Promise<void> {
  if (!SHOTS) return;
  await mkdir(SHOTS, { recursive: true });
  await page.screenshot({ path: path.join(SHOTS, `${name}.png`) });
}

test('two people in the web chat: one asks and may not approve, the other approves, both see the receipt without reloading', async () => {
  const bo = await it.join('Bo', 'admin');
  const ana = await signIn('ana@example.com', 'Ana has a password', 'light');
  const boPage = await signIn(bo.email, bo.password, 'dark');

  await shot(ana, 'chat-empty-light');
  await ana.getByRole('textbox').fill('post invoice INV-77 over 4200 EUR to the ERP');
  await ana.keyboard.press('Enter');
  const card = ana.locator('[data-approval]');
  await card.waitFor();
  expect(await card.innerText()).toContain('INV-77');
  expect(await card.innerText()).toContain('4200');
  await shot(ana, 'chat-waiting-light');

  await boPage.goto('/approvals');
  const boCard = boPage.locator('[data-approval]');
  await boCard.waitFor();
  await shot(boPage, 'approvals-dark');

  // Ana's own attempt, straight at the server: the card offers her nothing to click, or it is refused.
  const approve = card.getByRole('button', { name: 'Approve' });
  if ((await approve.count()) > 0 && (await approve.isEnabled())) {
    await approve.click();
    await ana.getByText(/someone else has to decide/i).waitFor();
  }
  expect(erp.posts()).toHaveLength(0);

  await boCard.getByRole('button', { name: 'Approve' }).focus();
  await boPage.keyboard.press('Enter');
  await boPage
    .getByText(/approved/i)
    .first()
    .waitFor();
  await ana
    .getByText(/id ERP-1001/)
    .first()
    .waitFor();
  expect(erp.posts()).toHaveLength(1);
  await shot(ana, 'chat-light');
  await shot(boPage, 'approvals-decided-dark');

  await ana.getByRole('link', { name: 'run', exact: true }).first().click();
  await ana.getByText('erp_createInvoice').first().waitFor();
  await shot(ana, 'run-light');
  const phone = await signIn(bo.email, bo.password, 'light', { width: 390, height: 844 });
  for (const page of ['approvals', 'connections', 'members', 'runs']) {
    await phone.goto(`/${page}`);
    const overflow = await phone.evaluate(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    );
    expect(overflow, `${page} fits a phone`).toBeLessThanOrEqual(0);
    await shot(phone, `${page}-phone-light`);
  }
  await ana.close();
  await boPage.close();
});
