import { afterAll, beforeEach, expect, test } from 'vitest';
import { UserError } from '#core/errors.ts';
import { removeInstallation } from '#db/slack-installations.ts';
import { startSlackPage } from '#test/web/slack-page.ts';
import { addOrg, inOrg } from '#test/web/world.ts';
import type { SlackCheck } from '#web/slack.ts';

const it = await startSlackPage();
const { world, sql, owner, admin, asked, setup, somebody, open, post, install } = it;
beforeEach(() => it.clear());
afterAll(() => it.stop());

test('a workspace is shown with its problem, and whether Slack was heard', async () => {
  await install('T1');
  await install('E1', { teamName: 'Big' });
  await sql`update slack_installations set heard_at = '2026-11-21T10:00:00Z' where tenant = 'E1'`;
  await sql`update slack_installations set status = 'revoked', problem = ${'Slack does not <accept> the token.'} where tenant = 'T1'`;
  const { text } = await open();
  for (const words of [
    'Slack does not &lt;accept&gt; the token.',
    'not heard yet',
    '2026-11-21 10:00',
    'Enterprise <span',
  ])
    expect(text).toContain(words);
  expect(text).toMatch(/Team T1 <span class="badge bad">down<\/span>/);
  expect(text).toMatch(/Big <span class="badge good">active<\/span>/);
});

test('a test says who the bot is, which scopes are missing and whether an event came, at its workspace', async () => {
  await install('T1');
  await install('T2');
  const check = (answer: SlackCheck) => {
    setup.check = async () => answer;
    return post('/slack/test', { tenant: 'T1' });
  };
  const fine = await post('/slack/test', { tenant: 'T1' });
  expect(asked).toEqual([['check', { orgId: owner.orgId, tenant: 'T1' }]]);
  const at = fine.text.indexOf('Slack answers: the bot is abetworks in Acme');
  expect(at).toBeGreaterThan(fine.text.indexOf('id="w-T1"'));
  expect(at).toBeLessThan(fine.text.indexOf('id="w-T2"'));
  expect(fine.text).toMatch(/<div role="status"> ?<ul class="todo"> ?<li>/);
  for (const words of ['All scopes are there', 'No event yet']) expect(fine.text).toContain(words);
  const poor = await check({ isOk: true, text: 'Slack answers', missing: ['files:read', 'im:write'] });
  expect(poor.text).toContain('<code>files:read, im:write</code>');
  const bad = await check({ isOk: false, text: 'Slack refused the test (invalid_auth).', missing: ['files:read'] });
  expect(bad.text).toContain('Slack refused the test (invalid_auth).');
  expect(bad.text).not.toContain('files:read');
  await sql`update slack_installations set heard_at = now() where tenant = 'T1'`;
  expect((await check({ isOk: true, text: 'Slack answers', missing: [] })).text).toContain('An event was received');
});

test('disconnecting takes a second step, is offered for what was installed here only, and its refusal is shown', async () => {
  await install('T1');
  await install('T2', { source: 'env' });
  const { text } = await open();
  expect(text.match(/action="\/slack\/remove"/g)).toHaveLength(1);
  expect(text).toContain('aria-label="Disconnect: Team T1"');
  const removed = await post('/slack/remove', { tenant: 'T1' });
  expect(asked).toEqual([['remove', admin.memberId, 'T1']]);
  expect(removed.text).toContain('Disconnected: the token is gone');
  await inOrg(world, owner.orgId, (org) =>
    removeInstallation(org, 'T1', 'uninstalled', { actor: 'system', problem: 'Disconnected in the panel.' }),
  );
  const after = await open();
  expect(after.text).toContain('Disconnected in the panel.');
  expect(after.text).not.toContain('action="/slack/remove"');
  setup.remove = () => Promise.reject(new UserError('There is no such workspace.', { status: 404 }));
  expect(await post('/slack/remove', { tenant: 'T9' })).toMatchObject({
    status: 404,
    text: expect.stringContaining('There is no such workspace.'),
  });
});

test('D2 the workspaces of another org are not there', async () => {
  const other = await addOrg(world, 'Other');
  await install('T1');
  const stranger = await somebody('admin', other.orgId);
  const { text } = await open('/slack', stranger);
  expect(text).not.toContain('T1');
  expect(text).toContain('No workspace yet');
  expect((await open('/slack?connected=T1', stranger)).text).not.toContain('is connected.');
});

test('no page shows anything of a token', async () => {
  Object.assign(setup, { hears: ['http'], hasToken: true, canInstall: true });
  await install('T1');
  const pages = [
    await open(),
    await post('/slack/test', { tenant: 'T1' }),
    await post('/slack/remove', { tenant: 'T1' }),
  ];
  for (const { text } of pages) expect(text).not.toMatch(/xox|canary/);
});
