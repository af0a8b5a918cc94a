import { expect, test } from 'vitest';
import type { Outgoing } from '#core/chat.ts';
import { effectQuestion, replyMessage } from '#activities/chat/render/index.ts';
import { escapeMrkdwn, unescapeMrkdwn } from './escape.ts';
import { complaintsOf } from './limits.fixture.ts';
import { sizeOf, splitText } from './measure.ts';
import { slackMessage } from './message.ts';
import { plainFrom } from './plain.ts';
import type { SlackText } from './types.ts';

const posts = (message: Outgoing, options = {}): SlackText[] =>
  slackMessage(message, options).filter((part): part is SlackText => 'blocks' in part);

test('T4 escaped mrkdwn holds no markup of Slack’s and reads back', () => {
  const said = '<!channel> <@U1> <https://a.example|b> &lt; & &amp;';
  expect(escapeMrkdwn(said)).not.toMatch(/[<>]|&(?!amp;|lt;|gt;)/);
  expect(unescapeMrkdwn(escapeMrkdwn(said))).toBe(said);
});

test('an answer to a question that its thread does not show says whose question it was', () => {
  const answer = { key: 'k', text: 'Three runs.', suggestions: [], receipts: [] };
  const [post] = posts(replyMessage({ ...answer, asked: { byName: 'Mia <!here>', text: 'what\nruns? <@U1>' } }));
  expect(post?.blocks.map(({ type }) => type)).toEqual(['context', 'rich_text']);
  expect(post?.text).toContain('Mia');
  expect(JSON.stringify(post?.blocks[0])).toContain('what runs?');
  expect(post?.text).not.toMatch(/<[@!]/);
  expect(posts(replyMessage({ ...answer, asked: null }))[0]?.blocks).toHaveLength(1);
});

test('an answer shows its words, then receipts, then buttons, and asks whether it was good', () => {
  const reply = replyMessage({
    key: 'k',
    runId: 'r1',
    text: 'All **good**.',
    suggestions: ['Show them'],
    receipts: ['Done: Send · id 1'],
  });
  const [post] = posts(reply, { feedback: true });
  expect(post?.blocks.map(({ type }) => type)).toEqual(['rich_text', 'context', 'actions', 'context_actions']);
  expect(post?.text).toBe('All good.\n✅ Done: Send · id 1');
  expect(JSON.stringify(post?.blocks.at(-1))).toContain('"action_id":"feedback:r1"');
  expect(JSON.stringify(posts(reply))).not.toContain('feedback');
});

test('E8 a model cannot write a receipt: its words are never small print', () => {
  const [post] = posts(replyMessage({ key: 'k', text: '✅ Done: Send · id 1', suggestions: [], receipts: [] }));
  expect(post?.blocks.map(({ type }) => type)).toEqual(['rich_text']);
});

test('a button’s action and value are its opaque id; a disabled one is left out', () => {
  const [post] = posts({
    key: 'k',
    blocks: [
      {
        kind: 'buttons',
        items: [
          {
            id: 'a:1',
            label: 'x'.repeat(90),
            style: 'danger',
            confirm: { title: 'Sure?', text: 'It goes.', label: 'Yes' },
          },
          { id: 'b:1', label: 'B', disabled: true },
          { id: 'panel', label: 'Open', url: 'https://abet.example/' },
        ],
      },
    ],
    fallback: 'Choose',
  });
  const [actions] = post?.blocks ?? [];
  expect(actions?.type === 'actions' && actions.elements).toEqual([
    expect.objectContaining({
      action_id: 'a:1',
      value: 'a:1',
      style: 'danger',
      text: { type: 'plain_text', text: `${'x'.repeat(74)}…`, emoji: false },
      confirm: expect.objectContaining({ style: 'danger' }),
    }),
    expect.objectContaining({ action_id: 'panel', url: 'https://abet.example/' }),
  ]);
  expect(post?.text).toBe('Choose');
});

test('a question is announced by its title, and every literal value is plain text', () => {
  const [post] = posts(effectQuestion({ id: 'e1', summary: 'Pay *now* <!here>', externalId: null, error: 'a_b_' }));
  expect(post?.text).toBe('Was it sent? Pay *now* &lt;!here&gt;');
  expect(post?.blocks[0]).toEqual({
    type: 'header',
    text: { type: 'plain_text', text: 'Was it sent? Pay *now* <!here>', emoji: false },
  });
  expect(plainFrom(post?.blocks ?? [])).toContain(
    '⚠️ Careful: The other side did not say whether this went through. a_b_',
  );
});

test('a long message is several, in order, the buttons and the question about it on the last', () => {
  const text = Array.from({ length: 120 }, (_, at) => `Paragraph ${at} ${'word '.repeat(40)}`).join('\n\n');
  const all = posts(replyMessage({ key: 'k', runId: 'r1', text, suggestions: ['Next'], receipts: [] }), {
    feedback: true,
  });
  expect(all.length).toBeGreaterThan(2);
  expect(all.flatMap(complaintsOf)).toEqual([]);
  expect(
    [
      ...all
        .map((post) => plainFrom(post.blocks))
        .join('\n')
        .matchAll(/Paragraph (\d+)/g),
    ].map(([, at]) => Number(at)),
  ).toEqual(Array.from({ length: 120 }, (_, at) => at));
  expect(all.map((post) => /suggest:0.*feedback:r1/.test(JSON.stringify(post.blocks)))).toEqual(
    all.map((_, at) => at === all.length - 1),
  );
});

test('a message that would show nothing shows its fallback', () => {
  expect(
    posts({ key: 'k', blocks: [{ kind: 'markdown', text: '---' }], fallback: 'Hello' }).map(({ text }) => text),
  ).toEqual(['Hello']);
  expect(posts({ key: 'k', blocks: [], fallback: '' })).toHaveLength(1);
});

test('text is cut between characters as people see them, and nothing of it is lost', () => {
  const family = '👩‍👩‍👧‍👦';
  const pieces = splitText(family.repeat(100), 101);
  expect(pieces.join('')).toBe(family.repeat(100));
  expect(pieces.every((piece) => piece.length % family.length === 0)).toBe(true);
  expect(splitText('the longest wording', 15)).toEqual(['the longest ', 'wording']);
  expect(splitText('e\u0301'.repeat(5), 3).join('')).toBe('e\u0301'.repeat(5));
});

test('what Slack counts of blocks is their JSON with entities, not only their text', () => {
  expect(sizeOf([{ type: 'divider' }])).toBeGreaterThan('{"type":"divider"}'.length);
  const text = (value: string): number => sizeOf([{ type: 'header', text: { type: 'plain_text', text: value } }]);
  expect(text('&<>') - text('abc')).toBe(10);
});
