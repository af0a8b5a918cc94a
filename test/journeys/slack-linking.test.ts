import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Colleague } from '#test/setup/company.ts';
import { openPanel, type Panel } from '#test/setup/panel.ts';
import { startSlackCompany, type SlackCompany } from '#test/setup/slack-company.ts';
import { until } from '#test/setup/until.ts';
import type { Person } from '#test/fakes/slack/options.ts';

/** Nobody here is linked; only whoever is of the org can be. */
const PEOPLE: Record<string, Person> = {
  ana: { email: 'ana@example.com', isAdmin: true },
  bo: { email: 'bo@example.com' },
  mia: { email: 'mia@example.com' },
  pia: { email: 'Pia@Example.com' },
  kim: { email: 'kim@elsewhere.test' },
  rob: { email: 'rob@example.com' },
  lee: { email: 'lee@example.com' },
  gus: { email: 'gus@example.com', isGuest: true },
  sue: { email: 'sue@example.com', isGuest: 'single' },
  tom: { email: 'tom@example.com', isStranger: true, teamId: 'T0OTHER001' },
  old: { email: 'old@example.com', deleted: true },
};
let it: SlackCompany;
let pia: Colleague;
let piasPanel: Panel;
let ids: Record<string, string>;

beforeAll(async () => {
  it = await startSlackCompany({
    slack: {
      users: PEOPLE,
      channels: { general: {}, random: {}, shared: { isExtShared: true, members: ['ana', 'tom'] } },
    },
  });
  ids = Object.fromEntries(Object.entries(it.slack.users).map(([name, { id }]) => [name, id]));
  pia = await it.join('Pia', 'member');
  for (const name of ['Gus', 'Sue', 'Tom', 'Old']) await it.join(name, 'member');
  piasPanel = await openPanel(it.url, pia);
});
afterAll(() => it?.stop());
beforeEach(() => setSlack({}));

const setSlack = (change: { matchEmail?: boolean; channels?: string[] }) => {
  const slack = { matchEmail: false, channels: [], tellApprovers: true, ...change };
  return it.sql`update orgs set settings = settings || ${it.sql.json({ slack })}`;
};
const linesTo = (name: string): string[] => it.slack.ephemerals(name).map(({ text }) => String(text));
const linkIn = (text: string): string => /\/link\/[\w-]+/.exec(text)?.[0] ?? '';
const memberOf = async (name: string): Promise<string | undefined> =>
  (await it.sql`select member_id from identities where external_id = ${ids[name] ?? ''}`)[0]?.['member_id'];
const outcomeOf = (channel: 'general' | 'random' | 'shared', ts: string) =>
  until('it is stored', async () => {
    const id = it.slack.channels[channel];
    const [row] = await it.sql<{ outcome: string; reason: string | null }[]>`
      select outcome, reason from inbound_events where source_key = ${`${id}:${ts}`}`;
    return row && [row.outcome, row.reason];
  });
const say = async (name: string, text = '@bot anything', channel: 'general' | 'random' | 'shared' = 'general') => {
  const ts = await it.slack.as(name).say(channel, text);
  return { ts, outcome: await outcomeOf(channel, ts) };
};

test('whoever is not known gets one private line with a link, opens it signed in, confirms, and is heard', async () => {
  expect((await say('pia')).outcome).toEqual(['refused', 'unlinked']);
  const line = await until('she is told', async () => linesTo('pia')[0]);
  expect(line).toContain('I do not know you yet');
  expect(it.slack.transcript('general')).not.toContain('/link/');
  for (const name of ['ana', 'bo']) expect(linesTo(name)).toEqual([]);
  await say('pia');
  await it.slack.quiet();

  const link = linkIn(line);
  const signedOut = await fetch(`${it.url}${link}`, { redirect: 'manual' });
  expect(signedOut.headers.get('location')).toBe(`/sign-in?next=${encodeURIComponent(link)}`);
  expect((await piasPanel.get(link)).text).toContain('Will act as');
  expect(await memberOf('pia')).toBeUndefined();
  expect((await piasPanel.post(link)).status).toBe(200);
  expect(await memberOf('pia')).toBe(pia.memberId);
  expect((await piasPanel.post(link)).status).toBe(410);

  const { ts, outcome } = await say('pia');
  expect(outcome[0]).toBe('run');
  await it.hears('general', ts, 'Rule-based mode');
  expect(linesTo('pia')).toHaveLength(1);
});

test('/abet connect gives a new link and ends the one before; /abet disconnect undoes it', async () => {
  const connect = async () =>
    JSON.stringify((await it.slack.as('kim').command('/abet connect', { channel: 'general' })).body);
  const [first, second] = [linkIn(await connect()), linkIn(await connect())];
  const kim = await it.join('Kim', 'member');
  const panel = await openPanel(it.url, kim);
  expect((await panel.get(first)).status).toBe(410);
  // Another address in Slack than in the panel: it has to be said.
  expect((await panel.post(second)).status).toBe(422);
  expect((await panel.post(second, { mine: 'yes' })).status).toBe(200);
  expect(await memberOf('kim')).toBe(kim.memberId);
  expect(await connect()).toContain('linked to Kim already');
  expect(JSON.stringify((await it.slack.as('kim').command('/abet disconnect', { channel: 'general' })).body)).toContain(
    'Unlinked',
  );
  expect(await memberOf('kim')).toBeUndefined();
  expect((await say('kim')).outcome).toEqual(['refused', 'unlinked']);
});

