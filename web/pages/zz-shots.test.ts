import { createAdaptorServer } from '@hono/node-server';
import type { AddressInfo } from 'node:net';
import { test } from 'vitest';
import { readConfig } from '#core/config.ts';
import { openBrowser } from '#test/setup/browser.ts';
import { addStory, createStoryWorld } from '#test/web/story.ts';
import { addPerson, addOrg, inOrg, PASSWORD, cookieOf } from '#test/web/world.ts';
import { addCalculator } from '#test/web/rows.ts';
import { createApp } from '#web/app.ts';
import { eq } from 'drizzle-orm';
import { members } from '#db/schema/index.ts';

test('shots', async () => {
  const world = await createStoryWorld();
  const org = await addOrg(world, 'Northwind Trading');
  const admin = await addPerson(world, org.orgId, 'admin', PASSWORD);
  const member = await addPerson(world, org.orgId, 'member', PASSWORD);
  const name = (id: string, n: string) =>
    inOrg(world, org.orgId, ({ tx }) => tx.update(members).set({ name: n }).where(eq(members.id, id)));
  await name(admin.memberId, 'Ana Petrova');
  await name(member.memberId, 'Ben Okafor');
  const waiting = await addStory(world, member, {
    origins: [{ path: 'customer', origin: 'mail from billing@acme.example' }],
  });
  const done = await addStory(world, admin, { end: 'done' });
  const unclear = await addStory(world, member, { end: 'ambiguous' });
  const long = await addStory(world, member, {
    text: 'Send the long mail',
    summary: 'Send a mail to everybody in ERP (POST /mails)',
    args: {
      to: 'all@acme.example',
      body: 'Dear all,\n\n' + 'lorem ipsum dolor sit amet '.repeat(90),
      'odd key\u202E': 'x\u200By',
    },
  });
  const own = await addStory(world, admin, { text: 'Create invoice INV-78' });
  await addCalculator(world, { ...admin }, 'Sums');
  const server = createAdaptorServer({ fetch: world.app.fetch });
  await new Promise<void>((r) => server.listen(0, '127.0.0.1', r));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const browser = await openBrowser();
  const problems: string[] = [];
  const only = process.env['SHOTS'];
  for (const scheme of ['light', 'dark'] as const)
    for (const [size, viewport] of [
      ['desktop', { width: 1280, height: 800 }],
      ['phone', { width: 390, height: 844 }],
    ] as const) {
      const context = await browser.newContext({ colorScheme: scheme, viewport, baseURL: url });
      const page = await context.newPage();
      page.on('console', (m) => {
        if (m.type() === 'error' || m.type() === 'warning') problems.push(`${page.url()} ${m.text()}`);
      });
      page.on('pageerror', (e) => problems.push(`${page.url()} ${String(e)}`));
      const shot = async (n: string) => {
        await page.waitForTimeout(250);
        const over = await page.evaluate('document.documentElement.scrollWidth > innerWidth + 1');
        if (over) problems.push(`${n} ${size} overflows sideways`);
        if (!only || n.includes(only)) await page.screenshot({ path: `/tmp/shots/${n}-${size}-${scheme}.png` });
      };
      await page.goto('/');
      await shot('sign-in');
      for (const cookie of (await cookieOf(world, admin.email)).split('; ')) {
        const i = cookie.indexOf('=');
        await context.addCookies([{ name: cookie.slice(0, i), value: cookie.slice(i + 1), url }]);
      }
      await page.goto('/');
      await shot('home');
      await page.goto(`/threads/${done.threadId}`);
      await shot('thread');
      await page.goto(`/threads/${own.threadId}`);
      await shot('thread-waiting');
      await page.goto(`/approvals`);
      await shot('approvals');
      await page.evaluate("document.querySelector('main').scrollTo(0, 900)");
      await shot('approvals2');
      await page.goto(`/approvals/${long.approvalId}`);
      await shot('full');
      await page.goto(`/runs`);
      await shot('runs');
      await page.goto(`/runs/${done.runId}`);
      await shot('run');
      await page.evaluate("document.querySelector('main').scrollTo(0, 700)");
      await shot('run2');
      await page.goto('/connections');
      await shot('connections');
      await page.goto('/connections/new?connector=rest');
      await page.selectOption('#source', 'hand');
      await shot('new-rest');
      await page.fill('[name=name]', 'ERP');
      await page.fill('[name=baseUrl]', 'https://erp.example.com/api');
      const rows = await page.locator('.action-row').all();
      await rows[0]!.locator('[name="action.name"]').fill('createInvoice');
      await rows[0]!.locator('[name="action.method"]').selectOption('POST');
      await rows[0]!.locator('[name="action.path"]').fill('/invoices');
      await rows[0]!.locator('[name="action.args"]').fill('amount:number, customer, note?');
      await rows[1]!.locator('[name="action.name"]').fill('listInvoices');
      await rows[1]!.locator('[name="action.path"]').fill('/invoices');
      await page.click('button.primary');
      await shot('preview');
      await page.goto('/members');
      await shot('members');
      if (size === 'phone') {
        await page.click('[data-menu]');
        await shot('menu');
      }
      await context.close();
    }
  console.log([...new Set(problems)].join('\n') || 'no problems', unclear.runId, waiting.runId);
  await browser.close();
  (server as import('node:http').Server).closeAllConnections();
  await new Promise((r) => server.close(r));
  await world.drop();
}, 180_000);
