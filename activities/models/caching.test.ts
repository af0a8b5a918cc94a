import { afterEach, expect, test } from 'vitest';
import type { GenerateInput, ModelMessage } from './model.ts';
import { answerOf, closeVendors, completion, input, vendor } from './vendor.fixture.ts';

afterEach(closeVendors);

const tools: GenerateInput['tools'] = [{ name: 'f', description: 'd', input: { type: 'object' }, effect: 'read' }];
const history: ModelMessage[] = [
  { role: 'user', text: 'first' },
  { role: 'assistant', text: 'one' },
  { role: 'user', text: 'second' },
];
const call: ModelMessage[] = [
  { role: 'assistant', text: '', calls: [{ id: 'c1', name: 'f', input: {} }] },
  { role: 'tool', callId: 'c1', name: 'f', text: 'ok', isError: false },
];
const MARK = '"cache_control":{"type":"ephemeral"}';

/** What the vendor is sent, as text without marks, cut at each mark: the parts it may keep. */
const prefixesOf = (body: object): string[] =>
  JSON.stringify(body)
    .split(`,${MARK}`)
    .slice(0, -1)
    .reduce<string[]>((found, part) => [...found, (found.at(-1) ?? '') + part], []);

test('Anthropic is told what the next turn and the next request begin with', async () => {
  const server = await vendor((call) => ({ body: answerOf(call) }));
  const ask = async (messages: ModelMessage[], situation: string) => {
    await server.anthropic().generate(input({ messages, tools, situation }));
    const { tools: sentTools, system, messages: sent } = server.calls.at(-1)?.body ?? {};
    return prefixesOf({ tools: sentTools, system, sent });
  };
  const turn1 = await ask(history, 'Request 1 is waiting.');
  const turn2 = await ask([...history, ...call], 'Request 1 is waiting.');
  const next = await ask(
    [...history, { role: 'assistant', text: 'two' }, { role: 'user', text: 'third' }],
    'All is done.',
  );
  expect(turn1).toHaveLength(3);
  // Each later call repeats what an earlier one had kept: the next turn all of it, the next request all before the newest words.
  expect(turn2.at(-1)?.startsWith(turn1.at(-1)?.replace(/[}\]]+$/, '') ?? '-')).toBe(true);
  expect(next.at(-1)?.startsWith(turn1[1]?.replace(/[}\]]+$/, '') ?? '-')).toBe(true);
  expect(next[0]).toBe(turn1[0]);
  expect(turn1[0]).not.toContain('waiting');
});

test('Anthropic takes at most four marks, and none on nothing', async () => {
  const server = await vendor((call) => ({ body: answerOf(call) }));
  await server.anthropic().generate(input({ messages: [...history, ...call, ...history, ...call], tools }));
  await server.anthropic().generate(input({ instructions: '', messages: [{ role: 'user', text: 'hello' }] }));
  const [many, few] = server.calls.map(({ body }) => JSON.stringify(body).split(MARK).length - 1);
  expect(many).toBe(3);
  expect(few).toBe(1);
});

test('OpenAI is given the thread as the key of its cache', async () => {
  const server = await vendor((call) => ({ body: answerOf(call) }));
  await server.openai().generate(input({ cacheKey: 'thread-1' }));
  await server.openai().generate(input());
  expect(server.calls.map(({ body }) => body['prompt_cache_key'])).toEqual(['thread-1', undefined]);
});

test('a compatible server that knows no cache key is asked without it from then on', async () => {
  const server = await vendor(({ body }) => {
    const unknown = ['prompt_cache_key', 'max_tokens'].find((name) => name in body);
    if (!unknown) return { body: completion() };
    return { status: 422, body: { detail: [{ loc: ['body', unknown], msg: 'Extra inputs are not permitted' }] } };
  });
  const model = server.openai();
  for (const text of ['hi', 'hi']) expect((await model.generate(input({ cacheKey: 't' }))).text).toBe(text);
  expect(server.calls).toHaveLength(4);
});

test('every vendor is told the situation with the newest words of the person', async () => {
  const server = await vendor((call) => ({ body: answerOf(call) }));
  for (const model of server.all())
    await model.generate(input({ messages: [...history, ...call], tools, situation: 'Request 1 is waiting.' }));
  for (const { body } of server.calls) {
    const text = JSON.stringify(body['messages'] ?? body['contents']);
    expect(text).toMatch(/second[^"]*Request 1 is waiting\./);
    expect(text.indexOf('Request 1 is waiting.')).toBeLessThan(text.indexOf('"ok"'));
  }
});
