import { afterAll, beforeAll, expect, test } from 'vitest';
import { holdLock } from '#test/chaos/locks.ts';
import type { Json } from '#test/fakes/slack/index.ts';
import { invoicesOf } from '#test/setup/company.ts';
import { runScript } from '#test/setup/child.ts';
import { startSlackProcesses, type SlackProcesses } from '#test/setup/slack-processes.ts';
import { until } from '#test/setup/until.ts';

// Three processes: the bots role alone holds the socket, web shows the panel, the worker works.
let it: SlackProcesses;
beforeAll(async () => {
  const channels = { general: {}, cut: {}, cable: {}, locked: {}, gone: {} };
  it = await startSlackProcesses({
    roles: ['web', 'bots', 'worker'],
    slack: { channels },
    env: { SLACK_SIGNING_SECRET: '', SLACK_APP_TOKEN: 'xapp-1-canary-77c0' },
  });
  it.slack.useSocket();
  await until('the socket is open', async () => it.slack.socket.connections() === 1);
});
afterAll(() => it.stop());

const runsFor = async (channel: string, asked: readonly string[]) =>
  (await Promise.all(asked.map((ts) => it.runOf(channel, ts)))).map((runs) => runs.length);
const idle = () =>
  until('nothing is under way', async () => (await it.sql`select 1 from runs where status = 'running'`).length === 0);
const acknowledged = () => until('everything is acknowledged', async () => it.slack.socket.waiting() === 0, 25_000);

test('over the socket: a mention becomes a card, a click approves it, and the invoice is posted once', async () => {
  const { ts, card, runId } = await it.proposeIn('INV-601');
  expect((await it.slack.as('bo').click(card, 'Approve')).status).toBe(200);
  await it.hears('general', ts, /Done: .*INV-601/);
  await it.runIs(it.ana, runId, 'done');
  await it.sessionIs('general', ts, 'active');
  expect(invoicesOf(it.erp, 'INV-601')).toHaveLength(1);
  expect(it.slack.deliveries()).toEqual([]);
  expect(it.slack.violations()).toEqual([]);
});

test('answers to commands and modals go back with the acknowledgement', async () => {
  const help = await it.slack.as('ana').command('/abet help', { channel: 'general' });
  expect(help.body).toMatchObject({ response_type: 'ephemeral', text: expect.stringContaining('/abet') });
  const { ts, card } = await it.proposeIn('INV-602');
  await it.slack.as('bo').click(card, 'Deny');
  const modal = await until('he is asked why', async () => it.slack.modals('bo').at(-1));
  const input = modal['blocks'].find((block: { type: string }) => block.type === 'input');
  const denied = await it.slack.as('bo').submit(modal, { [input.element.action_id]: 'Too much.' });
  expect(denied.status).toBe(200);
  await it.hears('general', ts, /Denied/);
  expect(it.slack.modals('bo')).toEqual([]);
  expect(invoicesOf(it.erp, 'INV-602')).toEqual([]);
});

test('I1 I2 reconnects, warnings and a cut cable while events come: nothing is lost, nothing is doubled', async () => {
  const asked: string[] = [];
  for (let n = 1; n <= 12; n += 1) {
    asked.push(await it.slack.as('ana').say(n % 2 ? 'cut' : 'cable', `@bot hi ${n}`));
    if (n === 4) it.slack.socket.dropConnection();
    if (n === 8) await until('it is connected again', async () => it.slack.socket.connections() === 1);
    if (n === 9) it.slack.socket.disconnect('warning');
    if (n === 11) it.slack.socket.disconnect('refresh_requested');
  }
  await acknowledged();
  await until('it is connected again', async () => it.slack.socket.connections() === 1);
  const runs = await it.sql`select r.id from runs r join inbound_events e on e.run_id = r.id
    where e.source_key like any (${[it.slack.channels['cut' as never], it.slack.channels['cable' as never]].map((id) => `${id}:%`)})`;
  expect(runs).toHaveLength(asked.length);
  const redelivered = it.slack.socket.acks().filter(({ retryAttempt }) => retryAttempt > 0);
  expect(redelivered.length).toBeGreaterThan(0);
});

