import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSlackApi } from '#activities/chat/slack/api.ts';
import { readConfig } from '#core/config.ts';
import { parseKeyRing } from '#core/keys.ts';
import { readable, type Json, type Message, type Slack } from '#test/fakes/slack/index.ts';
import { invoicesOf } from '#test/setup/company.ts';
import { readable as textOf, rawHistories } from '#test/setup/histories.ts';
import { openPanel, type Panel } from '#test/setup/panel.ts';
import { SAME, startOffices, type Office, type Offices } from '#test/setup/slack-offices.ts';
import { until } from '#test/setup/until.ts';

let offices: Offices;
let it: Offices['it'];
let acme: Office;
let bolt: Office;
/** Another admin of Acme. */
let cy: Panel;

beforeAll(async () => {
  offices = await startOffices();
  ({ it, acme, bolt } = offices);
  cy = await openPanel(it.url, await it.join('Cy', 'admin'));
});
afterAll(() => offices?.stop());

/** What the bot said in a thread, as soon as it reads so. */
const hears = (slack: Slack, ts: string, words: string | RegExp): Promise<Message> =>
  until(`the thread says ${words}`, async () => {
    const said = slack.thread('general', ts).filter((one) => one['user'] === slack.botUserId);
    const found = said.findLast((one) =>
      typeof words === 'string' ? readable(one).includes(words) : words.test(readable(one)),
    );
    if (!found) throw new Error(said.map(readable).join('\n---\n') || 'nothing yet');
    return found;
  });
/** Ana of an office asks for an invoice; the card that waits. */
async function propose({ slack, orgId }: Office, number: string) {
  const ts = await slack.as('ana').say('general', `@bot post invoice ${number} over 4200 EUR to the ERP`);
  const card = await hears(slack, ts, 'Approval needed');
  // Its row is stored once Slack has said where it is.
  const { id } = await until('the card is known', async () => {
    const [row] = await it.sql<{ id: string }[]>`
      select a.id from approvals a join approval_cards c on c.approval_id = a.id
      where a.org_id = ${orgId} and c.message = ${card['ts']}`;
    return row;
  });
  return { ts, card, id };
}
const statusOf = async (id: string) => (await it.sql`select status from approvals where id = ${id}`)[0]?.['status'];
const linkBoth = async (office: Office, tenant = office.slack.teamId) => {
  await offices.link(office, tenant, SAME.ana, office.ana.memberId);
  await offices.link(office, tenant, SAME.bo, office.bo.memberId);
};
/** As the panel of another process sees Slack. */
const anotherProcess = (env: Record<string, string> = {}) =>
  createSlackApi({
    db: it.db,
    keys: parseKeyRing(it.env['ABETWORKS_KEYS'] ?? ''),
    config: readConfig({ ...it.env, ...env }),
    log: pino({ level: 'silent' }),
  });
const exchanges = () => [acme, bolt].flatMap(({ slack }) => slack.calls('oauth.v2.access'));

