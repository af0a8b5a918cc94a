import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '#core/ids.ts';
import { addAttachments, endAttachment, heldAttachments } from '#db/attachments.ts';
import { readRun } from '#db/runs.ts';
import { addStory, createStoryWorld, postForm, type Story } from '#test/web/story.ts';
import { addOrg, addPerson, cookieOf, inOrg, PASSWORD, type Person, type World } from '#test/web/world.ts';

let world: World;
let admin: Person & { cookie: string };
let member: typeof admin;
let done: Story;
let unclear: Story;
beforeAll(async () => {
  world = await createStoryWorld();
  const { orgId } = await addOrg(world);
  const person = async (role: 'admin' | 'member') => {
    const made = await addPerson(world, orgId, role, PASSWORD);
    return { ...made, cookie: await cookieOf(world, made.email) };
  };
  [admin, member] = [await person('admin'), await person('member')];
  done = await addStory(world, member, { text: 'walrus tusks', end: 'done' });
  unclear = await addStory(world, member, { end: 'ambiguous' });
  for (let n = 0; n < 26; n += 1) await addStory(world, admin, { text: `Ask ${n}`, end: 'done' });
});
afterAll(() => world.drop());

const open = async (path: string, { cookie } = admin) => {
  const { status, text, headers } = await world.call(path, { headers: { cookie } });
  return { status, headers, text: text.replaceAll(/\s+/g, ' ') };
};
const linkOf = (text: string, label: string): string | undefined =>
  new RegExp(`href="([^"]+)"\\s*>${label}</a>`).exec(text)?.[1]?.replaceAll('&amp;', '&');

test('the runs page goes to older runs and back, and keeps the filters on the way', async () => {
  const first = await open(`/runs?requestedBy=${admin.memberId}&status=&q=`);
  expect(first.text).toContain('Ask 25');
  expect(linkOf(first.text, 'Newer')).toBeUndefined();
  const older = await open(linkOf(first.text, 'Older') ?? '');
  expect(older.text).toContain('Ask 0');
  expect(older.text).not.toContain('walrus');
  expect(linkOf(older.text, 'Older')).toBeUndefined();
  const newer = linkOf(older.text, 'Newer') ?? '';
  expect(newer).toContain(`requestedBy=${admin.memberId}`);
  expect((await open(newer)).text).toContain('Ask 25');
});

test('a search is kept in its field, a search for nothing says what to do, a wrong date is named', async () => {
  const found = await open('/runs?q=WALRUS', member);
  expect(found.text).toContain('walrus tusks');
  expect(found.text).toContain('value="WALRUS"');
  expect((await open('/runs?q=nowhere')).text).toContain('Clear the filters');
  expect((await open('/runs?from=soon')).text).toContain('from: must be a date');
  expect((await open('/runs/list?q=WALRUS', member)).text).not.toContain('<html');
});

test('D3 lists and pages name a private request by its member, not by its words', async () => {
  for (const path of [
    `/runs?requestedBy=${member.memberId}`,
    `/runs/${done.runId}`,
    `/runs/${done.runId}/again`,
    '/runs?q=walrus',
  ])
    expect((await open(path)).text).not.toContain('walrus tusks');
  expect((await open(`/runs?requestedBy=${member.memberId}`)).text).toContain('Private request of A member');
});

test('D3 a run’s page names what came with the request and what became of it, never what is in it, and only to who may read the request', async () => {
  await inOrg(world, member.orgId, async (org) => {
    const { messageId, threadId } = await readRun(org, done.runId);
    const sent = { id: 'F1', name: 'a<b>\u202e.csv', mimeType: 'text/csv', size: 1, url: 'http://files.test/x' };
    await addAttachments(org, {
      messageId,
      threadId,
      files: [sent],
      quotes: [{ id: '1.1', from: 'Bo', text: 'canary' }],
    });
    const [held] = await heldAttachments(org, messageId);
    await endAttachment(org, held?.id ?? '', { status: 'skipped', note: 'It is empty.' });
  });
  const own = await open(`/runs/${done.runId}`, member);
  expect(own.text).toContain('a&lt;b&gt;\\u{202e}.csv');
  expect(own.text).toContain('It is empty.');
  expect(own.text).toContain('Quoted message of Bo');
  expect(own.text).not.toContain('canary');
  expect((await open(`/runs/${done.runId}`)).text).not.toContain('.csv');
});

test('a run is edited and run again from its page: prefilled, in the same thread or a new one, once however often it is sent', async () => {
  const path = `/runs/${done.runId}/again`;
  expect((await open(path, member)).text).toContain('walrus tusks');
  const fields = { key: newId(), text: 'walrus again', where: 'same' };
  const sent = [await postForm(world, member.cookie, path, fields), await postForm(world, member.cookie, path, fields)];
  const [run, twice] = sent.map(({ headers }) => headers.get('location'));
  expect([sent[0]?.status, twice]).toEqual([303, run]);
  const seen = await open(run ?? '', member);
  expect(seen.text).toContain('walrus again');
  expect(seen.text).toContain(`href="/runs/${done.runId}"`);
  expect(seen.text).toContain(`href="/threads/${done.threadId}"`);
  const empty = await postForm(world, member.cookie, path, { ...fields, key: newId(), text: ' ' });
  expect([empty.status, empty.text.includes('role="alert"')]).toEqual([422, true]);
  const theirs = await postForm(world, admin.cookie, path, { ...fields, key: newId(), where: 'new' });
  expect((await open(theirs.headers.get('location') ?? '')).text).toContain('walrus again');
});

test('the effects page filters the ledger, and an entry shows what was sent, its approval and its receipt', async () => {
  const list = await open(`/effects?externalId=42&runId=${done.runId}`);
  expect(list.text).toContain(`href="/effects/${done.effectId}"`);
  expect(list.text).not.toContain(`href="/effects/${unclear.effectId}"`);
  const { text } = await open(`/effects/${done.effectId}`);
  for (const part of [
    'Acme GmbH',
    `href="/approvals/${done.approvalId}"`,
    '{&quot;id&quot;:42}',
    'sha256',
    '1200',
    'confirmed it',
  ])
    expect(text).toContain(part);
  expect((await open('/effects?state=refused')).text).toContain('Nothing matches');
});

test('E6 an unclear effect asks those who may say how it ended, and nobody else', async () => {
  expect((await open(`/effects/${unclear.effectId}`)).text).toContain('It was sent');
  const own = await open(`/effects/${unclear.effectId}`, member);
  expect(own.text).toContain('someone else has to decide');
  expect(own.text).not.toContain('name="outcome"');
});

test('the audit page says who did what with links, filters, downloads by the filters, and verifies', async () => {
  const { text } = await open('/audit?action=run.requested');
  expect(text).toContain('asked for');
  expect(text).toMatch(/href="\/runs\/[0-9a-f-]+"/);
  expect(text).toContain('/api/v1/audit/export?action=run.requested&amp;format=csv');
  const file = await world.call('/api/v1/audit/export?format=csv', { headers: { cookie: admin.cookie } });
  expect(file.text.startsWith('seq,at,actor')).toBe(true);
  const verified = await postForm(world, admin.cookie, '/audit/verify', {});
  expect(verified.text.replaceAll(/\s+/g, ' ')).toMatch(/\d+ rows verified, intact up to row \d+, hash [0-9a-f]{64}/);
  expect((await open('/audit', member)).status).toBe(403);
});
