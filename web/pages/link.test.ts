import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newId } from '#core/ids.ts';
import { rateRun } from '#db/feedback.ts';
import { makeLink } from '#db/slack-links.ts';
import {
  auditLog,
  identities,
  members,
  slackInstallations,
  slackLinks,
  slackPeople,
  tenants,
} from '#db/schema/index.ts';
import { addRows } from '#test/web/rows.ts';
import { postForm } from '#test/web/story.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, addPerson, cookieOf, createWorld, inOrg, PASSWORD, type Person, type World } from '#test/web/world.ts';

let world: World;
let owner: Person;
let me: Person & { cookie: string };
let externalId: string;
const TENANT = 'T0LINK';

const somebody = async (orgId: string): Promise<Person & { cookie: string }> => {
  const person = await addPerson(world, orgId, 'member', PASSWORD);
  return { ...person, cookie: await cookieOf(world, person.email) };
};
const open = (path: string, cookie: string) => world.call(path, { headers: { cookie } });
const flat = (text: string): string => text.replaceAll(/\s+/g, ' ');
const newLink = () =>
  inOrg(world, owner.orgId, async (org) => `/link/${(await makeLink(org, { tenant: TENANT, externalId })).token}`);
const says = (email: string | null) =>
  inOrg(world, owner.orgId, ({ tx }) =>
    tx.insert(slackPeople).values({
      orgId: owner.orgId,
      tenant: TENANT,
      externalId,
      name: 'Ana <Slack>',
      email,
      isBot: false,
      isGuest: false,
      isStranger: false,
      isDeactivated: false,
      fetchedAt: new Date(),
    }),
  );
const linkedTo = async () => {
  const rows = await inOrg(world, owner.orgId, ({ tx }) =>
    tx.select().from(identities).where(eq(identities.externalId, externalId)),
  );
  return rows.map(({ memberId }) => memberId);
};

beforeAll(async () => {
  world = await createWorld(idleClient());
  owner = await addOrg(world);
  await inOrg(world, owner.orgId, async ({ tx }) => {
    await tx.insert(tenants).values({ orgId: owner.orgId, platform: 'slack', tenant: TENANT });
    await tx.insert(slackInstallations).values({
      orgId: owner.orgId,
      tenant: TENANT,
      teamName: 'Acme & Sons',
      botUserId: 'U0BOT',
      source: 'oauth',
      updatedAt: new Date(),
    });
  });
  me = await somebody(owner.orgId);
});
afterAll(() => world.drop());
beforeEach(() => {
  externalId = `U0${newId().slice(-8).toUpperCase()}`;
});

test('the link shows who would act as whom, opening it changes nothing, and confirming it links once', async () => {
  await says(me.email);
  const link = await newLink();
  const page = await open(link, me.cookie);
  expect(page.status).toBe(200);
  for (const text of ['Acme &amp; Sons', 'Ana &lt;Slack&gt;', me.email, 'A member', 'ask, approve and deny as you'])
    expect(flat(page.text)).toContain(text);
  expect(page.text).not.toContain('type="checkbox"');
  expect(await linkedTo()).toEqual([]);
  expect((await postForm(world, me.cookie, link, {})).status).toBe(200);
  expect(await linkedTo()).toEqual([me.memberId]);
  expect((await postForm(world, me.cookie, link, {})).status).toBe(410);
  const account = await open('/account', me.cookie);
  expect(flat(account.text)).toContain('Ana &lt;Slack&gt;');
  const rows = await inOrg(world, owner.orgId, ({ tx }) =>
    tx.select().from(auditLog).where(eq(auditLog.action, 'identity.linked')),
  );
  expect(rows.filter(({ details }) => details.includes(externalId))).toHaveLength(1);
});

test('who is not signed in signs in first and comes back', async () => {
  const link = await newLink();
  const answer = await world.call(link);
  expect([answer.status, answer.headers.get('location')]).toEqual([303, `/sign-in?next=${encodeURIComponent(link)}`]);
  expect((await postForm(world, '', link, { mine: 'yes' })).status).toBe(303);
  expect(await linkedTo()).toEqual([]);
});

test('an API key links nothing', async () => {
  const link = await newLink();
  expect((await world.call(link, { as: me })).status).toBe(403);
  expect((await world.call(link, { as: me, method: 'POST' })).status).toBe(403);
  expect(await linkedTo()).toEqual([]);
});

