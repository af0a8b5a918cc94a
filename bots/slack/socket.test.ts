import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newId } from '#core/ids.ts';
import { settleEvent } from '#db/inbox.ts';
import { startSlack, type Json } from '#test/fakes/slack/index.ts';
import { until } from '#test/setup/until.ts';
import { createEars, envelope, message, type EarsWorld } from '#test/slack/ears.ts';
import type { Socket } from './socket.ts';

const slack = await startSlack();
const { socket: hub } = slack;
let ears: EarsWorld;
let socket: Socket;
beforeAll(async () => {
  ears = await createEars({ env: { SLACK_APP_TOKEN: slack.appToken, SLACK_API_URL: slack.apiUrl } });
  await ears.connect();
  await ears.link(ears.ownerId, 'UANA');
  ears.slack.add('UANA');
  socket = await ears.receiver.startSocket();
});
afterAll(async () => {
  await socket.stop();
  await ears.drop();
  await slack.stop();
});
beforeEach(() => {
  hub.acknowledgeWithin(3_000);
  ears.answer.next = { status: 200 };
});

const outcomes = async (said: Json) =>
  (await ears.sql`select outcome from inbound_events where source_key = ${`C1:${said['ts']}`}`).map(
    (row) => row['outcome'],
  );
const isAcknowledged = () => until('everything is acknowledged', async () => hub.waiting() === 0, 25_000);

test('I1 what comes over the socket is stored, then acknowledged, and is the same as over HTTP', async () => {
  const said = message();
  const { retryAttempt } = await hub.send('events_api', envelope(said));
  expect(retryAttempt).toBe(0);
  expect(await outcomes(said)).toEqual(['run']);
  expect((await ears.send(envelope(said))).status).toBe(200);
  expect(await outcomes(said)).toEqual(['run']);
  expect(await ears.sql`select 1 from runs`).toHaveLength(1);
});

test('I1 what could not be stored is not acknowledged, and counts when it comes again', async () => {
  hub.acknowledgeWithin(300);
  await ears.sql`alter table inbound_events rename to away`;
  const said = message();
  const acknowledged = hub.send('events_api', envelope(said));
  await until('it came', async () => ears.logged.some((line) => line.includes('could not be stored')));
  expect(hub.acks()).toHaveLength(1);
  await ears.sql`alter table away rename to inbound_events`;
  expect((await acknowledged).retryAttempt).toBeGreaterThan(0);
  expect(await outcomes(said)).toEqual(['run']);
});

test('answers to commands and modals go back with the acknowledgement', async () => {
  ears.answer.next = { status: 200, body: { response_type: 'ephemeral', text: 'here' } };
  const form = {
    command: '/abet',
    text: 'help',
    team_id: 'T1',
    user_id: 'UANA',
    channel_id: 'C1',
    trigger_id: '1.2.s',
  };
  expect((await hub.send('slash_commands', form)).payload).toMatchObject({ text: 'here' });
  ears.answer.next = { status: 200, body: { response_action: 'errors', errors: { a: 'b' } } };
  const submit = {
    type: 'view_submission',
    team: { id: 'T1' },
    user: { id: 'UANA' },
    trigger_id: '1.3.s',
    view: { id: 'V1' },
  };
  expect((await hub.send('interactive', submit)).payload).toMatchObject({ response_action: 'errors' });
  expect(ears.handed.map(({ what }) => what)).toEqual(['command', 'interaction']);
});

const click = (): Json => ({
  type: 'block_actions',
  user: { id: 'UANA', team_id: 'T1' },
  team: { id: 'T1' },
  trigger_id: `1.2.${newId()}`,
  actions: [{ type: 'button', action_id: 'approve:1' }],
});
const handedOf = (body: Json) => ears.handed.filter(({ heard }) => heard['sourceKey'] === body['trigger_id']);
/** Another process stored the click and acts on it, or it died: then its time runs out. */
const storedBefore = (body: Json, actMs: number) =>
  ears.client.note({
    platform: 'slack',
    tenant: 'T1',
    sourceKey: body['trigger_id'],
    senderId: 'UANA',
    outcome: 'command',
    reason: 'block_actions',
    actMs,
  });

test('I1 a click that was stored by a process that died before it acted on it counts when it comes again, once', async () => {
  const body = click();
  await storedBefore(body, 0);
  await Promise.all([0, 1, 2].map(() => hub.send('interactive', body)));
  expect(handedOf(body)).toMatchObject([{ heard: { storedAt: expect.any(Date) } }]);
  // Over HTTP the same trigger is a replay, whatever became of the first.
  const other = click();
  await storedBefore(other, 0);
  expect((await ears.send(other, { form: 'payload' })).status).toBe(200);
  expect(handedOf(other)).toEqual([]);
});

