import { expect, test } from 'vitest';
import { judgeBlocks } from '#test/fakes/slack/index.ts';
import { liveMessage, newChunks, plainLine, stepsOf, type LiveView } from './live-text.ts';

const STEPS = Array.from({ length: 40 }, (_, n) => ({
  id: `s${n}`,
  title: `${n} ${'é<'.repeat(900)}`,
  state: 'done' as const,
}));

test('however much there is to show, it stays within the limits', () => {
  const view: LiveView = { title: 'x'.repeat(5_000), steps: stepsOf(STEPS, []), state: 'open' };
  const chunks = newChunks(view, null);
  expect(chunks.filter(({ type }) => type === 'task_update')).toHaveLength(25);
  for (const chunk of chunks) expect('title' in chunk ? chunk.title.length : 0).toBeLessThanOrEqual(150);
  expect(JSON.stringify(chunks).length).toBeLessThan(12_000);
  const { text, blocks } = liveMessage(view, 'run');
  expect(judgeBlocks(blocks)).toBeNull();
  expect(text.length).toBeLessThan(4_000);
});

test('T4 a line shows what a text says, and nothing in it works', () => {
  expect(plainLine('R&D pays <@U1> & <!here>x <b>')).toBe('R&D pays & x ‹b›');
  expect(plainLine('see https://a.test/x, [here](javascript://b.test) and a@b.test')).toBe(
    'see a.test/x, here (b.test) and a@b.test',
  );
  expect(plainLine('a\u202eb\u200b\nc')).toBe('ab c');
  expect(plainLine('\u200b')).toBe('…');
  // What is left when something was taken out must not make something new.
  expect(plainLine('<!ch<!here>annel> <<!x>!channel> ht<@U1>tps://x.test http:http:////x.test')).not.toMatch(/<|:\/\//);
});

test('T4 a line is short work, however long and odd the text', () => {
  const began = performance.now();
  for (const part of ['a', '<!', '[', '](', '://']) plainLine(part.repeat(200_000));
  expect(performance.now() - began).toBeLessThan(1_000);
});

test('only what changed is told', () => {
  const [a, b] = [
    { id: 'a', title: 'A', state: 'running' as const },
    { id: 'b', title: 'B', state: 'running' as const },
  ];
  const before: LiveView = { title: 'T', steps: [a], state: 'open' };
  expect(newChunks(before, before)).toEqual([]);
  expect(newChunks({ ...before, steps: [{ ...a, state: 'done' }, b] }, before)).toEqual([
    { type: 'task_update', id: 'a', title: 'A', status: 'complete' },
    { type: 'task_update', id: 'b', title: 'B', status: 'in_progress' },
  ]);
  expect(newChunks({ ...before, state: 'paused' }, before)).toEqual([
    { type: 'task_update', id: 'a', title: 'A', status: 'pending' },
  ]);
});
