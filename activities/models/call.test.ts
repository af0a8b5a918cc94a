import { expect, test } from 'vitest';
import { readArguments, toGenerated } from './call.ts';
import { ModelError } from './model.ts';

const rest = { usage: { inputTokens: 1, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 1 } };
const cut = { outputTokens: 100, wasCutInCall: false };

test.each([3_000, 100_000])('arguments nested %i deep are a malformed answer, not a crash', (depth) => {
  const text = `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  expect(() => readArguments('openai', text)).toThrow(ModelError);
  expect(() => readArguments('anthropic', JSON.parse(text))).toThrow(ModelError);
});

test('a server that answers with thousands of calls or a book is cut', () => {
  const calls = Array.from({ length: 5_000 }, (_, at) => ({ id: `c${at}`, name: 'x', input: {} }));
  const made = toGenerated('done', '', calls, rest, cut);
  expect(made.kind === 'tools' && made.calls.length).toBe(100);
  expect(toGenerated('done', 'a'.repeat(5_000_000), [], rest, cut).text.length).toBeLessThan(201_000);
});
