import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newId } from '#core/ids.ts';
import { createEars, type EarsWorld } from '#test/slack/ears.ts';
import type { Json } from '#test/fakes/slack/words.ts';

let ears: EarsWorld;
beforeAll(async () => {
  ears = await createEars();
  await ears.connect();
});
afterAll(() => ears.drop());
beforeEach(() => {
  ears.answer.next = { status: 200 };
  ears.handed.length = 0;
});

const click = (change: Json = {}): Json => ({
  type: 'block_actions',
  user: { id: 'UANA', team_id: 'T1' },
  team: { id: 'T1' },
  trigger_id: `1.2.${newId()}`,
  container: { type: 'message', message_ts: '1.1', channel_id: 'C1' },
  channel: { id: 'C1' },
  actions: [{ type: 'button', action_id: 'approve:1', action_ts: '1767326130.289415' }],
  response_url: 'https://hooks.test/1',
  ...change,
});
const command = (change: Json = {}): Json => ({
  command: '/abet',
  text: 'status',
  team_id: 'T1',
  user_id: 'UANA',
  channel_id: 'C1',
  trigger_id: `1.2.${newId()}`,
  response_url: 'https://hooks.test/1',
  is_enterprise_install: 'false',
  ...change,
});

test('I1 a click is stored under its trigger, then handed on; delivered again it is answered and nothing is done', async () => {
  const body = click();
  for (const skewS of [0, 1]) expect((await ears.send(body, { form: 'payload', skewS })).status).toBe(200);
  expect(ears.handed).toMatchObject([
    { what: 'interaction', given: body, heard: { orgId: ears.orgId, tenant: 'T1', sourceKey: body['trigger_id'] } },
  ]);
  expect((await ears.rows()).at(-1)).toMatchObject({
    source_key: body['trigger_id'],
    outcome: 'command',
    reason: 'block_actions',
    sender_id: 'UANA',
  });
});

test('I1 of one click in two processes at once one is handed on', async () => {
  const body = click();
  const other = ears.another();
  await Promise.all(
    [0, 1, 2, 3].map((n) => ears.send(body, { form: 'payload', skewS: n, to: n % 2 ? other : ears.receiver })),
  );
  expect(ears.handed).toHaveLength(1);
});

test('what a command or a modal is answered with is what Slack gets; what follows runs after it', async () => {
  let isDone = false;
  ears.answer.next = {
    status: 200,
    body: { response_type: 'ephemeral', text: 'here' },
    after: async () => {
      isDone = true;
    },
  };
  const answer = await ears.send(command(), { form: true });
  expect([answer.status, await answer.json()]).toEqual([200, { response_type: 'ephemeral', text: 'here' }]);
  await ears.settle();
  expect(isDone).toBe(true);
  expect(ears.handed).toMatchObject([{ what: 'command', given: { text: 'status' } }]);
});

test('one delivery that asks for a run stays one row: the stored command becomes it', async () => {
  const form = command({ text: 'post invoice INV-77' });
  await ears.link(ears.ownerId, 'UANA');
  await ears.send(form, { form: true });
  const heard = ears.handed[0]?.heard ?? {};
  const where = { platform: 'slack', tenant: 'T1', channel: 'C1', thread: `new:${newId()}` } as const;
  const sender = { id: 'UANA', name: 'Ana', isBot: false, isGuest: false };
  const inbound = {
    sourceKey: String(heard['sourceKey']),
    where,
    sender,
    text: 'post invoice INV-77',
    isDirect: false,
  };
  const both = await Promise.all([ears.client.receive(inbound), ears.client.receive(inbound)]);
  expect(both.filter(({ isReplay }) => isReplay)).toHaveLength(1);
  expect(
    await ears.sql`select outcome, reason, run_id from inbound_events where source_key = ${inbound.sourceKey}`,
  ).toEqual([{ outcome: 'run', reason: null, run_id: expect.any(String) }]);
  expect((await ears.send(form, { form: true, skewS: 1 })).status).toBe(200);
  expect(ears.handed).toHaveLength(1);
});

test('what fails is acknowledged all the same, and the person is told privately', async () => {
  ears.answer.next = new Error('broken');
  const answer = await ears.send(command(), { form: true });
  expect([answer.status, await answer.json()]).toMatchObject([200, { text: expect.stringContaining('did not work') }]);
  expect((await ears.send(click(), { form: 'payload' })).status).toBe(200);
  await ears.settle();
  expect(ears.responded).toMatchObject([
    { url: 'https://hooks.test/1', message: { response_type: 'ephemeral', replace_original: false } },
  ]);
});

test('I3 in a workspace that nobody connected nothing is handed on', async () => {
  const answer = await ears.send(command({ team_id: 'T9' }), { form: true });
  expect([answer.status, await answer.json()]).toMatchObject([200, { text: expect.stringContaining('not connected') }]);
  expect((await ears.send(click({ team: { id: 'T9' } }), { form: 'payload' })).status).toBe(200);
  expect(ears.handed).toEqual([]);
  expect((await ears.rows()).at(-1)).toMatchObject({ org_id: null, outcome: 'refused', reason: 'unknown_tenant' });
});

test.each([
  ['true', 'E9'],
  ['false', 'T9'],
])(
  'I3 a command, and a click that spells it too, belongs to the Enterprise or the team: %s',
  async (spelled, tenant) => {
    const all = { is_enterprise_install: spelled, team_id: 'T9', enterprise_id: 'E9' };
    await ears.send(command(all), { form: true });
    expect((await ears.rows()).at(-1)).toMatchObject({ tenant });
    await ears.send(click({ ...all, team: { id: 'T9' }, enterprise: { id: 'E9' } }), { form: 'payload' });
    expect((await ears.rows()).at(-1)).toMatchObject({ tenant });
  },
);

test('a list that asks for its options gets none, and leaves nothing', async () => {
  const before = (await ears.rows()).length;
  const answer = await ears.send(click({ type: 'block_suggestion', value: 'a' }), { form: 'payload' });
  expect(await answer.json()).toEqual({ options: [] });
  expect(await ears.rows()).toHaveLength(before);
});