test('an address alone makes nobody a member, unless the org says so; then no link is needed', async () => {
  const rob = await it.join('Rob', 'member');
  expect((await say('rob')).outcome).toEqual(['refused', 'unlinked']);
  expect(await memberOf('rob')).toBeUndefined();
  await setSlack({ matchEmail: true });
  // Messages go by a setting that is a minute old at most; commands ask at once.
  const command = await it.slack.as('rob').command('/abet status', { channel: 'general' });
  expect(JSON.stringify(command.body)).not.toContain('do not know you');
  expect((await say('rob')).outcome[0]).toBe('run');
  expect(await memberOf('rob')).toBe(rob.memberId);
  const [row] = await it.sql`select details from audit_log where action = 'identity.linked' order by seq desc limit 1`;
  expect(JSON.stringify(row)).toContain('email');
});

test.each([
  ['gus', 'guest', 'Guests cannot ask'],
  ['sue', 'guest', 'Guests cannot ask'],
  ['tom', 'stranger', 'another company'],
  ['old', 'account_off', 'switched off'],
])('%s, whose address is a member’s, is told once and politely, and never matched', async (name, reason, words) => {
  await setSlack({ matchEmail: true });
  const channel = name === 'tom' ? 'shared' : 'general';
  for (const text of ['@bot anything', '@bot again'])
    expect((await say(name, text, channel)).outcome).toEqual(['refused', reason]);
  const line = await until('they are told', async () => linesTo(name)[0]);
  expect(line).toContain(words);
  expect(line).not.toContain('/link/');
  const command = await it.slack.as(name).command('/abet connect', { channel });
  expect(JSON.stringify(command.body)).not.toContain('/link/');
  await it.slack.quiet();
  expect(it.slack.ephemerals(name).filter(({ via }) => via === 'api')).toHaveLength(1);
  expect(await memberOf(name)).toBeUndefined();
});

test('a member whose access was switched off is not heard any more, nor is one who became a guest in Slack', async () => {
  expect((await say('mia')).outcome[0]).toBe('run');
  await it.sql`update members set status = 'deactivated' where id = ${it.mia.memberId}`;
  expect((await say('mia')).outcome).toEqual(['refused', 'deactivated']);
  await it.sql`update members set status = 'active' where id = ${it.mia.memberId}`;
  it.slack.change('mia', { isGuest: true });
  it.slack
    .post({
      type: 'event_callback',
      team_id: it.slack.teamId,
      event_id: 'Ev0GUEST',
      authorizations: [{ team_id: it.slack.teamId, user_id: it.slack.botUserId, is_bot: true }],
      event: {
        type: 'user_change',
        user: { id: ids['mia'], team_id: it.slack.teamId, name: 'mia', is_restricted: true, profile: {} },
      },
    })
    .catch(() => undefined);
  await until(
    'Slack has said so',
    async () => (await it.sql`select 1 from slack_people where external_id = ${ids['mia'] ?? ''} and is_guest`)[0],
  );
  expect((await say('mia')).outcome).toEqual(['refused', 'guest']);
});

test('the account of somebody deactivated is unlinked by an admin, gets a link when it asks, and is tied to whoever opens it', async () => {
  const left = await it.join('Lee', 'member');
  await it.link('lee', left.memberId);
  const panel = await openPanel(it.url, it.bo);
  await it.sql`update members set status = 'deactivated' where id = ${left.memberId}`;
  expect((await say('lee')).outcome).toEqual(['refused', 'deactivated']);
  await until('they are told', async () => linesTo('lee').some((text) => text.includes('switched off')));

  const path = `/members/${left.memberId}/accounts`;
  const [, id = ''] = /accounts\/([\w-]+)\/unlink/.exec((await panel.get(path)).text) ?? [];
  expect((await piasPanel.post(`${path}/${id}/unlink`)).status).toBe(403);
  expect(await memberOf('lee')).toBe(left.memberId);
  expect((await panel.post(`${path}/${id}/unlink`)).status).toBe(200);
  expect(await memberOf('lee')).toBeUndefined();

  expect((await say('lee')).outcome).toEqual(['refused', 'unlinked']);
  const link = await until('they get a link', async () => linesTo('lee').map(linkIn).find(Boolean));
  const back = await it.join('Lena', 'member');
  expect((await (await openPanel(it.url, back)).post(link, { mine: 'yes' })).status).toBe(200);
  expect(await memberOf('lee')).toBe(back.memberId);
  expect((await say('lee')).outcome[0]).toBe('run');
});

test('where the org lists channels, people are heard there and in direct messages only', async () => {
  await setSlack({ channels: [it.slack.channels['random'] ?? ''] });
  // A workspace's settings are remembered for a minute; the channels are looked up with each message.
  expect((await say('bo', '@bot anything', 'random')).outcome[0]).toBe('run');
  expect((await say('bo', '@bot anything', 'general')).outcome).toEqual(['refused', 'channel']);
  await until('he is told', async () => linesTo('bo').some((text) => text.includes('Admins choose the channels')));
  const command = await it.slack.as('bo').command('/abet anything', { channel: 'general' });
  expect(JSON.stringify(command.body)).toContain('Admins choose the channels');
  const bo = it.slack.as('bo');
  const ts = await bo.dm('anything');
  await until('it is heard', async () => {
    const [row] = await it.sql`select outcome from inbound_events where source_key = ${`${bo.dmChannel()}:${ts}`}`;
    return row?.['outcome'] === 'run';
  });
});
