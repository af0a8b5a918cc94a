import { afterEach, expect, test, vi } from 'vitest';
import type { Generated, ModelMessage, ModelTool } from './model.ts';
import { candidate, closeVendors, failure, input, vendor } from './vendor.fixture.ts';

afterEach(closeVendors);
afterEach(() => {
  vi.unstubAllEnvs();
});

const callPart = (name: string, more: object = {}, id?: string) => ({
  functionCall: { name, args: { city: name }, ...(id && { id }) },
  ...more,
});
const calling = (...parts: object[]) => candidate({ content: { role: 'model', parts } });
const tool = (name: string): ModelTool => ({ name, description: 'd', input: { type: 'object' }, effect: 'read' });

/** The history after an answer with calls, each with a result. */
function after(answer: Generated): ModelMessage[] {
  if (answer.kind !== 'tools') throw new Error('expected tool calls');
  const results = answer.calls.map(({ id, name }): ModelMessage => ({
    role: 'tool',
    callId: id,
    name,
    text: `of ${name}`,
    isError: false,
  }));
  return [{ role: 'user', text: 'go' }, { role: 'assistant', text: answer.text, calls: answer.calls }, ...results];
}

test('calls go back with the signature and the ids they came with', async () => {
  let body = calling(
    { text: 'hm', thought: true },
    callPart('a', { thoughtSignature: 'c2ln' }, 'f1'),
    callPart('b', {}, 'f2'),
  );
  const server = await vendor(() => ({ body }));
  const answer = await server.gemini().generate(input());
  expect(answer).toMatchObject({ kind: 'tools', text: '', calls: [{ name: 'a' }, { name: 'b' }] });
  body = candidate();
  await server.gemini().generate(input({ messages: after(answer) }));
  expect(server.calls[1]?.body['contents']).toEqual([
    { role: 'user', parts: [{ text: 'go' }] },
    {
      role: 'model',
      parts: [
        { functionCall: { id: 'f1', name: 'a', args: { city: 'a' } }, thoughtSignature: 'c2ln' },
        { functionCall: { id: 'f2', name: 'b', args: { city: 'b' } } },
      ],
    },
    {
      role: 'user',
      parts: [
        { functionResponse: { id: 'f1', name: 'a', response: { output: 'of a' } } },
        { functionResponse: { id: 'f2', name: 'b', response: { output: 'of b' } } },
      ],
    },
  ]);
});

test('calls of another model, or with a signature cut on its way through our history, go back with the documented stand-in', async () => {
  let body = calling(callPart('a', { thoughtSignature: 's'.repeat(400) }, 'f1'), callPart('b'));
  const server = await vendor(() => ({ body }));
  const history = after(await server.gemini().generate(input()));
  body = candidate();
  const signatures = async (messages: ModelMessage[], model?: string) => {
    await server.gemini(5_000, model).generate(input({ messages }));
    const contents = JSON.stringify(server.calls.at(-1)?.body['contents']);
    return [...contents.matchAll(/"thoughtSignature":"([^"]*)"/g)].map(([, signature]) => signature);
  };
  expect(await signatures(history)).toEqual(['s'.repeat(400)]);
  expect(await signatures(history, 'gemini-4-argon')).toEqual(['skip_thought_signature_validator']);
  expect(await signatures(history, 'gemini-2.5-flash')).toEqual([]);
  const short = (id: string) => id.slice(0, 200);
  const cut = history.map((one): ModelMessage => {
    if (one.role === 'tool') return { ...one, callId: short(one.callId) };
    return one.role === 'assistant'
      ? { ...one, calls: (one.calls ?? []).map((call) => ({ ...call, id: short(call.id) })) }
      : one;
  });
  expect(await signatures(cut)).toEqual(['skip_thought_signature_validator']);
  const claudes: ModelMessage[] = [
    { role: 'user', text: 'go' },
    { role: 'assistant', text: '', calls: [{ id: 'toolu_1', name: 'a', input: {} }] },
    { role: 'tool', callId: 'toolu_1', name: 'a', text: 'no such city', isError: true },
  ];
  expect(await signatures(claudes)).toEqual(['skip_thought_signature_validator']);
  expect(server.calls.at(-1)?.body['contents']).toMatchObject([
    {},
    {},
    { parts: [{ functionResponse: { name: 'a', response: { error: 'no such city' } } }] },
  ]);
});