test('an install works for the admin who began it, once, unchanged; anybody else’s ends with nothing stored', async () => {
  const { asked, back } = await offices.consent(acme.panel, acme.slack);
  expect(Object.fromEntries(asked.searchParams)).toMatchObject({
    code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    code_challenge_method: 'S256',
  });
  const returning = (change: (query: URLSearchParams) => void = () => {}): string => {
    const query = new URLSearchParams(back.search);
    change(query);
    return `${back.pathname}?${query.toString()}`;
  };
  const state = back.searchParams.get('state') ?? '';
  const forged: [string, Panel, string][] = [
    ['another admin of the org', cy, returning()],
    ['an admin of another org', bolt.panel, returning()],
    ['a changed state', acme.panel, returning((query) => query.set('state', `x${state}`))],
    ['a state without its signature', acme.panel, returning((query) => query.set('state', state.split('.')[0] ?? ''))],
    ['no state', acme.panel, returning((query) => query.delete('state'))],
    ['no code', acme.panel, returning((query) => query.delete('code'))],
  ];
  for (const [who, panel, path] of forged) expect([who, (await panel.get(path)).status]).toEqual([who, 400]);
  expect((await fetch(`${it.url}${returning()}`, { redirect: 'manual' })).headers.get('location')).toContain(
    '/sign-in',
  );
  expect(exchanges()).toEqual([]);
  expect(await offices.installation(acme.slack.teamId)).toEqual([]);

  const done = await acme.panel.get(returning());
  expect([done.status, done.location]).toEqual([303, `/slack?connected=${acme.slack.teamId}`]);
  expect((await acme.panel.get(done.location)).text).toContain('Acme is connected.');
  // An app of our manifest is not switched to PKCE: Slack wants no verifier, and the code is traded without.
  const verifiers = exchanges().map(({ args }) => args['code_verifier']);
  expect(verifiers).toEqual([expect.stringMatching(/^[\w-]{43}$/), undefined]);
  expect(await offices.installation(acme.slack.teamId)).toMatchObject([
    { org_id: acme.orgId, status: 'active', source: 'oauth', installed_by: acme.bo.memberId },
  ]);
  expect((await acme.panel.get(returning())).status).toBe(400);
  expect(exchanges()).toHaveLength(2);
});

test('with SLACK_PKCE=0 Slack is given neither challenge nor verifier, and agrees all the same', async () => {
  const api = anotherProcess({ SLACK_PKCE: '0' });
  const redirectUri = 'https://abw.example.com/slack/oauth_redirect';
  bolt.slack.consent('ana');
  const asked = api.installUrl({ state: 's', challenge: 'c', redirectUri });
  expect(asked).not.toContain('code_challenge');
  const agreed = await fetch(asked, { redirect: 'manual' });
  const code = new URL(agreed.headers.get('location') ?? '').searchParams.get('code') ?? '';
  expect(await api.exchange(code, 'v', redirectUri)).toMatchObject({ tenant: bolt.slack.teamId });
  expect(bolt.slack.calls('oauth.v2.access').at(-1)?.args).not.toHaveProperty('code_verifier');
});

test('who says no in Slack changes nothing', async () => {
  bolt.slack.consent('ana', { deny: true });
  const begun = await bolt.panel.post('/slack/install');
  const agreed = await fetch(begun.location, { redirect: 'manual' });
  const { pathname, search } = new URL(agreed.headers.get('location') ?? '');
  const back = await bolt.panel.get(pathname + search);
  expect([back.status, back.text]).toEqual([400, expect.stringContaining('was cancelled in Slack')]);
  expect(await offices.installation(bolt.slack.teamId)).toEqual([]);
});

test('I3 a workspace works for one org: another org’s admin is refused with the next step, and it goes on working', async () => {
  const refused = await offices.install(bolt.panel, acme.slack);
  expect([refused.status, refused.text]).toEqual([409, expect.stringContaining('Disconnect it there first')]);
  expect(await offices.installation(acme.slack.teamId)).toMatchObject([{ org_id: acme.orgId, status: 'active' }]);
  expect(await bolt.panel.post('/slack/test', { tenant: acme.slack.teamId })).toMatchObject({ status: 200 });
  expect(acme.slack.calls('auth.test').filter(({ answer }) => answer !== 'ok')).toEqual([]);
  const checked = await acme.panel.post('/slack/test', { tenant: acme.slack.teamId });
  expect(checked.text).toContain('Slack answers: the bot is');
});

