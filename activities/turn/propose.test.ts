import { expect, test } from 'vitest';
import { RUN_LIMITS } from '#core/limits.ts';
import { defaultPolicy } from '#core/policy.ts';
import type { JsonObject } from '#core/tools.ts';
import type { Context } from './context.ts';
import { proposeCall } from './propose.ts';

const place = { orgId: 'o', runId: 'r', turnNumber: 1, callNumber: 1 };
const context: Context = {
  messages: [],
  taint: null,
  outside: [],
  own: [],
  isLong: false,
  toolCalls: [],
  usedTools: new Set(),
  statusLines: [],
};
const propose = (input: JsonObject, callNumber = 1) =>
  proposeCall({ ...place, callNumber }, { id: 'call', name: 'erp_post', input }, new Map(), defaultPolicy(), context);

test.each<[string, JsonObject, string]>([
  ['a field that objects drop', JSON.parse('{"lines":[{"__proto__":{"a":1}}]}'), 'a field called __proto__'],
  ['a NUL', { text: 'a\u0000b' }, 'a NUL character or broken Unicode'],
  ['half a character', { text: 'a\ud800' }, 'a NUL character or broken Unicode'],
  ['too much', { text: 'a'.repeat(RUN_LIMITS.toolInputLength) }, 'longer than 100000 characters'],
  ['nothing wrong but its tool', {}, 'There is no tool called erp_post.'],
])('A1 arguments with %s are refused, in a sentence for the model', (_, input, sentence) => {
  const row = propose(input);
  expect(row).toMatchObject({ status: 'refused', result: expect.stringContaining(sentence) });
  expect(row.payload).toBeUndefined();
});

test('a thought signature in a call’s id is kept whole', () => {
  const id = `gemini#gemini-3.8-flash##15000#${'s'.repeat(15_000)}`;
  const row = proposeCall(place, { id, name: 'erp_post', input: {} }, new Map(), defaultPolicy(), context);
  expect(row.modelCallId).toBe(id);
});

test('R4 a call past the limit of a request is refused', () => {
  expect(propose({}, RUN_LIMITS.toolCalls + 1).result).toContain('25 tool calls at most');
});
