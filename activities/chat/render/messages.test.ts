import { expect, test } from 'vitest';
import { effectQuestion, receiptLine, replyMessage } from './messages.ts';
import { toHtml } from './html.ts';

test('E8 a receipt names the effect and the other side’s id', () => {
  expect(receiptLine({ summary: 'Create invoice INV-77', externalId: '42' })).toBe(
    'Done: Create invoice INV-77 · id 42',
  );
  expect(receiptLine({ summary: 'Send', externalId: null })).toBe('Done: Send');
});

test('E6 an unclear send asks "Was it sent?" with opaque buttons, and shows the answer afterwards', () => {
  const effect = { id: 'e1', summary: 'Create invoice INV-77', externalId: null, error: 'The connection was reset.' };
  const asked = effectQuestion(effect);
  expect(asked.blocks.flatMap((block) => (block.kind === 'buttons' ? block.items.map(({ id }) => id) : []))).toEqual([
    'sent:e1',
    'not_sent:e1',
  ]);
  expect(asked.subject).toEqual({ kind: 'effect', id: 'e1' });
  const answered = effectQuestion({
    ...effect,
    resolution: 'sent',
    resolvedByName: 'Bo',
    resolvedAt: new Date('2026-11-21T10:00:00Z'),
    externalId: '42',
  });
  expect(answered.blocks).toEqual([
    { kind: 'note', tone: 'good', text: 'Bo said it was sent on 2026-11-21 10:00 UTC · id 42' },
  ]);
});

test('an answer shows its words, what the ledger confirms, and what could come next', async () => {
  const reply = replyMessage({
    key: 'r1',
    text: 'All **good**.',
    suggestions: ['Show <it>'],
    receipts: ['Done: Send · id 1'],
  });
  const page = String(await toHtml(reply, { linkHosts: [] }));
  expect(page).toContain('<strong>good</strong>');
  expect(page).toContain('Done: Send · id 1');
  expect(page).toContain('Show &lt;it&gt;');
  expect(reply.fallback).toBe('All **good**.\nDone: Send · id 1');
});

test('names and titles are literal text on a page', async () => {
  const page = String(
    await toHtml(
      {
        ...replyMessage({ key: 'k', text: '<b>no</b>', suggestions: [], receipts: ['<b>no</b>'] }),
        title: '<img src=x>',
      },
      { linkHosts: [] },
    ),
  );
  expect(page).not.toMatch(/<b>|<img/);
});

test('R5 E6 once the run is over, neither the question nor its answer promises to send again', () => {
  const effect = { id: 'e1', summary: 'Create invoice INV-77', externalId: null, isOver: true };
  const words = JSON.stringify(effectQuestion(effect));
  expect(words).toContain('It was not sent; nothing more happens');
  expect(words).toContain('nothing is sent again; the answer is kept on record');
  expect(words).not.toContain('send again');
  const answered = JSON.stringify(effectQuestion({ ...effect, resolution: 'not_sent', resolvedByName: 'Bo' }));
  expect(answered).toContain('Bo said it was not sent; nothing more happens');
});
