import { afterAll, beforeAll, expect, test } from 'vitest';
import { readable, type Message } from '#test/fakes/slack/index.ts';
import { invoicesOf } from '#test/setup/company.ts';
import { openPanel, type Panel } from '#test/setup/panel.ts';
import { startSlackDesk, type SlackDesk } from '#test/setup/slack-desk.ts';
import { slowness } from '#test/setup/slowness.ts';
import { until } from '#test/setup/until.ts';

// One question has many copies: in its thread, with those who may decide, in App Homes, in the panel. Whichever is pressed, all are locked at once.

let it: SlackDesk;
let panel: Panel;
beforeAll(async () => {
  it = await startSlackDesk();
  panel = await openPanel(it.url, it.bo);
  it.as('bo').openHome('home');
  await until('the home is shown', async () => it.slack.home('bo'));
});
afterAll(() => it?.stop());

/** RULES A7. */
const LOCKED_WITHIN_MS = 2_000;

interface Copies {
  approvalId: string;
  ts: string;
  thread: Message;
  direct: Message;
  home: Message;
}
async function spread(number: string): Promise<Copies> {
  const { ts, card, approvalId } = await it.proposeIn(number);
  const direct = await it.directCard('bo', approvalId);
  await it.directCard('cy', approvalId);
  const home = await until('it is in the home', async () => {
    const shown = it.slack.home('bo');
    return shown && JSON.stringify(shown).includes(`approve:${approvalId}`) ? shown : undefined;
  });
  return { approvalId, ts, thread: card, direct, home };
}

/** Every copy on which somebody could still press something. */
async function open({ approvalId, thread, direct }: Copies): Promise<string[]> {
  const cy = await it.directCard('cy', approvalId);
  const page = await panel.get(`/approvals/${approvalId}`);
  const isPressable = (message: Message): boolean => /"(approve|deny|edit|view):/.test(JSON.stringify(message));
  return [
    isPressable(it.now(thread)) ? 'the thread' : '',
    isPressable(it.now(direct)) ? "Bo's direct message" : '',
    isPressable(cy) ? "Cy's direct message" : '',
    JSON.stringify(it.slack.home('bo')).includes(approvalId) ? "Bo's home" : '',
    page.text.includes('value="approve"') ? 'the panel' : '',
  ].filter((name) => name !== '');
}

/** Decides; gives how long it took until no copy could be pressed. */
async function lockedAfter(copies: Copies, decide: () => Promise<{ status: number }>, except = ''): Promise<number> {
  expect(await open(copies)).toHaveLength(5);
  const began = performance.now();
  expect((await decide()).status).toBe(200);
  await until('every copy is locked', async () => {
    const left = (await open(copies)).filter((name) => name !== except);
    if (left.length > 0) throw new Error(`open: ${left.join(', ')}`);
    return true;
  });
  return performance.now() - began;
}

const WAYS: [string, (copies: Copies) => Promise<{ status: number }>][] = [
  ['the thread', ({ thread }) => it.as('bo').click(thread, 'Approve')],
  ['a direct message', ({ direct }) => it.as('bo').click(direct, 'Approve')],
  ['App Home', ({ home, approvalId }) => it.as('bo').click(home, `approve:${approvalId}`)],
  [
    'the API',
    async ({ approvalId }) => {
      const { payloadSha256 } = (await it.bo.get(`/api/v1/approvals/${approvalId}`)).body;
      return it.bo.post(`/api/v1/approvals/${approvalId}/decision`, { decision: 'approve', payloadSha256 });
    },
  ],
];
test.each(WAYS)(
  'A7 decided in %s, every copy of the card is locked within 2 s and says by whom',
  async (name, decide) => {
    const number = `INV-2${WAYS.findIndex(([way]) => way === name)}`;
    const copies = await spread(number);
    const tookMs = await lockedAfter(copies, () => decide(copies));
    expect(tookMs / slowness()).toBeLessThan(LOCKED_WITHIN_MS);
    console.info(`decided in ${name}: all locked after ${Math.round(tookMs)} ms`);
    for (const copy of [copies.thread, copies.direct]) expect(readable(it.now(copy))).toContain('Approved by Bo');
    await it.hears('general', copies.ts, new RegExp(`Done: .*${number}`));
    expect(invoicesOf(it.erp, number)).toHaveLength(1);
  },
);

test('A7 a copy that cannot be edited holds up none of the others, nor the run, and is edited later', async () => {
  const copies = await spread('INV-30');
  const hold = it.slack.fault('chat.update', 'hang');
  const tookMs = await lockedAfter(copies, () => it.as('bo').click(copies.direct, 'Approve'), 'the thread');
  expect(tookMs / slowness()).toBeLessThan(LOCKED_WITHIN_MS);
  expect(await open(copies)).toEqual(['the thread']);
  await it.hears('general', copies.ts, /Done: .*INV-30/);
  hold.release();
  await until('the thread has it too', async () => (await open(copies)).length === 0);
});

test('what is asked in the web chat reaches those who may decide by direct message, and is decided there', async () => {
  const { runId, approval } = await it.propose('INV-31');
  const copy = await it.directCard('bo', approval.id);
  expect(readable(copy)).toContain('INV-31');
  await it.as('cy').click({ ...copy, channel: it.as('cy').dmChannel() }, 'Approve');
  await it.told('cy', 'not the card');
  await it.as('bo').click(copy, 'Approve');
  await it.runIs(it.ana, runId, 'done');
  expect(invoicesOf(it.erp, 'INV-31')).toHaveLength(1);
  expect(readable(it.now(copy))).toContain('Approved by Bo');
});

test('Slack had nothing to complain about', () => {
  expect(it.slack.violations()).toEqual([]);
});
