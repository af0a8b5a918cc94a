import type { KnownBlock } from '@slack/types';
import { expect, test } from 'vitest';
import type { ApprovalFacts } from '#activities/chat/render/approval.ts';
import { factsOf, PUBLIC_URL, readArguments } from './card.fixture.ts';
import { isSlackCardCut, slackCard } from './card.ts';
import { complaintsOf, complaintsOfView } from './limits.fixture.ts';
import { slackMessage } from './message.ts';
import { fullViewModal } from './modals/view.ts';
import { plainFrom } from './plain.ts';

const cardBlocks = (facts: ApprovalFacts): KnownBlock[] => {
  const parts = slackMessage(slackCard(facts, { publicUrl: PUBLIC_URL }));
  expect(parts.flatMap(complaintsOf)).toEqual([]);
  expect(parts).toHaveLength(1);
  return parts.flatMap((part) => ('blocks' in part ? part.blocks : []));
};
const buttons = (blocks: readonly KnownBlock[]) =>
  blocks.flatMap((block) => (block.type === 'actions' ? block.elements : [])).filter((one) => one.type === 'button');
const ids = (blocks: readonly KnownBlock[]) => buttons(blocks).map(({ action_id: id }) => id);

test('A1 the card says what, who asked, why, the risk and until when, and has every button', () => {
  const blocks = cardBlocks(factsOf({ amount: 4200 }, { effect: 'write' }));
  expect(plainFrom(blocks)).toBe(
    `Approval needed: Create invoice INV-77
Asked by: Ann
Why it waits: Writes wait for a decision.
Risk: Changes something outside
Tool: erp_createInvoice
Connection: ERP
Arguments
amount: 4200
Bound with them
Payload: sha256 ${factsOf({ amount: 4200 }).payloadSha256.slice(0, 12)}
Expires: 2026-11-22 09:00 UTC (2026-11-22 09:00 UTC your time)`,
  );
  expect(ids(blocks)).toEqual(['approve:019aa', 'deny:019aa', 'edit:019aa', 'view:019aa', 'panel']);
  expect(buttons(blocks).flatMap(({ url }) => url ?? [])).toEqual(['https://abet.example/approvals/019aa']);
});

test('when it expires shows on the reader’s own clock', () => {
  expect(JSON.stringify(cardBlocks(factsOf({})))).toContain('{"type":"date","timestamp":1795338000,');
});

test('a destructive action asks once more, in red', () => {
  const [approve, deny] = buttons(cardBlocks(factsOf({}, { effect: 'destructive' })));
  expect(approve).toMatchObject({ style: 'danger', confirm: { style: 'danger', confirm: { text: 'Approve it' } } });
  expect(deny?.style).toBeUndefined();
  expect(buttons(cardBlocks(factsOf({}, { effect: 'write' })))[0]?.confirm).toBeUndefined();
});

test('A1 a card that is cut has no Approve and says where it is', () => {
  const facts = factsOf({ body: 'x'.repeat(3_000) });
  const blocks = cardBlocks(facts);
  expect(isSlackCardCut(facts, { publicUrl: PUBLIC_URL })).toBe(true);
  expect(ids(blocks)).toEqual(['deny:019aa', 'edit:019aa', 'view:019aa', 'panel']);
  expect(plainFrom(blocks)).toContain('Open the full view, then you can approve.');
});

test('A1 characters that take more room than others cut the card further, never in two', () => {
  const facts = factsOf(Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`k${at}`, '&"\\'.repeat(60)])));
  expect(isSlackCardCut(facts, { publicUrl: PUBLIC_URL })).toBe(true);
  expect(cardBlocks(facts).length).toBeGreaterThan(5);
});

test('A1 a value cannot look like another argument: only names are bold, and lines of a value say that they go on', () => {
  const given = { note: 'hello\n*amount*: 1', z: '<!channel> *bold* _it_ `x` <https://a.example|b>' };
  const blocks = cardBlocks(factsOf(given));
  expect(readArguments(blocks)).toEqual([
    { path: 'note', value: given.note },
    { path: 'z', value: given.z },
  ]);
  expect(JSON.stringify(blocks)).not.toContain('mrkdwn');
});

test('T2 a card that cannot show all of where values came from cannot be approved', () => {
  const origins = Array.from({ length: 12 }, (_, at) => ({ path: `p${at}`, origin: `mail ${at} ${'x'.repeat(280)}` }));
  const blocks = cardBlocks(factsOf({ a: 1 }, { origins }));
  expect(ids(blocks)).not.toContain('approve:019aa');
  expect(plainFrom(blocks)).toMatch(/p0 comes from outside: mail 0 [^]*more like these/);
  const view = fullViewModal({
    facts: factsOf({ a: 1 }, { origins }),
    canApprove: true,
    panelUrl: PUBLIC_URL,
    meta: {},
  });
  expect(plainFrom(view.blocks as KnownBlock[])).toContain('p11 comes from outside: mail 11');
});

test('A7 once decided, the card says by whom and has no buttons', () => {
  const decidedAt = new Date('2026-11-21T10:00:00Z');
  const blocks = cardBlocks(factsOf({ a: 1 }, { status: 'denied', decidedByName: 'Bo', decidedAt, comment: 'Wrong' }));
  expect(ids(blocks)).toEqual([]);
  expect(plainFrom(blocks)).toContain('⛔ Denied by Bo on 2026-11-21 10:00 UTC. They said: Wrong');
  expect(plainFrom(cardBlocks(factsOf({}, { status: 'approved', decidedByName: 'Bo', decidedAt })))).toContain(
    '✅ Approved by Bo',
  );
});

test('A1 the full view shows a long payload whole, and then its submit is Approve', () => {
  const given = { body: 'A line with "quotes" & more.\n'.repeat(800), name: 'x' };
  const view = fullViewModal({ facts: factsOf(given), canApprove: true, panelUrl: PUBLIC_URL, meta: { a: 'b' } });
  expect(complaintsOfView(view)).toEqual([]);
  expect(view.submit?.text).toBe('Approve');
  expect(readArguments(view.blocks as KnownBlock[])).toEqual([
    { path: 'body', value: given.body },
    { path: 'name', value: 'x' },
  ]);
  expect(JSON.parse(view.private_metadata ?? '')).toEqual({ a: 'b', approvalId: '019aa' });
});

test('A1 what even a modal cannot hold has no Approve but the way to the panel', () => {
  const view = fullViewModal({
    facts: factsOf({ body: 'x'.repeat(400_000) }),
    canApprove: true,
    panelUrl: PUBLIC_URL,
    meta: {},
  });
  expect(complaintsOfView(view)).toEqual([]);
  expect(view.submit).toBeUndefined();
  expect(plainFrom(view.blocks as KnownBlock[])).toContain('too long for Slack to show all of it');
  expect(ids(view.blocks as KnownBlock[])).toEqual(['panel']);
});

test('A3 the full view of who may not decide, or of what is decided, has no Approve', () => {
  const view = (facts: ApprovalFacts, canApprove: boolean) =>
    fullViewModal({ facts, canApprove, panelUrl: PUBLIC_URL, meta: {} });
  expect(view(factsOf({}), false).submit).toBeUndefined();
  expect(view(factsOf({}, { status: 'approved' }), true).submit).toBeUndefined();
});
