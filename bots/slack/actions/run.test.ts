import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { homeView } from '#activities/chat/render/slack/index.ts';
import { runs } from '#db/schema/index.ts';
import { openOffice, type Office } from '#bots/slack/office.fixture.ts';
import { readable, type Message } from '#test/fakes/slack/index.ts';
import { until } from '#test/setup/until.ts';
import { addRows, type Rows } from '#test/web/rows.ts';
import { inOrg } from '#test/web/world.ts';

let it: Office;
let rows: Rows;
/** Whose homes were shown anew. */
const shown: string[] = [];
let failure: Error | undefined;
beforeAll(async () => {
  it = await openOffice({
    openHome: async ({ externalId }) => {
      if (failure) throw failure;
      shown.push(externalId);
    },
  });
});
afterAll(() => it.close());
beforeEach(async () => {
  rows = await addRows(it.world, it.members.mia);
  shown.length = 0;
  failure = undefined;
});

/** Somebody's App Home with this run in it. */
async function homeWith(name: 'ana' | 'mia' | 'vic', { runId }: Rows): Promise<Message> {
  const view = homeView({
    publicUrl: 'https://panel.test',
    memberName: name,
    approvals: [],
    runs: [{ id: runId, text: 'post invoice INV-77', status: 'waiting', mayStop: true, startedAt: new Date(0) }],
    connections: [],
    isLinked: true,
  });
  await it.web.views.publish({ user_id: it.slack.users[name].id, view });
  return it.slack.home(name) ?? {};
}
const isStopped = async ({ runId }: Rows): Promise<boolean> => {
  const [run] = await inOrg(it.world, it.orgId, ({ tx }) => tx.select().from(runs).where(eq(runs.id, runId)));
  return run?.stopRequestedAt !== null;
};
/** A home has no channel: what is for its person's eyes comes as a window. */
const isTold = (name: 'mia' | 'vic', line: string) =>
  until(`${name} is told "${line}"`, async () => {
    const told = it.slack.modals(name).map(readable);
    if (!told.at(-1)?.includes(line)) throw new Error(told.join('\n---\n') || 'nothing yet');
    return true;
  });

test('R5 Stop in one’s own App Home stops the request, and the home is shown anew', async () => {
  const home = await homeWith('mia', rows);
  expect((await it.slack.as('mia').click(home, 'Stop')).status).toBe(200);
  expect(await isStopped(rows)).toBe(true);
  expect(shown).toEqual([it.slack.users.mia.id]);
});

test('R5 the stop counts although the home cannot be shown anew', async () => {
  const home = await homeWith('mia', rows);
  failure = new Error('Temporal is away');
  await it.slack.as('mia').click(home, 'Stop');
  expect(await isStopped(rows)).toBe(true);
  expect(it.slack.modals('mia')).toEqual([]);
});

test('R5 a click that was forged, from a home with somebody else’s request in it, is refused privately', async () => {
  const others = await addRows(it.world, it.members.ana);
  await it.slack.as('mia').click(await homeWith('mia', rows), 'Stop', {
    tamper: (payload) => (payload['actions'][0].action_id = `stop:${others.runId}`),
  });
  await isTold('mia', 'no such run');
  expect([await isStopped(others), await isStopped(rows)]).toEqual([false, false]);
  // Another's home, forwarded as it were: who clicks counts, not whose home it is.
  await it.slack.as('vic').click(await homeWith('mia', rows), 'Stop');
  await isTold('vic', 'no such run');
  expect(await isStopped(rows)).toBe(false);
});

test('R5 whoever may only look any more stops nothing, not even their own', async () => {
  const own = await addRows(it.world, it.members.vic);
  await it.slack.as('vic').click(await homeWith('vic', own), 'Stop');
  await isTold('vic', 'may not stop this');
  expect(await isStopped(own)).toBe(false);
});

test('R5 what has ended meanwhile is said to have, and the home is shown anew', async () => {
  const home = await homeWith('mia', rows);
  await inOrg(it.world, it.orgId, ({ tx }) => tx.update(runs).set({ status: 'done' }).where(eq(runs.id, rows.runId)));
  await it.slack.as('mia').click(home, 'Stop');
  await isTold('mia', 'ended already (done)');
  expect(shown).toEqual([it.slack.users.mia.id]);
});