test('two workspaces of two orgs with the same ids everywhere: nothing of one appears or is decided in the other', async () => {
  expect((await offices.install(bolt.panel, bolt.slack)).status).toBe(303);
  await linkBoth(acme);
  await linkBoth(bolt);
  const [ours, theirs] = await Promise.all([propose(acme, 'INV-A1'), propose(bolt, 'INV-B1')]);
  expect([acme.slack.transcript('general'), bolt.slack.transcript('general')]).toEqual([
    expect.not.stringContaining('INV-B1'),
    expect.not.stringContaining('INV-A1'),
  ]);

  // Homes hold one's own only.
  for (const { slack } of [acme, bolt]) slack.as('bo').openHome('home');
  const home = ({ slack }: Office): string => JSON.stringify(slack.home('bo'));
  await until('both homes are there', async () => home(acme).includes(ours.id) && home(bolt).includes(theirs.id));
  expect([home(acme).includes(theirs.id), home(bolt).includes(ours.id)]).toEqual([false, false]);
  for (const [office, other] of [
    [acme, 'INV-B1'],
    [bolt, 'INV-A1'],
  ] as const) {
    const { body } = await office.slack.as('bo').command('/abet approvals', { channel: 'general' });
    expect(JSON.stringify(body)).not.toContain(other);
    expect(JSON.stringify(body)).toContain(other === 'INV-B1' ? 'INV-A1' : 'INV-B1');
  }

  // Clicks with one workspace's card and something of the other's: each is refused to whoever clicked.
  const { teamId } = bolt.slack;
  const toTheirTeam = (payload: Json): void => void (payload['team'].id = teamId);
  const ofTheirCard = (payload: Json): void => void (payload['actions'][0].action_id = `approve:${theirs.id}`);
  const both = (payload: Json): void => [toTheirTeam, ofTheirCard].forEach((tamper) => tamper(payload));
  for (const tamper of [toTheirTeam, ofTheirCard, both]) {
    const told = acme.slack.responses().length;
    await acme.slack.as('bo').click(ours.card, 'Approve', { tamper });
    await until('it is refused', async () => acme.slack.responses().length === told + 1);
  }
  const decision = { decision: 'approve', payloadSha256: 'a'.repeat(64) };
  expect((await bolt.bo.get(`/api/v1/approvals/${ours.id}`)).status).toBe(404);
  expect((await bolt.bo.post(`/api/v1/approvals/${ours.id}/decision`, decision)).status).toBe(404);
  expect([await statusOf(ours.id), await statusOf(theirs.id)]).toEqual(['pending', 'pending']);

  // A private link of one org is not there for the other.
  const { body } = await acme.slack.as('zoe').command('/abet connect');
  const link = /\/link\/[\w-]+/.exec(JSON.stringify(body))?.[0] ?? '';
  expect([(await bolt.panel.get(link)).status, (await bolt.panel.post(link, { mine: 'yes' })).status]).toEqual([
    404, 404,
  ]);
  expect((await acme.panel.get(link)).status).toBe(200);

  await acme.slack.as('bo').click(ours.card, 'Approve');
  await hears(acme.slack, ours.ts, /Done: .*INV-A1/);
  expect(await statusOf(theirs.id)).toBe('pending');
  await bolt.slack.as('bo').click(theirs.card, 'Deny');
  const modal = await until('the reason is asked for', async () => bolt.slack.modals('bo').at(-1));
  await bolt.slack.as('bo').submit(modal);
  await until('it is denied', async () => (await statusOf(theirs.id)) === 'denied');
  expect([invoicesOf(acme.erp, 'INV-A1').length, bolt.erp.invoices.length]).toEqual([1, 0]);
  expect(invoicesOf(acme.erp, 'INV-B1')).toEqual([]);

  const runs =
    await it.sql`select r.org_id, m.text from runs r join messages m on m.id = r.message_id where m.text like '%INV-_1%'`;
  for (const { org_id, text } of runs) expect(org_id).toBe(String(text).includes('INV-A1') ? acme.orgId : bolt.orgId);
  for (const { slack } of [acme, bolt]) {
    const tokens = new Set(slack.calls().flatMap(({ token }) => (token === null ? [] : [token])));
    expect([...tokens].every((token) => token.includes(slack.teamId))).toBe(true);
    expect(slack.violations()).toEqual([]);
  }
});

