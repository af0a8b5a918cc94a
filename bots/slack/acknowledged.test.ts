import { eq } from 'drizzle-orm';
import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { approvals } from '#db/schema/index.ts';
import { readable, type Message } from '#test/fakes/slack/index.ts';
import { until } from '#test/setup/until.ts';
import { addAsked, type Asked } from '#test/web/asked.ts';
import { inOrg } from '#test/web/world.ts';
import { openOffice, type Office } from './office.fixture.ts';

// What was acknowledged is written: between the two nothing may lie that a process could take with it when it dies.

let it: Office;
let sql: postgres.Sql;
let asked: Asked;
let card: Message;
beforeAll(async () => {
  it = await openOffice();
  sql = postgres(it.world.database.adminUrl, { max: 3, onnotice: () => {} });
});
afterAll(async () => {
  await sql.end();
  await it.close();
});
beforeEach(async () => {
  asked = await addAsked(it.world, it.members.mia, it.erp);
  card = await it.postCard(asked.approvalId);
});

const status = async () =>
  (
    await inOrg(it.world, it.orgId, ({ tx }) => tx.select().from(approvals).where(eq(approvals.id, asked.approvalId)))
  )[0]?.status;
const as = (name: 'ana' | 'bo') => it.slack.as(name);

/** Does something while no decision can be written, and lets go of it at the end. */
async function whileLocked(act: () => Promise<void>): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`select 1 from approvals where id = ${asked.approvalId} for update`;
    await act();
  });
}
const isWaitedFor = () =>
  until(
    'a decision waits for the row',
    async () =>
      (await sql`select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%approvals%'`)[0],
  );

test('I1 a click is acknowledged only once what it decides is written', async () => {
  let isAnswered = false;
  let clicking = Promise.resolve();
  await whileLocked(async () => {
    clicking = as('bo')
      .click(card, 'Approve')
      .then(() => void (isAnswered = true));
    await isWaitedFor();
    expect(isAnswered).toBe(false);
  });
  await clicking;
  expect(await status()).toBe('approved');
});

test('a decision that takes too long is acknowledged in time, goes on, and its end is told', async () => {
  await whileLocked(async () => {
    const clicked = await as('bo').click(card, 'Approve');
    expect(clicked).toMatchObject({ status: 200 });
    expect(clicked.tookMs).toBeLessThan(2_900);
    expect(await status()).toBe('pending');
    await as('ana').click(card, 'Approve');
  });
  await until('it is approved', async () => (await status()) === 'approved');
  expect(await it.told('ana', 'already approved')).toBeTruthy();
});

test('a reason that cannot be written in time is kept all the same, and its window says that it goes on', async () => {
  await as('bo').click(card, 'Deny');
  const modal = await it.modal('bo', 'deny');
  await whileLocked(async () => {
    const sent = await as('bo').submit(modal, { reason: 'Not this month' });
    expect(sent.tookMs).toBeLessThan(2_900);
    expect(readable(await it.modal('bo', 'notice'))).toContain('It goes on');
  });
  await until('it is denied', async () => (await status()) === 'denied');
  expect(it.slack.violations()).toEqual([]);
});

test('a window that could not be taken in says so: it does not close as if it were done', async () => {
  await as('bo').click(card, 'Deny');
  const modal = await it.modal('bo', 'deny');
  await sql`alter table approval_votes rename to away`;
  try {
    await as('bo').submit(modal, { reason: 'Not this month' });
    expect(readable(await it.modal('bo', 'notice'))).toContain('did not work');
  } finally {
    await sql`alter table away rename to approval_votes`;
  }
  expect(await status()).toBe('pending');
});

test('a window that had to wait and came to nothing says so at last', async () => {
  await as('bo').click(card, 'Deny');
  const modal = await it.modal('bo', 'deny');
  await whileLocked(async () => {
    const approving = as('ana').click(card, 'Approve');
    await isWaitedFor();
    await as('bo').submit(modal, { reason: 'Not this month' });
    expect(readable(await it.modal('bo', 'notice'))).toContain('It goes on');
    await approving;
  });
  await until('the window says who was first', async () => {
    const shown = readable(await it.modal('bo', 'notice'));
    if (!shown.includes('already approved')) throw new Error(shown);
    return true;
  });
  expect(await status()).toBe('approved');
});
