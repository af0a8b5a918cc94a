import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Connection } from '#db/connections.ts';
import { addAsked, addErp, INVOICE, type Asked } from '#test/web/asked.ts';
import { createStoryWorld, postForm } from '#test/web/story.ts';
import { addOrg, addPerson, cookieOf, PASSWORD, type Person, type World } from '#test/web/world.ts';

// The form that changes what waits (RULES A4), over HTTP as a browser without a script sends it.

let world: World;
type Signed = Person & { cookie: string };
let [admin, second, member]: Signed[] = [];
let erp: Connection;
let asked: Asked;
beforeAll(async () => {
  world = await createStoryWorld();
  const { orgId } = await addOrg(world);
  const person = async (role: 'admin' | 'member'): Promise<Signed> => {
    const made = await addPerson(world, orgId, role, PASSWORD);
    return { ...made, cookie: await cookieOf(world, made.email) };
  };
  [admin, second, member] = [await person('admin'), await person('admin'), await person('member')];
  erp = await addErp(world, admin);
});
afterAll(() => world.drop());
beforeEach(async () => {
  asked = await addAsked(world, member!, erp, { args: ARGS });
});

const ARGS = {
  ...INVOICE,
  tags: ['new', 'paid'],
  customer: { name: 'Acme', vat: null },
  lines: [{ text: 'a', net: 1 }],
};
const FIELDS = {
  'arg:/number': 'INV-77',
  'arg:/amount': '4200',
  'arg:/currency': '"EUR"',
  'arg:/tags': 'new\r\npaid',
  'arg:/customer/name': 'Acme',
  'arg:/lines': '[{"text":"a","net":1}]',
};
const page = (who: Signed | undefined, path: string) => world.call(path, { headers: { cookie: who?.cookie ?? '' } });
const path = () => `/approvals/${asked.approvalId}/edit`;
const save = (who: Signed | undefined, fields: Record<string, string> = {}, headers = {}) =>
  postForm(world, who?.cookie ?? '', path(), { payloadSha256: asked.payloadSha256, ...FIELDS, ...fields }, headers);
const statusOf = async () => /class="card (\w+)"/.exec((await page(admin, `/approvals/${asked.approvalId}`)).text)?.[1];

test('Edit is offered to those who may decide and to those who asked, while it waits; its form is made from the schema', async () => {
  for (const who of [admin, member]) {
    expect((await page(who, `/approvals/${asked.approvalId}`)).text).toContain(`href="${path()}"`);
    const { text, status } = await page(who, path());
    expect(status).toBe(200);
    for (const [name, shown] of [
      ['arg:/number', 'value="INV-77"'],
      ['arg:/amount', 'value="4200"'],
      ['arg:/customer/name', 'value="Acme"'],
    ])
      expect(text).toMatch(new RegExp(`name="${name}"[^>]*${shown}`));
    expect(text).toMatch(/<option value="&quot;EUR&quot;" selected>/);
    expect(text).toMatch(/name="arg:\/tags"[^>]*>\nnew\npaid</);
    expect(text).toContain('somebody else has to approve');
  }
});

test('A4 an edit leads to the request that took its place, with old and new side by side; whoever edited cannot approve it', async () => {
  const answer = await save(admin, {
    'arg:/amount': '420',
    'arg:/note': 'a\u202eb',
    'arg:/tags': 'new',
    comment: 'too much',
  });
  const location = answer.headers.get('location') ?? '';
  expect([answer.status, location]).toEqual([303, expect.stringMatching(/^\/approvals\/[0-9a-f-]{36}$/)]);
  const { text } = await page(admin, location);
  expect(text).toContain('Changed since it was asked');
  expect(text).toContain('4200 → 420');
  expect(text).toContain('note (added)');
  expect(text).toContain('a\\u{202e}b');
  expect(text).not.toContain('\u202e');
  expect(text).toContain('tags[1] (left out)');
  expect(text).toContain('You edited this, so someone else has to decide.');
  expect(text).not.toContain('value="approve"');
  expect((await page(second, location)).text).toContain('value="approve"');
  const before = (await page(second, `/approvals/${asked.approvalId}`)).text;
  expect(before).toContain('They said: too much');
  expect(before).toContain(`href="${location}"`);
  expect(before).not.toContain('Edit<');
  expect((await page(second, path())).status).toBe(303);
});

test('what does not fit comes back at its field, all at once, with everything that was typed', async () => {
  const unread = await save(admin, {
    'arg:/amount': 'much',
    'arg:/lines': '[',
    'arg:/note': '<b>kept</b>',
    comment: 'my "why"',
  });
  expect(unread.status).toBe(422);
  expect(unread.text).toMatch(/name="arg:\/amount"[^>]*aria-invalid="true"[^>]*value="much"/s);
  expect(unread.text).toMatch(/<a href="#arg-\d+">amount<\/a>: must be a number/);
  expect(unread.text).toMatch(/<a href="#arg-\d+">lines<\/a>: is not valid JSON/);
  expect(unread.text).toContain('value="&lt;b&gt;kept&lt;/b&gt;"');
  expect(unread.text).toContain('value="my &quot;why&quot;"');

  const refused = await save(admin, { 'arg:/amount': '-5', 'arg:/lines': '[{"net":"x"}]' });
  expect(refused.status).toBe(422);
  expect(refused.text).toMatch(/class="problem" id="arg-\d+-problem">(it|lines\.0\.net: )/);
  expect(refused.text).toContain('value="-5"');
  expect(await statusOf()).toBe('pending');
});

test('an edit that changes nothing, comes too late or is not allowed says so, and decides nothing', async () => {
  expect(await save(admin)).toMatchObject({ status: 422, text: expect.stringContaining('Nothing was changed') });
  const changed = { 'arg:/amount': '1' };
  expect((await save(admin, { ...changed, payloadSha256: 'a'.repeat(64) })).status).toBe(409);
  expect((await save(admin, changed, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  expect((await page(admin, `${path()}?arg:/amount=1`)).status).toBe(200);
  expect(await statusOf()).toBe('pending');
  expect((await save(admin, changed)).status).toBe(303);
  const late = await save(second, { 'arg:/amount': '2' });
  expect(late).toMatchObject({ status: 409, text: expect.stringContaining('already edited this') });
  expect(late.text).toContain('value="2"');
});

test('D2 another org’s request is not there, and a member who may not decide is not let in', async () => {
  const { orgId } = await addOrg(world, 'Other');
  const other = await addPerson(world, orgId, 'owner', PASSWORD);
  const stranger = { ...other, cookie: await cookieOf(world, other.email) };
  expect((await page(stranger, path())).status).toBe(404);
  expect((await save(stranger, { 'arg:/amount': '1' })).status).toBe(404);
  asked = await addAsked(world, admin!, erp);
  expect((await page(member, path())).status).toBe(404);
});
