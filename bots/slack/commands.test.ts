import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '#core/ids.ts';
import { identities, messages, runs, slackLinks, threads } from '#db/schema/index.ts';
import { readable, type Message } from '#test/fakes/slack/index.ts';
import { addAsked } from '#test/web/asked.ts';
import { addRows } from '#test/web/rows.ts';
import { inOrg } from '#test/web/world.ts';
import { createInteractions } from './interactions.ts';
import { openOffice, type Office } from './office.fixture.ts';

let it: Office;
beforeAll(async () => {
  it = await openOffice();
});
afterAll(() => it.close());

type Name = 'ana' | 'bo' | 'mia' | 'vic' | 'gus' | 'zoe' | 'sam';
/** Types a command; what its person alone is answered. */
async function abet(name: Name, text: string): Promise<string> {
  const before = it.slack.messages('general').length;
  const { status, body } = await it.slack.as(name).command(`/abet ${text}`, { channel: 'general' });
  expect([status, body['response_type']]).toEqual([200, 'ephemeral']);
  expect(it.slack.messages('general')).toHaveLength(before);
  return readable(body);
}
const asked = (memberId: string) =>
  inOrg(it.world, it.orgId, ({ tx }) =>
    tx
      .select({ text: messages.text, channel: threads.channel, thread: threads.thread, isDirect: threads.isDirect })
      .from(runs)
      .innerJoin(messages, eq(messages.id, runs.messageId))
      .innerJoin(threads, eq(threads.id, runs.threadId))
      .where(eq(runs.requestedBy, memberId)),
  );

test.each(['', '   ', 'help', 'HELP', '\u200b', '?', '👍'])('"/abet %s" helps, whoever asks', async (text) => {
  expect(await abet('zoe', text)).toContain('How to ask');
});

test('anything else is a request, in a thread that begins with it', async () => {
  // Of whom we met we know that she is a colleague, and her name.
  await abet('mia', 'status');
  expect(await abet('bo', 'ask @mia about <INV-77> & more')).toContain('On it');
  const [one] = await asked(it.members.bo.memberId);
  expect(one).toMatchObject({ channel: it.slack.channels.general, isDirect: false });
  expect(one?.text).toBe('ask @mia about <INV-77> & more');
  expect(one?.thread).toMatch(/^new:/);
});

test.each([
  ['zoe', '/abet connect'],
  ['gus', 'Guests cannot'],
  ['vic', 'only lets you read'],
] as const)('a request of %s is refused in its own answer', async (name, why) => {
  expect(await abet(name, 'post invoice INV-77')).toContain(why);
});

test('status shows what is under way, of oneself only', async () => {
  await addRows(it.world, it.members.ana);
  expect(await abet('ana', 'status')).toContain('post invoice INV-77');
  expect(await abet('vic', 'Status')).not.toContain('INV-77');
});

test('approvals lists what waits for one, with links and without buttons that decide', async () => {
  const { approvalId } = await addAsked(it.world, it.members.mia, it.erp);
  const { body } = await it.slack.as('bo').command('/abet approvals', { channel: 'general' });
  const shown = JSON.stringify(body);
  expect(shown).toContain(`/approvals/${approvalId}`);
  expect(shown).not.toMatch(/"(approve|deny|edit):/);
  expect(await abet('mia', 'approvals')).toContain('Nothing waits for your decision');
});

test('stop stops one’s own requests of the channel, and says what it stopped', async () => {
  expect(await abet('mia', 'stop')).toContain('Nothing of yours is under way here');
  await abet('mia', 'count the invoices');
  const elsewhere = await addRows(it.world, it.members.mia);
  expect(await abet('mia', 'stop')).toContain('Stopping: count the invoices');
  const rows = await inOrg(it.world, it.orgId, ({ tx }) =>
    tx.select().from(runs).where(eq(runs.requestedBy, it.members.mia.memberId)),
  );
  const stopped = rows.filter(({ stopRequestedAt }) => stopRequestedAt !== null);
  expect(stopped).toHaveLength(1);
  expect(stopped.map(({ id }) => id)).not.toContain(elsewhere.runId);
});

test('R5 a stop that was stored long ago, and comes again now, stops nothing that was asked for since', async () => {
  const { config, db, client, keys, log } = it.world.deps;
  const ensureEnv = async () => 'off' as const;
  const slack = { call: async () => ({ ok: true }), ensureEnv, forget: () => undefined };
  const { command } = createInteractions({ config, db, client, keys, log, slack, respond: async () => undefined });
  await abet('ana', 'count the invoices');
  const tenant = it.slack.teamId;
  const form = { text: 'stop', user_id: it.slack.users.ana.id, team_id: tenant, channel_id: it.slack.channels.general };
  const stop = async (change: object) =>
    readable((await command(form, { orgId: it.orgId, tenant, sourceKey: newId(), ...change })).body as Message);
  expect(await stop({ storedAt: new Date(Date.now() - 60_000) })).toContain('Nothing of yours is under way here');
  expect(await stop({ storedAt: new Date(Date.now() + 60_000) })).toContain('Stopping: count the invoices');
});

test('connect gives a link to those we do not know, for them alone; a new one ends the older', async () => {
  const link = async () => {
    const { body } = await it.slack.as('zoe').command('/abet connect', { channel: 'general' });
    return /\/link\/[\w-]+/.exec(JSON.stringify(body))?.[0];
  };
  expect(await link()).toBeTruthy();
  expect(await link()).toBeTruthy();
  const rows = await inOrg(it.world, it.orgId, ({ tx }) =>
    tx.select().from(slackLinks).where(eq(slackLinks.externalId, it.slack.users.zoe.id)),
  );
  expect(rows.filter(({ expiresAt }) => expiresAt.getTime() > Date.now())).toHaveLength(1);
});

test('connect gives no link to strangers and guests, and tells others whose the account is', async () => {
  expect(await abet('sam', 'connect')).not.toContain('Open this link');
  expect(await abet('gus', 'connect')).toContain('Guests cannot');
  expect(await abet('bo', 'connect')).toContain('linked to A admin already');
});

test('disconnect unlinks, and only oneself', async () => {
  expect(await abet('vic', 'disconnect')).toContain('Unlinked');
  const left = await inOrg(it.world, it.orgId, ({ tx }) =>
    tx.select().from(identities).where(eq(identities.platform, 'slack')),
  );
  expect(left.map(({ externalId }) => externalId)).not.toContain(it.slack.users.vic.id);
  expect(left).toHaveLength(4);
  expect(await abet('vic', 'status')).toContain('/abet connect');
});