test('another site cannot confirm for somebody', async () => {
  await says(me.email);
  const link = await newLink();
  const forged = await postForm(world, me.cookie, link, {}, { origin: 'https://evil.example' });
  expect(forged.status).toBe(403);
  expect(await linkedTo()).toEqual([]);
});

test.each([
  ['another address', 'someone@else.test'],
  ['no address', null],
])('with %s in Slack the person has to say that the account is theirs', async (_, email) => {
  await says(email);
  const link = await newLink();
  expect((await open(link, me.cookie)).text).toContain('type="checkbox"');
  const refused = await postForm(world, me.cookie, link, {});
  expect([refused.status, flat(refused.text)]).toEqual([
    422,
    expect.stringContaining('Say that this is your Slack account'),
  ]);
  expect(await linkedTo()).toEqual([]);
  expect((await postForm(world, me.cookie, link, { mine: 'yes' })).status).toBe(200);
  expect(await linkedTo()).toEqual([me.memberId]);
});

test('D2 a link of another org is not there', async () => {
  const link = await newLink();
  const other = await addOrg(world, 'Other');
  const stranger = await somebody(other.orgId);
  expect((await open(link, stranger.cookie)).status).toBe(404);
  expect((await postForm(world, stranger.cookie, link, { mine: 'yes' })).status).toBe(404);
  expect((await open('/link/none', stranger.cookie)).status).toBe(404);
  expect(await linkedTo()).toEqual([]);
});

test('a link ends after 15 minutes, and when a newer one is made', async () => {
  await says(me.email);
  const [first, second] = [await newLink(), await newLink()];
  const page = await open(first, me.cookie);
  expect([page.status, flat(page.text)]).toEqual([410, expect.stringContaining('/abet connect')]);
  expect((await postForm(world, me.cookie, first, {})).status).toBe(410);
  await inOrg(world, owner.orgId, ({ tx }) =>
    tx
      .update(slackLinks)
      .set({ expiresAt: new Date(Date.now() - 1000) })
      .where(eq(slackLinks.externalId, externalId)),
  );
  expect((await postForm(world, me.cookie, second, {})).status).toBe(410);
  expect(await linkedTo()).toEqual([]);
});

test('an account that is a colleague’s already stays theirs, until they unlink it on their account page', async () => {
  await says(null);
  const colleague = await somebody(owner.orgId);
  await postForm(world, colleague.cookie, await newLink(), { mine: 'yes' });
  const link = await newLink();
  const page = await open(link, me.cookie);
  expect([page.status, flat(page.text)]).toEqual([409, expect.stringContaining('another member')]);
  expect((await postForm(world, me.cookie, link, { mine: 'yes' })).status).toBe(409);
  const id = /\/account\/slack\/([0-9a-f-]+)\/unlink/.exec((await open('/account', colleague.cookie)).text)?.[1] ?? '';
  expect((await postForm(world, me.cookie, `/account/slack/${id}/unlink`, {})).status).toBe(404);
  expect(await linkedTo()).toEqual([colleague.memberId]);
  expect((await postForm(world, colleague.cookie, `/account/slack/${id}/unlink`, {})).status).toBe(200);
  expect(await linkedTo()).toEqual([]);
  expect((await postForm(world, me.cookie, link, { mine: 'yes' })).status).toBe(200);
});

test('a member whose access was switched off links nothing', async () => {
  const gone = await somebody(owner.orgId);
  const link = await newLink();
  await inOrg(world, owner.orgId, ({ tx }) =>
    tx.update(members).set({ status: 'deactivated' }).where(eq(members.id, gone.memberId)),
  );
  expect((await postForm(world, gone.cookie, link, { mine: 'yes' })).status).toBe(303);
  expect(await linkedTo()).toEqual([]);
});

test('what people said of an answer is on the run’s page, and the last word counts', async () => {
  const rows = await addRows(world, me);
  const rate = (rating: 'good' | 'bad', runId = rows.runId) =>
    inOrg(world, owner.orgId, (org) => rateRun(org, { runId, memberId: me.memberId, rating, surface: 'slack' }));
  expect([await rate('good'), await rate('bad'), await rate('good', newId())]).toEqual([true, true, false]);
  const page = flat((await open(`/runs/${rows.runId}`, me.cookie)).text);
  expect(page).toContain('A member: not helpful');
  expect(page).not.toContain('A member: helpful');
});
