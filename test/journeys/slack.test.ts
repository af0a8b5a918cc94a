import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSlackCompany, type SlackCompany } from '#test/setup/slack-company.ts';
import { invoicesOf } from '#test/setup/company.ts';
import { until } from '#test/setup/until.ts';

let it: SlackCompany;
beforeAll(async () => {
  it = await startSlackCompany({
    // Of what is said among a few only the mention comes, which does not say so.
    slack: { channels: { general: {}, random: {}, few: { group: true } }, events: ['app_mention', 'message.channels'] },
  });
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

test('D3 a mention in a group conversation is kept as private, as Slack says of it; one in a channel is not', async () => {
  for (const [channel, isDirect] of [
    ['few', true],
    ['general', false],
  ] as const) {
    const ts = await it.slack.as('mia').say(channel, '@bot what can you do?');
    await it.hears(channel, ts, /./);
    const [thread] = await it.sql`select is_direct from threads where thread = ${ts}`;
    expect(thread).toEqual({ is_direct: isDirect });
  }
  expect(it.slack.calls('conversations.info').map(({ answer }) => answer)).toContain('ok');
  expect(it.slack.violations()).toEqual([]);
});
