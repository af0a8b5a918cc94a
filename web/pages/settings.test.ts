import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSettings } from '#db/settings.ts';
import { createStoryWorld, postForm } from '#test/web/story.ts';
import { addOrg, addPerson, cookieOf, inOrg, PASSWORD, type Person, type World } from '#test/web/world.ts';

let world: World;
let admin: Person;
let cookie: string;
beforeAll(async () => {
  world = await createStoryWorld({ ABETWORKS_EGRESS_ALLOW: 'erp.lan:8080' });
  const { orgId } = await addOrg(world);
  admin = await addPerson(world, orgId, 'admin', PASSWORD);
  cookie = await cookieOf(world, admin.email);
});
afterAll(() => world.drop());

const page = async () => (await world.call('/settings', { headers: { cookie } })).text;
const flat = (text: string): string => text.replaceAll(/\s+/g, ' ');
const now = () => inOrg(world, admin.orgId, readSettings);
/** The form as a browser would send it back, but for what is changed. */
async function fill(change: Record<string, string> = {}): Promise<Record<string, string>> {
  const text = await page();
  const inputs = [...text.matchAll(/<input\s[^>]*?name="(\w+)"[^>]*?value="([^"]*)"/g)]
    .filter(([tag]) => !tag.includes('checkbox'))
    .map(([, name, value]) => [name ?? '', value ?? '']);
  return { ...Object.fromEntries(inputs), write: 'approve', destructive: 'approve', approverRoles: 'owner', ...change };
}

test('the form shows what holds, and saving it unchanged changes nothing but what a browser leaves out', async () => {
  const text = flat(await page());
  for (const part of ['erp.lan:8080', 'Models may cost in a day', 'value="20"', 'Policy version 1'])
    expect(text).toContain(part);
  expect((await world.call('/settings')).headers.get('location')).toBe('/sign-in?next=%2Fsettings');
});

test('what is typed is saved: dollars, hours, days and hosts', async () => {
  const saved = await postForm(
    world,
    cookie,
    '/settings',
    await fill({
      name: 'Acme & Söhne',
      write: 'run',
      expiresAfter: '1,5',
      dailyCost: '12.50',
      runsDays: '30',
      eventsDays: '',
      egressHosts: 'API.example.com\r\n*.example.org',
    }),
  );
  expect([saved.status, flat(saved.text)]).toEqual([200, expect.stringContaining('Saved.')]);
  expect(saved.text).toContain('Acme &amp; Söhne');
  expect(flat(saved.text)).toContain('Writes go on without a person');
  expect(await now()).toMatchObject({
    name: 'Acme & Söhne',
    policy: {
      version: 2,
      write: 'run',
      approverRoles: ['owner'],
      approvalExpiresAfterMs: 5_400_000,
      useWithinMs: 24 * 3_600_000,
      dailyCostCapNanos: 12_500_000_000,
    },
    settings: { egressHosts: ['api.example.com', '*.example.org'], retention: { runsDays: 30, eventsDays: null } },
  });
});

test('a mistake is named in the form’s words, and what was typed stays', async () => {
  const wrong = await postForm(world, cookie, '/settings', await fill({ name: 'Kept', egressHosts: 'https://x.test' }));
  expect([wrong.status, flat(wrong.text)]).toEqual([
    422,
    expect.stringContaining('“https://x.test” must be a host such as example.com'),
  ]);
  expect(wrong.text).toContain('value="Kept"');
  const cost = await postForm(world, cookie, '/settings', await fill({ dailyCost: 'lots' }));
  expect(flat(cost.text)).toContain('Cost of a day: must be a number of dollars');
  const nobody = await postForm(world, cookie, '/settings', await fill({ approverRoles: '' }));
  expect(nobody.status).toBe(422);
});

test('a form opened before somebody else’s change is not saved over it', async () => {
  const mine = await fill({ name: 'Mine' });
  expect((await postForm(world, cookie, '/settings', await fill({ name: 'Theirs' }))).status).toBe(200);
  const late = await postForm(world, cookie, '/settings', mine);
  expect([late.status, flat(late.text)]).toEqual([409, expect.stringContaining('Somebody changed the settings')]);
  expect(late.text).toContain('value="Theirs"');
  expect((await now()).name).toBe('Theirs');
});

test('Slack: who is told, who is matched and where people may ask are saved, and a channel’s name is no id', async () => {
  const typed = { slackMatchEmail: 'on', slackChannels: 'c0123abcd\r\nG0PRIVATE1' };
  expect((await postForm(world, cookie, '/settings', await fill(typed))).status).toBe(200);
  const slack = { matchEmail: true, tellApprovers: false, channels: ['C0123ABCD', 'G0PRIVATE1'] };
  expect((await now()).settings.slack).toEqual(slack);
  const text = flat(await page());
  expect(text).toMatch(/name="slackMatchEmail" value="on" checked/);
  expect(text).toMatch(/name="slackTellApprovers" value="on" \/>/);
  expect(text).toContain('C0123ABCD G0PRIVATE1');
  const wrong = await postForm(world, cookie, '/settings', await fill({ ...typed, slackChannels: '#general' }));
  expect([wrong.status, flat(wrong.text)]).toEqual([422, expect.stringContaining('Slack channels: “#GENERAL” must')]);
  expect((await now()).settings.slack).toEqual(slack);
});

test('D2 a member has no settings page, and what they post is refused', async () => {
  const member = await addPerson(world, admin.orgId, 'member', PASSWORD);
  const theirs = await cookieOf(world, member.email);
  expect((await world.call('/settings', { headers: { cookie: theirs } })).status).toBe(403);
  expect((await postForm(world, theirs, '/settings', await fill({ name: 'Hacked' }))).status).toBe(403);
});
