import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSlackCompany, type SlackCompany } from '#test/setup/slack-company.ts';
import { until } from '#test/setup/until.ts';

let it: SlackCompany;
beforeAll(async () => {
  it = await startSlackCompany();
});
afterAll(() => it.stop());

const home = (name: string): string => JSON.stringify(it.slack.home(name));
const published = (name: 'ana' | 'bo') =>
  it.slack.calls('views.publish').filter(({ args }) => args['user_id'] === it.slack.users[name].id);

test('an App Home that is opened again and again while it is shown is shown once more, not each time', async () => {
  const hold = it.slack.fault('views.publish', 'hang');
  it.slack.as('ana').openHome('home');
  await until('it is being shown', async () => published('ana').length === 1);
  for (let times = 0; times < 8; times += 1) it.slack.as('ana').openHome('home');
  await it.slack.quiet();
  hold.release();
  await until('it is shown', async () => home('ana').includes('Your requests'));
  await until('the workflow has ended', async () => published('ana').length === 2);
  it.slack.as('ana').openHome('home');
  await until('it is shown anew', async () => published('ana').length >= 3);
  expect(published('ana')).toHaveLength(3);
});

test('A7 what waits appears in an App Home that is open, is approved there, and goes', async () => {
  it.slack.as('bo').openHome('home');
  await until('it is shown', async () => home('bo').includes('Nothing waits for your decision'));
  const { approval } = await it.propose('INV-501');
  await until('it is in the home', async () => home('bo').includes(`approve:${approval.id}`));
  const clicked = await it.slack.as('bo').click(it.slack.home('bo') ?? {}, `approve:${approval.id}`);
  expect(clicked.status).toBe(200);
  await until('it is gone', async () => !home('bo').includes(approval.id));
  await until('it is paid', async () => it.erp.invoices.some(({ body }) => body.includes('INV-501')));
});

test('the direct message of somebody who opens it suggests what to ask', async () => {
  it.slack.as('ana').openHome('messages');
  await until('there are prompts', async () => it.slack.prompts().length > 0);
  expect(it.slack.violations()).toEqual([]);
});
