import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '#core/ids.ts';
import { createTestDatabase } from '#test/setup/database.ts';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let sql: postgres.Sql;
beforeAll(async () => {
  database = await createTestDatabase();
  sql = postgres(database.adminUrl, { max: 1, onnotice: () => {} });
  // The tables are empty, where reading all of one is always cheapest.
  await sql`set enable_seqscan = off`;
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

test.each([
  [
    'how a run was asked for is found by its run',
    'inbound_events_runs',
    `select source_key from inbound_events where org_id = '${newId()}' and run_id = '${newId()}'`,
  ],
  [
    'where a thread begins is found by its place',
    'slack_posts_anchors',
    `select id from slack_posts where org_id = '${newId()}' and tenant = 'T1' and thread = 'new:1' and key like 'anchor:%'`,
  ],
  [
    'whose a clicked message is, is found by its place',
    'slack_posts_org_id_tenant_channel_ts_index',
    `select key from slack_posts where org_id = '${newId()}' and tenant = 'T1' and channel = 'C1' and ts = '1.1'`,
  ],
])('%s, not by reading them all', async (_, index, query) => {
  const plan = await sql.unsafe(`explain ${query}`);
  expect(JSON.stringify(plan)).toContain(index);
});