test('an Enterprise install is heard and answered under the enterprise; its tokens are refreshed once, however many need them', async () => {
  const big = await offices.another({
    team: { id: 'T0BIG00001', name: 'Big Berlin' },
    enterprise: { id: 'E0BIG00001', name: 'Big' },
    isEnterpriseInstall: true,
    rotation: true,
  });
  const done = await offices.install(acme.panel, big);
  expect(done.location).toBe('/slack?connected=E0BIG00001');
  await linkBoth({ ...acme, slack: big }, 'E0BIG00001');
  const ts = await big.as('ana').say('general', '@bot anything');
  await hears(big, ts, 'Rule-based mode');

  // Old and refused: two processes with several calls each.
  await it.sql`update slack_installations set expires_at = now() - interval '1 minute' where tenant = 'E0BIG00001'`;
  const old = big.token();
  big.breakToken('token_expired', old);
  const at = { orgId: acme.orgId, tenant: 'E0BIG00001' };
  const apis = [anotherProcess(), anotherProcess()];
  const answers = await Promise.all(apis.flatMap((api) => [1, 2, 3].map(() => api.call(at, 'auth.test', {}))));
  expect(answers.every((answer) => answer['ok'] === true)).toBe(true);
  const refreshes = () => big.calls('oauth.v2.access').filter(({ args }) => args['grant_type'] === 'refresh_token');
  expect(refreshes()).toHaveLength(1);
  // The product itself still remembers the old one, is refused, and goes on with the new one.
  const again = await big.as('ana').say('general', '@bot anything else');
  await hears(big, again, 'Rule-based mode');
  expect(refreshes()).toHaveLength(1);
  expect(big.token()).not.toBe(old);
});

test('a token that Slack refuses is shown on the page with what to do, and installing again mends it', async () => {
  bolt.slack.breakToken('invalid_auth');
  await bolt.slack.as('ana').say('general', '@bot anything');
  await until('the page says so', async () => (await bolt.panel.get('/slack')).text.includes('does not accept'));
  const { text } = await bolt.panel.get('/slack');
  expect(text).toMatch(/Bolt <span class="badge bad">down<\/span>.*\(invalid_auth\)\. Install the app again\./);
  expect(await offices.installation(bolt.slack.teamId)).toMatchObject([{ status: 'revoked', sealed: null }]);
  expect((await offices.install(bolt.panel, bolt.slack)).status).toBe(303);
  // Its people are still linked.
  const ts = await bolt.slack.as('ana').say('general', '@bot anything');
  await hears(bolt.slack, ts, 'Rule-based mode');
});

test('after an uninstall nothing is kept of the workspace and nobody is answered; installed again, people link anew', async () => {
  const { teamId } = bolt.slack;
  // The token of a person is none of ours.
  bolt.slack.emit({ type: 'tokens_revoked', tokens: { oauth: [SAME.ana], bot: [] } });
  await bolt.slack.quiet();
  expect(await offices.installation(teamId)).toMatchObject([{ status: 'active' }]);
  bolt.slack.uninstall();
  await until('it is gone', async () => {
    const [row] = await offices.installation(teamId);
    const left =
      await it.sql`select 1 from identities where tenant = ${teamId} union all select 1 from tenants where tenant = ${teamId}`;
    return row?.['status'] === 'uninstalled' && row['sealed'] === null && left.length === 0;
  });
  expect((await bolt.panel.get('/slack')).text).toContain('taken out of this workspace');
  const before = bolt.slack.calls().length;
  const runs = async () => (await it.sql`select 1 from runs where org_id = ${bolt.orgId}`).length;
  const had = await runs();
  const late = {
    type: 'app_mention',
    user: SAME.ana,
    channel: SAME.general,
    ts: '1790000000.000100',
    text: `<@${SAME.bot}> what is 1 + 1?`,
  };
  const envelope = {
    type: 'event_callback',
    team_id: teamId,
    context_team_id: teamId,
    event_id: 'Ev0LATE',
    event: late,
    authorizations: [{ team_id: teamId, user_id: SAME.bot, is_bot: true }],
  };
  expect((await bolt.slack.post(envelope)).status).toBe(200);
  expect(
    await it.sql`select outcome, reason from inbound_events where tenant = ${teamId} and source_key = ${`${SAME.general}:${late.ts}`}`,
  ).toMatchObject([{ outcome: 'refused', reason: 'unknown_tenant' }]);
  expect([bolt.slack.calls().length, await runs()]).toEqual([before, had]);

  expect((await offices.install(bolt.panel, bolt.slack)).status).toBe(303);
  await bolt.slack.as('ana').say('general', '@bot anything');
  await until('she is asked to link', async () =>
    bolt.slack.ephemerals('ana').some(({ text }) => String(text).includes('/link/')),
  );
  expect(await runs()).toBe(had);
});