test('a tool whose name begins with a digit is called by its own name', async () => {
  const server = await vendor(() => ({ body: calling(callPart('_3erp_list')) }));
  const answer = await server.gemini().generate(input({ tools: [tool('3erp_list')] }));
  expect(answer).toMatchObject({ kind: 'tools', calls: [{ name: '3erp_list' }] });
  expect(JSON.stringify(server.calls[0]?.body['tools'])).toContain('"name":"_3erp_list"');
});

test.each([
  [{ finishReason: 'SAFETY', content: { parts: [{ text: 'half' }] } }, 'declined'],
  [{ finishReason: 'RECITATION', content: undefined }, 'declined'],
  [{ finishReason: 'PROHIBITED_CONTENT', content: undefined }, 'declined'],
  [{ finishReason: 'MAX_TOKENS' }, 'cut at 64 tokens'],
  [{ finishReason: 'MAX_TOKENS', content: { parts: [callPart('a')] } }, 'its tool call was not run'],
  [{ finishReason: 'STOP', content: undefined }, 'empty answer'],
] as const)('an answer that ends with %j is said in plain words', async (more, words) => {
  const server = await vendor(() => ({ body: candidate(more) }));
  expect(await server.gemini().generate(input())).toMatchObject({
    kind: 'reply',
    text: expect.stringContaining(words),
  });
});

test('a blocked request is declined, and nothing at all is a malformed answer', async () => {
  let body: object = { promptFeedback: { blockReason: 'SAFETY' }, usageMetadata: { promptTokenCount: 9 } };
  const server = await vendor(() => ({ body }));
  expect(await server.gemini().generate(input())).toMatchObject({
    kind: 'reply',
    text: expect.stringContaining('declined'),
    usage: { inputTokens: 9, outputTokens: 0 },
  });
  body = { candidates: [] };
  expect(await failure(server.gemini())).toMatchObject({
    kind: 'retry',
    message: expect.stringContaining('no candidate'),
  });
});

test.each(['MALFORMED_FUNCTION_CALL', 'UNEXPECTED_TOOL_CALL'])(
  '%s is asked again, and what it used is known',
  async (finishReason) => {
    const server = await vendor(() => ({ body: candidate({ finishReason, content: { parts: [] } }) }));
    expect(await failure(server.gemini())).toMatchObject({
      kind: 'retry',
      message: expect.stringContaining(finishReason),
      usage: { inputTokens: 100, outputTokens: 2 },
    });
  },
);

test('how long to wait is read from the header or from the details of the failure, and asked only once', async () => {
  const details = [
    { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'RATE_LIMIT_EXCEEDED' },
    { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.07s' },
  ];
  let headers = {};
  const error = { code: 429, status: 'RESOURCE_EXHAUSTED', message: 'our plan called Bluebird', details };
  const server = await vendor(() => ({ status: 429, headers, body: { error } }));
  const found = await failure(server.gemini());
  expect(found).toMatchObject({ kind: 'retry', status: 429, retryAfterMs: 34_070 });
  expect(found.message).toBe(
    'Gemini answered 429 RESOURCE_EXHAUSTED RATE_LIMIT_EXCEEDED: too many requests. It will be asked again.',
  );
  expect(server.calls).toHaveLength(1);
  headers = { 'retry-after': '2' };
  expect(await failure(server.gemini())).toMatchObject({ retryAfterMs: 2_000 });
});

test('the environment changes neither address, key nor version', async () => {
  for (const [name, value] of Object.entries({
    GOOGLE_API_KEY: 'k-other',
    GOOGLE_GENAI_USE_VERTEXAI: 'true',
    GOOGLE_CLOUD_PROJECT: 'p',
    GOOGLE_GEMINI_BASE_URL: 'http://127.0.0.1:1',
    GOOGLE_GENAI_API_VERSION: 'v1alpha',
  }))
    vi.stubEnv(name, value);
  const server = await vendor(() => ({ body: candidate() }));
  expect((await server.gemini().generate(input())).text).toBe('hi');
  expect(server.calls[0]).toMatchObject({
    path: '/v1beta/models/gemini-3.8-flash:generateContent',
    headers: { 'x-goog-api-key': 'k-secret' },
  });
});
