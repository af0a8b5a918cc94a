import pino from 'pino';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { InboundFile } from '#core/chat.ts';
import { sha256 } from '#core/hash.ts';
import { newId } from '#core/ids.ts';
import { addAttachments, type NewAttachments } from '#db/attachments.ts';
import type { Run } from '#db/runs.ts';
import { askIn, addThread } from '#activities/turn/thread.fixture.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';
import { startFileHost, type FileHost } from './file-host.fixture.ts';
import { pngOf } from './image.fixture.ts';
import { createReadAttachments } from './read.ts';

let world: World;
let sql: postgres.Sql;
let ana: Person;
let host: FileHost;
let logs: string[];

beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 2, onnotice: () => {} });
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});
beforeEach(async () => {
  ana = await addOrg(world);
  logs = [];
});
afterEach(() => host?.stop());

const never = new AbortController().signal;
const read = (run: Run, signal = never) =>
  createReadAttachments({
    db: world.deps.db,
    log: pino({ level: 'info' }, { write: (line: string) => logs.push(line) }),
    files: { slack: host.files },
  })(run, signal);
const file = (name: string, more: Partial<InboundFile> = {}): InboundFile => ({
  id: name,
  name,
  mimeType: 'text/plain',
  size: 5,
  url: `${host.url}/${name}`,
  ...more,
});
const rowsOf = (run: Run) =>
  sql`select name, status, note, text, image, mime_type, size::int, sha256 from attachments where message_id = ${run.messageId} order by id`;
/** Ana asks in a Slack thread, and this comes with it. */
async function askWith(what: Omit<NewAttachments, 'messageId' | 'threadId'>): Promise<Run> {
  const threadId = await addThread(world.deps.db, ana, 0);
  await sql`update threads set platform = 'slack', tenant = 'T1', channel = 'C1', thread = ${`${newId()}.1`} where id = ${threadId}`;
  const run = await askIn(world.deps.db, ana, threadId, 'What does it say?');
  await inOrg(world, ana.orgId, (org) => addAttachments(org, { messageId: run.messageId, threadId, ...what }));
  return run;
}
const bytes = (text: string) => ({ bytes: Buffer.from(text) });

test('files are fetched and kept with their hash, and a repeat fetches none again', async () => {
  host = await startFileHost((path) => (path === '/a.png' ? { bytes: pngOf() } : bytes('number;sum\nINV-77;42')));
  const run = await askWith({ files: [file('a.csv', { mimeType: 'text/csv' }), file('a.png', { size: 64 })] });
  await read(run);
  const [csv, png] = await rowsOf(run);
  expect(csv).toMatchObject({
    status: 'read',
    text: 'number;sum\nINV-77;42',
    sha256: sha256('number;sum\nINV-77;42'),
    size: 20,
  });
  expect(png).toMatchObject({ status: 'read', mime_type: 'image/png', text: null, sha256: sha256(pngOf()) });
  expect(Buffer.compare(png?.['image'], pngOf())).toBe(0);
  await read(run);
  expect(host.asked).toEqual(['/a.csv', '/a.png']);
});

test('nothing of a file stands in the logs', async () => {
  host = await startFileHost(() => bytes('canary-in-the-text'));
  await read(
    await askWith({ files: [file('canary-name.txt')], quotes: [{ id: 'q', from: 'Bo', text: 'canary-quote' }] }),
  );
  expect(logs.join('\n')).toContain('an attachment was looked at');
  expect(logs.join('\n')).not.toContain('canary');
});

test('a file that is said to be too large is not fetched, and one that turns out to be is dropped', async () => {
  host = await startFileHost(() => ({ bytes: Buffer.alloc(10_000_001, 'x') }));
  const run = await askWith({ files: [file('claims.txt', { size: 50_000_000 }), file('lies.txt', { size: 10 })] });
  await read(run);
  expect(await rowsOf(run)).toMatchObject([
    { status: 'skipped', note: 'It has 50 MB; files of up to 10 MB are read.', text: null },
    { status: 'skipped', note: 'It is too large; files of up to 10 MB are read.', text: null },
  ]);
  expect(host.asked).toEqual(['/lies.txt']);
});

test('the files of a message together have a limit too', async () => {
  host = await startFileHost(() => ({ bytes: Buffer.alloc(9_000_000, 'x') }));
  const run = await askWith({ files: ['1', '2', '3'].map((name) => file(name, { size: 9_000_000 })) });
  await read(run);
  expect((await rowsOf(run)).map(({ status }) => status)).toEqual(['read', 'read', 'skipped']);
  expect((await rowsOf(run))[2]?.['note']).toContain('more than 20 MB');
});

