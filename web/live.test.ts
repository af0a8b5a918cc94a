import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '#core/ids.ts';
import { notify } from '#db/notify.ts';
import { createTestDatabase, type TestDatabase } from '#test/setup/database.ts';
import { until } from '#test/setup/until.ts';
import { createLive } from './live.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
const log = pino({ level: 'silent' });
const [orgId, threadId] = [newId(), newId()];
const tell = (change: { threadId?: string }, org = orgId) => database.db.withOrg(org, (one) => notify(one, change));

/** Counts what a subscriber is told, from when LISTEN is surely on. */
async function watch(live: ReturnType<typeof createLive>, filter: { orgId: string; threadId?: string }) {
  const seen = { count: 0 };
  const end = live.subscribe(filter, () => {
    seen.count += 1;
  });
  await until('LISTEN is on', async () => seen.count > 0);
  seen.count = 0;
  return { seen, end };
}

test('S3 a change reaches those who watch its thread or its org, and nobody else', async () => {
  const live = createLive({ db: database.db, log });
  const thread = await watch(live, { orgId, threadId });
  const [other, org, stranger] = [{ count: 0 }, { count: 0 }, { count: 0 }];
  live.subscribe({ orgId, threadId: newId() }, () => void (other.count += 1));
  live.subscribe({ orgId }, () => void (org.count += 1));
  live.subscribe({ orgId: newId() }, () => void (stranger.count += 1));
  await tell({ threadId });
  await until('the org hears', async () => org.count === 1);
  expect([thread.seen.count, other.count, stranger.count]).toEqual([1, 0, 0]);
  thread.end();
  await tell({ threadId });
  await until('the org hears again', async () => org.count === 2);
  expect(thread.seen.count).toBe(1);
  await live.stop();
});

test('S3 when the connection is cut, everybody is told to look again, and later changes arrive', async () => {
  const live = createLive({ db: database.db, log });
  const { seen } = await watch(live, { orgId });
  const admin = postgres(database.adminUrl, { max: 1 });
  const cut =
    await admin`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'abetworks listen' and datname = current_database()`;
  await admin.end();
  expect(cut.length).toBe(1);
  await until('told after the cut', async () => seen.count > 0);
  const before = seen.count;
  await tell({ threadId });
  await until('a later change arrives', async () => seen.count > before);
  await live.stop();
});

test('S3 without LISTEN, those who watch look again every 2 seconds', async () => {
  const dead = Object.assign(new URL(database.url), { port: '1' }).href;
  const live = createLive({ db: { global: database.db.global, url: dead }, log });
  let count = 0;
  live.subscribe({ orgId }, () => void (count += 1));
  const startMs = Date.now();
  await until('polled twice', async () => count >= 2, 8_000);
  expect(Date.now() - startMs).toBeLessThan(6_000);
  await live.stop();
});

test('the connection is held only while somebody watches', async () => {
  const live = createLive({ db: database.db, log });
  const listeners = async () => {
    const admin = postgres(database.adminUrl, { max: 1 });
    const rows =
      await admin`select 1 from pg_stat_activity where application_name = 'abetworks listen' and datname = current_database()`;
    await admin.end();
    return rows.length;
  };
  const { end } = await watch(live, { orgId });
  expect(await listeners()).toBe(1);
  end();
  await until('let go', async () => (await listeners()) === 0);
});