test('I1 what cannot be stored is not acknowledged, and comes again', async () => {
  await idle();
  it.slack.socket.acknowledgeWithin(500);
  const lock = await holdLock(it.ground.database.adminUrl, (sql) => sql`lock table inbound_events`);
  const held = it.slack.hold();
  const ts = await it.slack.as('ana').say('locked', '@bot hi');
  held.drop();
  const acks = held.envelopes.map((envelope) => it.slack.socket.send('events_api', envelope));
  await until('they came twice', async () => {
    const waiting = await it.sql`select 1 from pg_locks where relation = 'inbound_events'::regclass and not granted`;
    return waiting.length > acks.length;
  });
  await lock.release();
  for (const { retryAttempt } of await Promise.all(acks)) expect(retryAttempt).toBeGreaterThan(0);
  expect(await runsFor('locked', [ts])).toEqual([1]);
  it.slack.socket.acknowledgeWithin(3_000);
  it.wires.postgres.cut();
  const gone = await it.slack.as('ana').say('gone', '@bot hi');
  await until('it could not be stored', async () => it.output().includes('could not be stored; it will come again'));
  it.wires.postgres.mend();
  await acknowledged();
  await it.hears('gone', gone, /./);
  expect(await runsFor('gone', [gone])).toEqual([1]);
});

test('I1 killed after a click was stored and before it was decided: it comes again, decides once, and the invoice is posted once', async () => {
  const { ts, card, approvalId, runId } = await it.proposeIn('INV-603');
  const lock = await holdLock(
    it.ground.database.adminUrl,
    (sql) => sql`select 1 from approvals where id = ${approvalId} for update`,
  );
  let payload: Json = {};
  const clicking = it.slack.as('bo').click(card, 'Approve', { tamper: (sent) => void (payload = sent) });
  // Bo's screen says that it failed.
  clicking.catch(() => undefined);
  await lock.isWaitedFor();
  const opened = it.slack.socket.opened();
  await it.kill('bots');
  await lock.release();
  const [left] = await it.sql`select status from approvals where id = ${approvalId}`;
  expect(left?.['status']).toBe('pending');
  await until('the socket is open again', async () => it.slack.socket.opened() > opened);
  for (const _ of [1, 2]) void it.slack.socket.send('interactive', payload);
  await it.hears('general', ts, /Done: .*INV-603/);
  await it.runIs(it.ana, runId, 'done');
  expect(invoicesOf(it.erp, 'INV-603')).toHaveLength(1);
  expect(await it.sql`select 1 from approval_votes where approval_id = ${approvalId}`).toHaveLength(1);
  expect(await it.sql`select 1 from inbound_events where acting_until is not null`).toEqual([]);
});

test('with a wrong app token it says so, goes on, and keeps trying', async () => {
  const child = runScript('scripts/start.ts', ['bots'], {
    ...it.ground.env,
    ABETWORKS_DATA_DIR: `${it.ground.folder}/wrong`,
    SLACK_API_URL: it.slack.apiUrl,
    SLACK_BOT_TOKEN: it.slack.token(),
    SLACK_APP_TOKEN: 'xapp-wrong-canary',
  });
  const triedWrong = () => it.slack.calls('apps.connections.open').filter(({ token }) => token === 'xapp-wrong-canary');
  try {
    await child.ready();
    await until('it tries again', async () => triedWrong().length >= 2);
    await until('it says so', async () => /Socket Mode: no connection to Slack; trying again/.test(child.output()));
    expect(child.output()).toMatch(/invalid_auth/);
    expect(child.output()).not.toContain('xapp-wrong-canary');
  } finally {
    child.signal('SIGTERM');
    expect(await child.ended).toBe(0);
  }
});