test('an admin disconnects in the panel: Slack is told, the token is gone, and who did it is in the audit', async () => {
  const { teamId } = bolt.slack;
  expect((await acme.panel.post('/slack/remove', { tenant: teamId })).status).toBe(404);
  const done = await bolt.panel.post('/slack/remove', { tenant: teamId });
  expect([done.status, done.text]).toEqual([200, expect.stringContaining('Disconnected')]);
  expect(bolt.slack.calls('auth.revoke').map(({ answer }) => answer)).toEqual(['ok']);
  await bolt.slack.quiet();
  expect(await offices.installation(teamId)).toMatchObject([
    { status: 'uninstalled', sealed: null, problem: expect.stringContaining('Disconnected in the panel') },
  ]);
  const audited =
    await it.sql`select actor from audit_log where org_id = ${bolt.orgId} and action = 'slack.uninstalled' order by seq desc`;
  expect(audited[0]).toEqual({ actor: `member:${bolt.bo.memberId}` });
  // Now it may work for the other org.
  expect((await offices.install(acme.panel, bolt.slack)).status).toBe(303);
});

test('no log, table, API answer, page or history holds a token or a secret of Slack', async () => {
  const secret = /xox[a-z]|xoxe|canary/;
  const found = (text: string): string | undefined => secret.exec(text)?.input.slice(0, 300);
  expect(acme.slack.token()).toMatch(secret);
  expect(it.logs.length).toBeGreaterThan(20);
  expect(found(it.logs.find((line) => secret.test(line)) ?? '')).toBeUndefined();
  const tables = await it.sql<{ name: string }[]>`select tablename as name from pg_tables where schemaname = 'public'`;
  for (const { name } of tables) {
    const rows = await it.sql<
      { row: string }[]
    >`select t::text as row from ${it.sql(name)} as t where t::text ~ 'xox[a-z]|canary' limit 1`;
    expect([name, ...rows.map(({ row }) => row.slice(0, 200))]).toEqual([name]);
  }
  const sealed = await it.sql<
    { sealed: Uint8Array }[]
  >`select sealed from slack_installations where sealed is not null`;
  expect(sealed.length).toBeGreaterThan(1);
  for (const row of sealed) expect(Buffer.from(row.sealed).toString('latin1')).not.toMatch(/xox[abe]/);
  for (const place of ['connections', 'runs', 'approvals', 'audit', 'members'])
    expect(found(JSON.stringify((await acme.ana.get(`/api/v1/${place}?limit=100`)).body))).toBeUndefined();
  for (const path of ['/slack', '/settings', '/audit', '/account', '/connections'])
    expect([path, found((await acme.panel.get(path)).text)]).toEqual([path, undefined]);
  expect(found(textOf(await rawHistories(it.temporal.address)))).toBeUndefined();
});
