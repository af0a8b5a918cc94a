import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { erpConnection, startErp, type Erp } from '#test/fakes/erp.ts';
import { startSlack, type Slack } from '#test/fakes/slack/index.ts';
import { openBrowser } from '#test/setup/browser.ts';
import { startTestProduct, type TestProduct } from '#test/setup/product.ts';
import { until } from '#test/setup/until.ts';

/** Set to a folder to keep a picture of every page on every screen. */
const SHOTS = process.env['ABETWORKS_SHOTS'];
const PASSWORD = 'Ana has a password';
const SCREENS = [
  { name: 'desktop-light', viewport: { width: 1280, height: 1130 }, colorScheme: 'light' },
  { name: 'desktop-dark', viewport: { width: 1280, height: 1130 }, colorScheme: 'dark' },
  { name: 'phone-light', viewport: { width: 390, height: 1500 }, colorScheme: 'light' },
  { name: 'phone-dark', viewport: { width: 390, height: 1500 }, colorScheme: 'dark' },
] as const;

let erp: Erp;
let slack: Slack;
let it: TestProduct;
let browser: Browser;
let axe: string;
/** What there is to see, by a name for its picture. */
let pages: Record<string, string>;
let bo: { email: string; password: string };

beforeAll(async () => {
  axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  erp = await startErp();
  slack = await startSlack();
  it = await startTestProduct({
    ABETWORKS_EGRESS_ALLOW: erp.hostPort,
    ABETWORKS_OWNER_PASSWORD: PASSWORD,
    SLACK_API_URL: slack.apiUrl,
    SLACK_BOT_TOKEN: slack.token(),
    SLACK_SIGNING_SECRET: slack.signingSecret,
    SLACK_CLIENT_ID: slack.clientId,
    SLACK_CLIENT_SECRET: slack.clientSecret,
  });
  slack.deliverTo(`${it.url}/slack/events`);
  const connection = await it.ana.post('/api/v1/connections', erpConnection(erp));
  const admin = await it.join('Bo', 'admin');
  bo = admin;
  const done = await it.ask(it.ana, 'post invoice INV-1 over 100 EUR to the ERP');
  const approval = await it.approvalOf(it.ana, done.runId);
  await admin.post(`/api/v1/approvals/${approval.id}/decision`, {
    decision: 'approve',
    payloadSha256: approval.payloadSha256,
  });
  await it.runIs(it.ana, done.runId, 'done');
  const waiting = await it.ask(it.ana, 'post invoice INV-2 over 4200 EUR to the ERP');
  const open = await it.approvalOf(it.ana, waiting.runId);
  const link = await until('Slack gives a link', async () => {
    const { body } = await slack.as('cleo').command('/abet connect');
    return /\/link\/[\w-]+/.exec(JSON.stringify(body))?.[0];
  });
  await slack.as('ana').say('general', '@bot hello');
  await until('heard', async () => slack.deliveries().length > 0);
  pages = {
    settings: '/settings',
    slack: '/slack',
    link,
    account: '/account',
    docs: '/docs',
  };
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
  await it?.stop();
  await slack?.stop();
  await erp?.stop();
});

async function open(screen: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext({ ...screen, baseURL: it.url });
  context.setDefaultTimeout(15_000);
  return context.newPage();
}

/** Signs in with nothing but keys, from the first one pressed. */
async function signInByKeys(page: Page, email: string, password: string): Promise<void> {
  await page.goto('/sign-in');
  await tabTo(page, 'E-mail');
  await page.keyboard.type(email);
  await tabTo(page, 'Password');
  await page.keyboard.type(password);
  await page.keyboard.press('Enter');
  await page.waitForURL(`${it.url}/`);
}

// As text: these tests know no browser types.
const FOCUSED = `(() => {
  const at = document.activeElement;
  const label = at?.labels?.[0]?.textContent;
  return (label ?? at?.getAttribute('aria-label') ?? at?.textContent ?? '').trim();
})()`;

/** Presses Tab until what has the focus is called so. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let press = 0; press < 80; press += 1) {
    const focused = await page.evaluate<string>(FOCUSED);
    if (focused.startsWith(name)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab never came to "${name}" on ${page.url()}`);
}

/** What axe-core holds against the page, serious or worse. */
async function faults(page: Page): Promise<string[]> {
  // Through the debugger, which no content security policy stops.
  await page.evaluate(axe);
  const { violations } = await page.evaluate<AxeResults>('axe.run(document, { resultTypes: ["violations"] })');
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
}

test.each(SCREENS)(
  'every page can be used by everybody: no serious accessibility fault on $name',
  async (screen) => {
    const page = await open(screen);
    const found: Record<string, string[]> = {};
    await page.goto('/sign-in');
    found['sign-in'] = await faults(page);
    await signInByKeys(page, bo.email, bo.password);
    for (const [name, address] of Object.entries(pages)) {
      await page.goto(address);
      await page.waitForLoadState('load');
      found[name] = await faults(page);
      const overflow = await page.evaluate(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      );
      if (Number(overflow) > 0) found[name].push(`it is ${String(overflow)} pixels wider than the screen`);
      if (SHOTS) {
        await mkdir(SHOTS, { recursive: true });
        if (name === 'slack') { await page.getByRole('button', { name: /^Test/ }).first().click(); await page.waitForURL('**/slack/test'); }
await page.evaluate(`document.querySelectorAll('code').forEach((one) => { one.textContent = one.textContent.replace('http://127.0.0.1:0', 'https://abetworks.example.com'); }); if (location.pathname.startsWith('/slack')) document.querySelectorAll('section > .note.flow').forEach((one) => one.remove());`);
        await page.screenshot({ path: path.join(SHOTS, `${name}-${screen.name}.png`), fullPage: true });
      }
    }
    expect(Object.fromEntries(Object.entries(found).filter(([, faults]) => faults.length > 0))).toEqual({});
  },
  120_000,
);

test('from sign-in to an approval with the keyboard alone', async () => {
  const page = await open(SCREENS[0]);
  await signInByKeys(page, bo.email, bo.password);
  await tabTo(page, 'Approvals');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/approvals');
  const sent = erp.posts().length;
  await tabTo(page, 'Approve');
  await page.keyboard.press('Enter');
  await page
    .getByText(/approved/i)
    .first()
    .waitFor();
  await until('the effect happened', async () => erp.posts().length > sent);
  expect(erp.posts()).toHaveLength(sent + 1);
});
