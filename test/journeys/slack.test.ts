import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSlackCompany, type SlackCompany } from '#test/setup/slack-company.ts';
import { invoicesOf } from '#test/setup/company.ts';
import { until } from '#test/setup/until.ts';

let it: SlackCompany;
beforeAll(async () => {
  it = await startSlackCompany();
});
afterAll(() => it.stop());

test('a mention becomes a card in the thread, a colleague approves it there, and the invoice is posted once', async () => {
  const { ts, card } = await it.proposeIn('INV-77');
  const clicked = await it.slack.as('bo').click(card, 'Approve');
  expect(clicked.status).toBe(200);
  const receipt = await it.hears('general', ts, /Done: .*INV-77/);
  expect(receipt).toBeTruthy();
  expect(invoicesOf(it.erp, 'INV-77')).toHaveLength(1);
  await until('the card shows the decision', async () => {
    const shown = await it.hears('general', ts, /Approved/);
    return shown['ts'] === card['ts'];
  });
  expect(it.slack.violations()).toEqual([]);
});
