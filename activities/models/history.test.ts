import { expect, test } from 'vitest';
import { toTurns } from './history.ts';
import type { ModelMessage } from './model.ts';

const call = (id: string): ModelMessage => ({ role: 'assistant', text: '', calls: [{ id, name: 'f', input: {} }] });
const result = (callId: string, text = 'ok'): ModelMessage => ({
  role: 'tool',
  callId,
  name: 'f',
  text,
  isError: false,
});
const turnsOf = (messages: ModelMessage[], situation?: string) =>
  toTurns({ messages, ...(situation !== undefined && { situation }) });
const user = (text: string): ModelMessage => ({ role: 'user', text });

test('calls of another vendor or the rules keep their results though their ids repeat or are strange', () => {
  const turns = turnsOf([
    user('a'),
    call('rules-1'),
    result('rules-1', 'one'),
    user('b'),
    call('rules-1'),
    result('rules-1', 'two'),
    call('x:y'),
    result('x:y', 'three'),
  ]);
  const calls = turns.flatMap((turn) => (turn.role === 'assistant' ? turn.calls : []));
  expect(calls.map((it) => it.result.text)).toEqual(['one', 'two', 'three']);
  expect(new Set(calls.map((it) => it.id)).size).toBe(3);
  for (const { id } of calls) expect(id).toMatch(/^[A-Za-z0-9_-]{1,40}$/);
});

test('a call without a result says so, and a result without its call is left out', () => {
  const turns = turnsOf([result('gone'), user('a'), call('c1'), user('b')]);
  expect(turns).toMatchObject([
    { role: 'user', text: 'a' },
    { role: 'assistant', calls: [{ result: { isError: true } }] },
    { role: 'user', text: 'b' },
  ]);
});

test('a history cut to its newest part begins with a person, and empty texts are left out', () => {
  expect(turnsOf([{ role: 'assistant', text: 'I said' }, user('  '), user('a')])).toEqual([
    { role: 'user', text: '(Earlier messages were left out.)' },
    { role: 'assistant', text: 'I said', calls: [] },
    { role: 'user', text: 'a' },
  ]);
});

test('the situation goes with the newest words of a person, and changes nothing before them', () => {
  const history = [user('a'), { role: 'assistant', text: 'b' } as const, user('c'), call('c1'), result('c1')];
  const [plain, told] = [turnsOf(history), turnsOf(history, 'Request 1 is waiting.')];
  expect(told[2]).toEqual({
    role: 'user',
    text: 'c\n\n(Not from the person, but from Abetworks:\nRequest 1 is waiting.)',
  });
  expect(told.toSpliced(2, 1)).toEqual(plain.toSpliced(2, 1));
  expect(turnsOf(history, '  ')).toEqual(plain);
});
