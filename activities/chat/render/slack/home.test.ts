import type { KnownBlock } from '@slack/types';
import { expect, test } from 'vitest';
import { factsOf, PUBLIC_URL } from './card.fixture.ts';
import { type Home, homeView } from './home.ts';
import { complaintsOf, complaintsOfView } from './limits.fixture.ts';
import { anchorMessage, approvalsMessage, helpText, type HomeRun, privateLine, statusMessage } from './lines.ts';
import { askModal, readRequest } from './modals/ask.ts';
import { denyModal } from './modals/deny.ts';
import { modal, noticeModal } from './modals/frame.ts';
import { plainFrom } from './plain.ts';

const home = (over: Partial<Home> = {}): Home => ({
  publicUrl: PUBLIC_URL,
  memberName: 'Bo',
  approvals: [],
  runs: [],
  connections: [],
  isLinked: true,
  ...over,
});
const wordsOf = (over: Partial<Home>): string => {
  const view = homeView(home(over));
  expect(complaintsOfView(view)).toEqual([]);
  return `${plainFrom(view.blocks as KnownBlock[])} ${JSON.stringify(view.blocks)}`;
};
const run = (at: number): HomeRun => ({
  id: `r${at}`,
  text: `Request ${at} <!here>`,
  status: 'waiting',
  startedAt: new Date(0),
});

test('an App Home without anything says what to do next', () => {
  const words = wordsOf({});
  for (const text of ['Nothing waits for your decision', 'Mention me in a channel', 'An admin connects tools'])
    expect(words).toContain(text);
});

test('an unlinked person sees only how to link', () => {
  const words = wordsOf({
    isLinked: false,
    linkUrl: 'https://abet.example/link/x',
    approvals: [factsOf({ secret: 1 })],
  });
  expect(words).toContain('https://abet.example/link/x');
  expect(words).not.toContain('secret');
  expect(wordsOf({ isLinked: false })).toContain('/abet connect');
});

test.each([
  ['outsider', 'full members of this workspace only'],
  ['switched_off', 'Ask an admin'],
] as const)('D2 whoever has no business here sees a polite line and nothing else (%s)', (notice, line) => {
  const secret = [factsOf({ secret: 1 })];
  const { blocks } = homeView(home({ notice, approvals: secret, linkUrl: 'https://abet.example/link/x' }));
  expect(blocks).toHaveLength(1);
  expect(plainFrom(blocks as KnownBlock[])).toContain(line);
  expect(JSON.stringify(blocks)).not.toMatch(/secret|http/);
});

test('ten approvals with their buttons, ten requests and the connections fit one App Home', () => {
  const approvals = Array.from({ length: 10 }, (_, at) =>
    factsOf({ n: at, body: 'x'.repeat(at * 100) }, { id: `a${at}` }),
  );
  const connections = [
    { name: 'ERP', connector: 'rest', problem: null },
    { name: 'Mail', connector: 'gmail', problem: 'The password was refused.' },
  ];
  const words = wordsOf({ approvals, runs: Array.from({ length: 12 }, (_, at) => run(at)), connections });
  expect(words).toContain('"view:a0"');
  expect(words).toContain('"approve:a0"');
  expect(words).not.toContain('"approve:a9"');
  expect(words).toContain('https://abet.example/runs/r9');
  expect(words).not.toContain('https://abet.example/runs/r10');
  expect(words).toContain('Mail (gmail): The password was refused.');
});

test('R5 a request that goes on can be stopped from the App Home, after a question; one that ended, or is being stopped, not', () => {
  const stoppable = { ...run(1), mayStop: true };
  const view = homeView(home({ runs: [stoppable, { ...run(2), isStopping: true }, { ...run(3), status: 'done' }] }));
  expect(complaintsOfView(view)).toEqual([]);
  const blocks = view.blocks as KnownBlock[];
  const buttons = blocks.flatMap((block) => (block.type === 'actions' ? block.elements : []));
  const stops = buttons.filter((one) => 'action_id' in one && one.action_id?.startsWith('stop:'));
  expect(stops).toMatchObject([
    { action_id: 'stop:r1', style: 'danger', confirm: { title: { text: 'Stop this request?' } } },
  ]);
  const words = JSON.stringify(blocks);
  for (const id of ['r1', 'r2', 'r3']) expect(words).toContain(`https://abet.example/runs/${id}`);
  expect(words).toContain('Stopping: Request 2');
});

test('ten long cards, eleven requests that go on, and the connections fit one App Home: nothing below is cut off', () => {
  const approvals = Array.from({ length: 12 }, (_, at) =>
    factsOf({ n: at, body: 'x'.repeat(900) }, { id: `a${at}`, newcomers: ['Cy joined'], requesterMayDecide: true }),
  );
  const runs = Array.from({ length: 11 }, (_, at) => ({ ...run(at), mayStop: true }));
  const { blocks } = homeView(home({ approvals, runs }));
  expect(blocks.length).toBeLessThanOrEqual(100);
  expect(JSON.stringify(blocks.at(-1))).toContain('Open the panel');
  expect(JSON.stringify(blocks)).toContain('stop:r9');
});

test('what does not fit is named, with the way to it', () => {
  const approvals = Array.from({ length: 12 }, (_, at) =>
    factsOf({ n: at }, { id: `a${at}`, newcomers: ['Cy joined'], requesterMayDecide: true }),
  );
  const words = wordsOf({ approvals });
  const shown = new Set(words.match(/"view:a\d+"/g));
  expect(shown.size).toBeGreaterThan(6);
  expect(words).toContain(`${12 - shown.size} more`);
});

test('short answers are within limits, whatever was said, and mention nobody', () => {
  const long = '<!channel> word '.repeat(1_000);
  const messages = [
    privateLine(long, { label: 'Link my account', url: 'https://abet.example/link/x' }),
    helpText(PUBLIC_URL),
    statusMessage([], PUBLIC_URL),
    statusMessage(
      Array.from({ length: 20 }, (_, at) => ({ ...run(at), text: long })),
      PUBLIC_URL,
    ),
    approvalsMessage([], PUBLIC_URL),
    approvalsMessage(
      Array.from({ length: 20 }, () => factsOf({}, { summary: long, requestedByName: long })),
      PUBLIC_URL,
    ),
    anchorMessage({ name: long, text: long }),
    anchorMessage({ name: 'Ann', text: '' }),
  ];
  expect(messages.flatMap(complaintsOf)).toEqual([]);
  expect(plainFrom(anchorMessage({ name: 'Ann', text: 'Post *it* <@U1>' }).blocks)).toBe('Ann asks\nPost *it* <@U1>');
});

test('the other modals are within limits and hold ids only', () => {
  const views = [
    denyModal({ approvalId: 'a1', meta: { hash: 'x' } }),
    askModal({ kind: 'ask', meta: {} }),
    askModal({ kind: 'ask_about', quote: '<!channel> '.repeat(5_000), meta: { m: '1' } }),
    noticeModal('A title that is much too long for it', 'Said.', { label: 'Open', url: PUBLIC_URL }),
  ];
  expect(views.flatMap(complaintsOfView)).toEqual([]);
  expect(views.map((view) => view.callback_id)).toEqual(['deny', 'ask', 'ask_about', 'notice']);
  expect(JSON.parse(views[0]?.private_metadata ?? '')).toEqual({ hash: 'x', approvalId: 'a1' });
  expect(readRequest({ request: { value: { value: ' Do it ' } } })).toBe('Do it');
  expect(() => modal({ callbackId: 'x', title: 'x', blocks: [], meta: { a: 'x'.repeat(3_000) } })).toThrow('ids only');
});
