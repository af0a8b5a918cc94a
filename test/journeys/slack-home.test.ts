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

test('R5 what goes on is stopped from its App Home, by whoever asked for it only, and the home shows the end', async () => {
  const { approval } = await it.propose('INV-502');
  const runId = String(approval.runId);
  const stop = `stop:${runId}`;
  it.slack.as('ana').openHome('home');
  await until('it can be stopped there', async () => home('ana').includes(`"${stop}"`));
  it.slack.as('mia').openHome('home');
  await until('Mia sees her own only', async () => home('mia').includes('Your requests'));
  expect(home('mia')).not.toContain(runId);

  expect(home('ana')).toContain('Stop this request?');
  await it.slack.as('mia').click(it.slack.home('ana') ?? {}, stop);
  await until('Mia is told privately', async () => JSON.stringify(it.slack.modals('mia')).includes('no such run'));
  expect((await it.slack.as('ana').click(it.slack.home('ana') ?? {}, stop)).status).toBe(200);
  await until(
    'the home says so',
    async () => /Stopp(ing|ed): /.test(home('ana')) && !home('ana').includes(`"${stop}"`),
  );
  await until('it shows the end', async () => home('ana').includes('Stopped: '));
  await until('nobody is asked any more', async () => !home('bo').includes(approval.id));
  expect(it.erp.invoices.some(({ body }) => body.includes('INV-502'))).toBe(false);
  const [run] = await it.sql`select status from runs where id = ${runId}`;
  expect(run?.['status']).toBe('stopped');
});

test('the direct message of somebody who opens it suggests what to ask', async () => {
  it.slack.as('ana').openHome('messages');
  await until('there are prompts', async () => it.slack.prompts().length > 0);
  expect(it.slack.violations()).toEqual([]);
});

test('D2 who becomes a guest of the workspace loses the App Home that is open, and Slack’s word for it is enough', async () => {
  const { approval } = await it.propose('INV-503');
  it.slack.as('bo').openHome('home');
  await until('it is shown', async () => home('bo').includes(`approve:${approval.id}`));
  const become = (isGuest: boolean): void => {
    it.slack.change('bo', { isGuest });
    const user = { id: it.slack.users.bo.id, team_id: it.slack.teamId, name: 'bo', is_restricted: isGuest };
    it.slack.emit({ type: 'user_change', user, event_ts: '1.1' });
  };
  become(true);
  await until('it is gone', async () => home('bo').includes('full members of this workspace only'));
  expect(home('bo')).not.toMatch(/approve:|\/runs\/|\/link\//);
  become(false);
  await until(
    'Slack was heard',
    async () =>
      (await it.sql`select 1 from slack_people where external_id = ${it.slack.users.bo.id} and not is_guest`).length >
      0,
  );
  it.slack.as('bo').openHome('home');
  await until('it is theirs again', async () => home('bo').includes(`approve:${approval.id}`));
});

test('who is a guest from the start sees a polite line and no link', async () => {
  it.slack.change('zoe', { isGuest: true });
  it.slack.as('zoe').openHome('home');
  await until('it is shown', async () => home('zoe').includes('full members of this workspace only'));
  expect(home('zoe')).not.toContain('/link/');
  expect(it.slack.violations()).toEqual([]);
});