test('a download that fails is tried again, and in the end skipped with a sentence', async () => {
  host = await startFileHost((path, tries) => {
    if (path === '/later.txt') return tries < 3 ? { status: tries === 1 ? 429 : 503 } : bytes('here');
    return { status: path === '/gone.txt' ? 404 : 500 };
  });
  const run = await askWith({ files: [file('later.txt'), file('gone.txt'), file('never.txt')] });
  await read(run);
  expect(await rowsOf(run)).toMatchObject([
    { status: 'read', text: 'here' },
    { status: 'skipped', note: 'It was not handed out (file_not_found). Send it again.' },
    { status: 'skipped', note: 'It could not be fetched. Send it again.' },
  ]);
  expect(host.asked.filter((path) => path === '/gone.txt')).toHaveLength(1);
  expect(host.asked.filter((path) => path === '/never.txt')).toHaveLength(3);
});

test('a login page in the place of a file is told, not read', async () => {
  host = await startFileHost(() => ({ ...bytes('<!DOCTYPE html><html>Sign in'), type: 'text/html' }));
  const run = await askWith({ files: [file('a.csv', { mimeType: 'text/csv' })] });
  await read(run);
  expect(await rowsOf(run)).toMatchObject([
    { status: 'skipped', note: expect.stringContaining('A web page came'), text: null },
  ]);
});

test('of one message ten files and five quotes are taken, and the rest is noted', async () => {
  host = await startFileHost(() => bytes('x'));
  const run = await askWith({
    files: Array.from({ length: 12 }, (_, at) => file(`f${at}`)),
    quotes: Array.from({ length: 6 }, (_, at) => ({ id: `q${at}`, from: 'Bo', text: `quote ${at}\u0000` })),
  });
  const before = await rowsOf(run);
  expect(before.map(({ name }) => name)).toEqual([
    ...Array.from({ length: 10 }, (_, at) => `f${at}`),
    ...Array.from({ length: 5 }, () => 'Bo'),
    '2 more files',
    '1 more quote',
  ]);
  expect(before[10]).toMatchObject({ status: 'read', text: 'quote 0\ufffd' });
  expect(before[15]).toMatchObject({ status: 'skipped', note: expect.stringContaining('Only the first 10 files') });
  await inOrg(world, ana.orgId, (org) => addAttachments(org, { ...run, files: [file('f0')] }));
  expect(await rowsOf(run)).toHaveLength(17);
});

test('pictures beyond the fourth are not kept', async () => {
  host = await startFileHost(() => ({ bytes: pngOf() }));
  const run = await askWith({ files: Array.from({ length: 5 }, (_, at) => file(`${at}.png`)) });
  await read(run);
  expect((await rowsOf(run)).map(({ status }) => status)).toEqual(['read', 'read', 'read', 'read', 'skipped']);
});

test('R5 a stopped run reads no further, and a later attempt reads the rest', async () => {
  const stop = new AbortController();
  host = await startFileHost((path) => {
    if (path === '/two.txt') stop.abort(new Error('stopped'));
    return bytes('x');
  });
  const run = await askWith({ files: [file('one.txt'), file('two.txt'), file('three.txt')] });
  await expect(read(run, stop.signal)).rejects.toThrow('stopped');
  expect((await rowsOf(run)).map(({ status }) => status)).toEqual(['read', 'pending', 'pending']);
  await read(run);
  expect((await rowsOf(run)).map(({ status }) => status)).toEqual(['read', 'read', 'read']);
});

test('where files cannot be fetched from, the person is told', async () => {
  host = await startFileHost(() => bytes('x'));
  const run = await askWith({ files: [file('a.txt')], readsThread: true });
  await createReadAttachments({ db: world.deps.db, log: world.deps.log })(run, never);
  expect(await rowsOf(run)).toMatchObject([
    { status: 'skipped', note: 'Files cannot be read here. Write what matters in the message.' },
    { status: 'skipped', note: 'What was said before cannot be read here.' },
  ]);
});

test('the thread before is read up to the request’s own time, with the names that are known', async () => {
  host = await startFileHost(() => bytes('x'));
  const run = await askWith({ readsThread: true });
  const [{ thread: root } = {}] = await sql`select thread from threads where id = ${run.threadId}`;
  await sql`insert into inbound_events (id, org_id, platform, tenant, source_key, sender_id, outcome, run_id)
    values (${newId()}, ${ana.orgId}, 'slack', 'T1', ${`C1:${Date.now()}.000200`}, 'U1', 'run', ${run.id})`;
  await sql`insert into slack_people (id, org_id, tenant, external_id, name, is_bot, is_guest, is_stranger, is_deactivated, fetched_at)
    values (${newId()}, ${ana.orgId}, 'T1', 'U1', 'Bo', false, false, false, false, now())`;
  const asked: Record<string, unknown>[] = [];
  const slack = {
    call: async (at: object, _method: string, args: Record<string, unknown>) => {
      asked.push({ ...at, ...args });
      return { messages: [{ ts: '1.1', user: 'U1', text: 'The total is 4200.' }] };
    },
  };
  await createReadAttachments({ db: world.deps.db, log: world.deps.log, slack })(run, never);
  expect(await rowsOf(run)).toMatchObject([{ status: 'read', text: 'Bo: The total is 4200.' }]);
  expect(asked).toMatchObject([
    { orgId: ana.orgId, tenant: 'T1', channel: 'C1', ts: root, latest: expect.stringMatching(/^\d+\.000200$/) },
  ]);
});
