import { afterAll, beforeAll, expect, test } from 'vitest';
import { createEars, envelope, message, type EarsWorld } from '#test/slack/ears.ts';
import type { Json } from '#test/fakes/slack/words.ts';

let ears: EarsWorld;
beforeAll(async () => {
  ears = await createEars();
  await ears.connect();
});
afterAll(() => ears.drop());

const send = (body: Json, form = false) => ears.send(body, { skewS: Math.round(ears.clock.aheadMs / 1000), form });
const from = (team: string) =>
  envelope(message({ team }), { team_id: team, context_team_id: team, authorizations: [{ team_id: team }] });
const warnings = (): Json[] =>
  ears.logged.map((line): Json => JSON.parse(line)).filter(({ msg }) => String(msg).includes('not installed here'));

test('what comes from a workspace that is not installed here is said once an hour for each, with what to do', async () => {
  for (const team of ['TNEW', 'TNEW', 'TOTHER']) expect((await send(from(team))).status).toBe(200);
  const command = { command: '/abet', text: 'status', team_id: 'TNEW', user_id: 'UANA', trigger_id: '1.2.3' };
  expect((await send(command, true)).status).toBe(200);
  expect(warnings()).toMatchObject([
    { level: 40, tenant: 'TNEW', msg: expect.stringMatching(/Install the app/) },
    { level: 40, tenant: 'TOTHER' },
  ]);
  ears.clock.aheadMs += 61 * 60_000;
  await send(from('TNEW'));
  expect(warnings().map(({ tenant }) => tenant)).toEqual(['TNEW', 'TOTHER', 'TNEW']);
  expect(ears.logged.join('')).not.toContain('INV-77');
});

test('a workspace that is ours is not warned about, nor one of which Slack cannot say now whose it is', async () => {
  const before = warnings().length;
  expect((await send(envelope(message()))).status).toBe(200);
  const other = await createEars({ env: { SLACK_BOT_TOKEN: 'xoxb-1' } });
  try {
    other.slack.env = 'unreachable';
    expect((await other.send(envelope(message()))).status).toBe(503);
    expect(other.logged.join('')).not.toContain('not installed here');
  } finally {
    await other.drop();
  }
  expect(warnings()).toHaveLength(before);
});

test('I1 while Slack refuses the token of the settings, what comes is stored as refused, and Slack is not asked at each', async () => {
  const other = await createEars({ env: { SLACK_BOT_TOKEN: 'xoxb-1' } });
  let asks = 0;
  other.slack.onEnsure = async () => void (asks += 1);
  other.slack.env = 'refused';
  try {
    for (let n = 0; n < 3; n++) expect((await other.send(envelope(message()))).status).toBe(200);
    expect((await other.rows()).map(({ outcome, reason }) => `${outcome} ${reason}`)).toEqual(
      Array.from({ length: 3 }, () => 'refused unknown_tenant'),
    );
    expect(asks).toBe(1);
  } finally {
    await other.drop();
  }
});
