import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '#core/ids.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, createWorld, type Person, type World } from '#test/web/world.ts';
import { prune } from './retention.ts';

let world: World;
let sql: postgres.Sql;
let ana: Person;
beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 2, onnotice: () => {} });
  ana = await addOrg(world);
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});
const hoursAgo = (hours: number): Date => new Date(Date.now() - hours * 3_600_000);
const pruneAll = () => prune(world.deps.db, { withinMs: 20_000 });

test('I1 a signature is kept while it could be played back, and not for ever', async () => {
  await sql`insert into request_signatures (signature, created_at) values ('old', ${hoursAgo(2)}), ('young', ${hoursAgo(0.5)})`;
  const { counts } = await pruneAll();
  expect(counts['signatures']).toBe(1);
  expect(await sql`select signature from request_signatures`).toEqual([{ signature: 'young' }]);
});

test('I2 what was none of ours is forgotten after two days; what was asked stays as long as the org keeps it', async () => {
  const event = (outcome: string, hours: number) => ({
    id: newId(),
    org_id: ana.orgId,
    platform: 'slack',
    tenant: 'T1',
    source_key: newId(),
    sender_id: 'U1',
    outcome,
    created_at: hoursAgo(hours),
  });
  await sql`insert into inbound_events ${sql([event('ignored', 49), event('ignored', 47), event('refused', 49), event('command', 49)])}`;
  await pruneAll();
  const left = await sql<
    { outcome: string }[]
  >`select outcome from inbound_events where tenant = 'T1' order by outcome`;
  expect(left.map(({ outcome }) => outcome)).toEqual(['command', 'ignored', 'refused']);
});

test('links and installs that nobody finished, and budgets that are free again, do not pile up', async () => {
  const { orgId: org_id, memberId: member_id } = ana;
  await sql`insert into slack_links ${sql([25, 1].map((hours) => ({ id: newId(), org_id, tenant: 'T1', external_id: 'U1', token_hash: newId(), expires_at: hoursAgo(hours) })))}`;
  await sql`insert into slack_oauth_states ${sql([25, 1].map((hours) => ({ id: newId(), org_id, member_id, state_hash: newId(), key_id: 'k', sealed: Buffer.from('x'), expires_at: hoursAgo(hours) })))}`;
  await sql`insert into channel_turns ${sql([2, 0].map((hours) => ({ id: newId(), org_id, platform: 'slack', tenant: 'T1', channel: `C${hours}`, next_at: hoursAgo(hours) })))}`;
  await sql`insert into slack_people ${sql([100, 1].map((days) => ({ id: newId(), org_id, tenant: 'T1', external_id: `U${days}`, name: 'n', is_bot: false, is_guest: false, is_stranger: false, is_deactivated: false, fetched_at: hoursAgo(24 * days) })))}`;
  await pruneAll();
  for (const table of ['slack_links', 'slack_oauth_states', 'channel_turns', 'slack_people'])
    expect({ table, left: (await sql`select 1 from ${sql(table)}`).length }).toEqual({ table, left: 1 });
});