test('I1 a click that somebody acts on just now is acknowledged once that is done, and not acted on again', async () => {
  const body = click();
  await storedBefore(body, 60_000);
  let isAcknowledged = false;
  const acknowledged = hub.send('interactive', body).then(() => void (isAcknowledged = true));
  await hub.send('interactive', click());
  expect(isAcknowledged).toBe(false);
  const [orgId, sourceKey] = [ears.orgId, String(body['trigger_id'])];
  await ears.db.withOrg(orgId, (org) => settleEvent(org, { orgId, platform: 'slack', tenant: 'T1', sourceKey }));
  await acknowledged;
  expect(handedOf(body)).toEqual([]);
});

test.each([
  ['was acted on', { status: 200 }],
  ['failed, and its person was told', new Error('broken')],
])('I1 a click that %s is not acted on again when its acknowledgement was lost', async (_, answer) => {
  ears.answer.next = answer;
  const body = click();
  for (const _ of [1, 2]) await hub.send('interactive', body);
  expect(handedOf(body)).toHaveLength(1);
});

test('envelopes that nobody understands hurt nobody, and what can be acknowledged is', async () => {
  await hub.send('events_api', { type: 'app_rate_limited', team_id: 'T1', minute_rate_limited: 9 });
  await hub.send('events_api', { type: 'event_callback', team_id: 'T1', event: null });
  // The SDK would take it for the end of its connection.
  await hub.send('events_api', envelope({ type: 'close' }));
  await hub.send('interactive', {});
  expect(hub.connections()).toBe(1);
});

test('I3 a command over the socket says whose it is by a flag instead of a word', async () => {
  const form = { command: '/abet', text: 'help', team_id: 'T9', enterprise_id: 'E9', user_id: 'UANA' };
  for (const [is_enterprise_install, tenant] of [
    [true, 'E9'],
    [false, 'T9'],
  ] as const) {
    await hub.send('slash_commands', { ...form, is_enterprise_install, trigger_id: `1.2.${newId()}` });
    expect((await ears.rows()).at(-1)).toMatchObject({ tenant });
  }
});

test('an envelope of a new type is acknowledged and left alone, and said once', async () => {
  const before = await ears.rows();
  for (const type of ['canvas_api', 'canvas_api', 'other_api']) await hub.send(type, { text: 'secret', team_id: 'T1' });
  const lines = ears.logged.map((line) => JSON.parse(line)).filter(({ type }) => type !== undefined);
  expect(lines).toMatchObject([{ level: 40, type: 'canvas_api' }, { type: 'other_api' }]);
  expect(JSON.stringify(lines)).not.toContain('secret');
  expect(await ears.rows()).toEqual(before);
});

test('a cut cable and Slack’s own reconnects lose nothing and double nothing', async () => {
  const before = (await ears.sql`select 1 from runs`).length;
  const texts = Array.from({ length: 30 }, () => message());
  for (const [at, said] of texts.entries()) {
    void hub.send('events_api', envelope(said));
    if (at === 10) hub.dropConnection();
    if (at === 20) {
      await until('it is connected again', async () => hub.opened() === 2 && hub.connections() === 1);
      hub.disconnect('refresh_requested');
    }
  }
  await isAcknowledged();
  for (const said of texts) expect(await outcomes(said)).toEqual(['run']);
  expect(await ears.sql`select 1 from runs`).toHaveLength(before + 30);
  await until('it is connected a third time', async () => hub.opened() === 3 && hub.connections() === 1);
});

test('S2 after Stop nothing is taken in and no connection is left; what came meanwhile comes again', async () => {
  const other = await ears.another().startSocket();
  await until('both are connected', async () => hub.connections() === 2);
  await other.stop();
  await until('one is left', async () => hub.connections() === 1);
  const said = message();
  void hub.send('events_api', envelope(said));
  await isAcknowledged();
  expect(await outcomes(said)).toEqual(['run']);
});

test('a Slack that is away at the start is tried again', async () => {
  const away = await createEars({ env: { SLACK_APP_TOKEN: 'xapp-wrong', SLACK_API_URL: slack.apiUrl } });
  const trying = await away.receiver.startSocket();
  const lines = () =>
    away.logged.map((line) => JSON.parse(line)).filter(({ msg }) => /App_?Token|no connection/i.test(msg));
  await until('it was tried again', async () => lines().length > 1);
  expect(hub.connections()).toBe(1);
  expect(away.receiver.socketProblem()).toMatch(/SLACK_APP_TOKEN.*restart.*invalid_auth/);
  expect(ears.receiver.socketProblem()).toBeNull();
  await trying.stop();
  // Its token is wrong: somebody has to know, once, and what to do.
  expect(lines()[0]).toMatchObject({ alert: true, error: expect.stringContaining('invalid_auth') });
  expect(lines()[0].msg).toContain('SLACK_APP_TOKEN');
  expect(lines().filter(({ alert }) => alert)).toHaveLength(1);
  await away.drop();
});
