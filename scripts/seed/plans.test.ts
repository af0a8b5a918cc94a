import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { members } from '#db/schema/identity.ts';
import { createTestDatabase, type TestDatabase } from '#test/setup/database.ts';
import { verifyChain } from '#db/audit.ts';
import { newKeyRingText, parseKeyRing } from '#core/keys.ts';
import { prepareOrgs, type SeededOrg } from './orgs.ts';
import { knownOf, questionsOf } from './questions.ts';
import { seedRuns } from './runs.ts';
import { createWatched, type Watched } from './watch.ts';

// With a million rows a sequential scan takes seconds; with these few it is only a word in a plan, and the planner must avoid it already.

const RUNS = 20_000;
const LARGE = /Seq Scan on (runs|messages|threads|turns|model_calls|tool_calls|approvals|effects|audit_log)\b/;

let database: TestDatabase;
let watched: Watched;
let org: SeededOrg;
const told: number[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  const orgs = await prepareOrgs(database.db, 3);
  await seedRuns(database.url, orgs, RUNS, (done) => told.push(done));
  [org] = orgs as [SeededOrg];
  watched = createWatched(database.url);
});
afterAll(async () => {
  await watched?.close();
  await database?.drop();
});

test('invented runs are as many as asked for, ended all, and chained in an audit that verifies', async () => {
  expect(told.at(-1)).toBe(RUNS);
  const keys = parseKeyRing(newKeyRingText());
  const verdict = await verifyChain((fn) => database.db.withOrg(org.orgId, ({ tx }) => fn(tx)), org.orgId, keys);
  expect(verdict).toMatchObject({ badSeq: null });
  expect(verdict.rows).toBeGreaterThan(RUNS / 2);
  const active = await database.db.withOrg(org.orgId, ({ tx }) =>
    tx.query.runs.findFirst({ where: (runs, { isNull }) => isNull(runs.endedAt) }),
  );
  expect(active).toBeUndefined();
});

test('no list, filter or search of the panel scans a large table from end to end', async () => {
  const people = await database.db.withOrg(org.orgId, ({ tx }) =>
    tx.select({ id: members.id, role: members.role }).from(members).where(eq(members.orgId, org.orgId)),
  );
  const idOf = (role: string): string => people.find((one) => one.role === role)?.id ?? '';
  const known = await knownOf(watched, org.orgId, [idOf('owner'), idOf('member')]);
  await watched.plans();
  const questions = questionsOf(known);
  expect(questions.length).toBeGreaterThan(40);
  const scans: string[] = [];
  for (const { name, ask } of questions) {
    await ask(watched);
    const plans = await watched.plans();
    expect([name, plans.length > 0]).toEqual([name, true]);
    for (const { query, plan } of plans) if (LARGE.test(plan)) scans.push(`${name}\n${query}\n${plan}`);
  }
  expect(scans).toEqual([]);
});
