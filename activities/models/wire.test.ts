import { afterEach, expect, test } from 'vitest';
import { createOpenai } from './openai.ts';
import { answerOf, candidate, closeVendors, completion, failure, input, message, vendor } from './vendor.fixture.ts';

afterEach(closeVendors);

test('input tokens are the whole input, cached ones included, whatever the vendor counts', async () => {
  const usage = { input_tokens: 10, cache_read_input_tokens: 900, cache_creation_input_tokens: 40, output_tokens: 5 };
  const counted = {
    prompt_tokens: 100,
    completion_tokens: 2,
    prompt_tokens_details: { cached_tokens: 90, cache_write_tokens: 6 },
  };
  const usageMetadata = {
    promptTokenCount: 100,
    cachedContentTokenCount: 90,
    toolUsePromptTokenCount: 7,
    candidatesTokenCount: 2,
    thoughtsTokenCount: 30,
  };
  const bodies = {
    messages: message({ usage }),
    completions: completion({}, { usage: counted }),
    generate: candidate({}, { usageMetadata, responseId: 'r_3' }),
  };
  const server = await vendor(({ path }) => ({
    body: Object.entries(bodies).find(([name]) => path.includes(name))?.[1],
    headers: { 'request-id': 'req_1', 'x-request-id': 'req_2' },
  }));
  expect(await server.anthropic().generate(input())).toMatchObject({
    usage: { inputTokens: 950, cachedInputTokens: 900, cacheWriteTokens: 40, outputTokens: 5 },
    requestId: 'req_1',
  });
  expect(await server.openai().generate(input())).toMatchObject({
    usage: { inputTokens: 100, cachedInputTokens: 90, cacheWriteTokens: 6, outputTokens: 2 },
    requestId: 'req_2',
  });
  // Thoughts are billed as output; what the vendor's own tools read is not in the prompt's count.
  expect(await server.gemini().generate(input())).toMatchObject({
    usage: { inputTokens: 107, cachedInputTokens: 90, cacheWriteTokens: 0, outputTokens: 32 },
    requestId: 'r_3',
  });
});

test('a server that reports no usage gets an estimate, so that limits hold', async () => {
  const server = await vendor((call) => ({ body: { ...answerOf(call), usage: undefined, usageMetadata: undefined } }));
  for (const model of server.all()) {
    const { usage } = await model.generate(input());
    expect(usage.inputTokens).toBeGreaterThan(10);
    expect(usage.outputTokens).toBeGreaterThan(0);
  }
});

test('tool arguments that are not a JSON object are asked for again', async () => {
  const toolCall = (args: unknown) => ({ id: 'c1', type: 'function', function: { name: 'f', arguments: args } });
  let args: unknown = '{"a":';
  const server = await vendor(() => ({
    body: completion({ finish_reason: 'tool_calls', message: { content: null, tool_calls: [toolCall(args)] } }),
  }));
  for (args of ['{"a":', '[1]', '"text"', 'null'])
    expect(await failure(server.openai())).toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('malformed'),
    });
  // What compatible servers send for "no arguments", and an object that was never a string.
  for (args of ['', undefined, {}])
    expect(await server.openai().generate(input())).toMatchObject({ kind: 'tools', calls: [{ name: 'f', input: {} }] });
});

test('an answer of another shape is asked for again', async () => {
  let body: unknown = {};
  const server = await vendor(() => ({ body }));
  for (body of [{}, '', 'not json', { choices: [] }, { content: 'text' }, { candidates: 1 }, []])
    for (const model of server.all()) expect(await failure(model)).toMatchObject({ kind: 'retry' });
});

test('a failure inside a 200 is a failure', async () => {
  const server = await vendor(() => ({ body: { error: { code: 429, message: 'slow down' } } }));
  expect(await failure(server.openai())).toMatchObject({ kind: 'retry', status: 429 });
});

test.each([
  ['anthropic', { stop_reason: 'refusal', content: [] }, 'declined'],
  ['anthropic', { stop_reason: 'model_context_window_exceeded', content: [] }, 'too long'],
  ['anthropic', { content: [] }, 'empty answer'],
] as const)('%s that ends with %j gives a plain answer', async (_, more, words) => {
  const server = await vendor(() => ({ body: message(more) }));
  expect(await server.anthropic().generate(input())).toMatchObject({
    kind: 'reply',
    text: expect.stringContaining(words),
  });
});

test('a refusal or an empty completion gives a plain answer', async () => {
  let choice: object = {};
  const server = await vendor(() => ({ body: completion(choice) }));
  choice = { message: { content: null, refusal: 'no' } };
  expect(await server.openai().generate(input())).toMatchObject({
    kind: 'reply',
    text: expect.stringContaining('declined'),
  });
  choice = { message: { content: '' } };
  expect(await server.openai().generate(input())).toMatchObject({ text: expect.stringContaining('empty answer') });
});

test('a stop leaves with its own reason, before and during the call', async () => {
  const reason = new Error('stopped by a person');
  const before = new AbortController();
  before.abort(reason);
  const during = new AbortController();
  const server = await vendor(() => {
    during.abort(reason);
    return null;
  });
  for (const model of server.all()) {
    await expect(model.generate(input({ signal: before.signal }))).rejects.toBe(reason);
    await expect(model.generate(input({ signal: during.signal }))).rejects.toBe(reason);
  }
});

test('a vendor that stays silent, or stalls in the middle of its answer, is given up in time', async () => {
  const silent = await vendor(() => null);
  for (const model of silent.all(150))
    expect(await failure(model)).toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('did not answer within'),
    });
  const stalling = await vendor(() => ({ body: '{"choices":', cut: 'stalls' }));
  for (const model of stalling.all(150))
    expect(await failure(model)).toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('did not answer within'),
    });
});

test('an answer that breaks off in its middle is asked for again, and may have been billed', async () => {
  const server = await vendor(() => ({ body: '{"choices":', cut: 'breaks' }));
  for (const model of server.all()) expect(await failure(model)).toMatchObject({ kind: 'retry', isFree: false });
});

test('the limit of output tokens is sent under the name the server knows', async () => {
  const server = await vendor(({ body }) =>
    'max_tokens' in body
      ? {
          status: 400,
          body: { error: { message: "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead." } },
        }
      : { body: completion() },
  );
  const model = server.openai();
  expect((await model.generate(input())).text).toBe('hi');
  expect((await model.generate(input())).text).toBe('hi');
  expect(server.calls.map(({ body }) => body['max_completion_tokens'])).toEqual([undefined, 64, 64]);
});

test('a redirect is not followed: it would carry the key to another host', async () => {
  const elsewhere = await vendor(() => ({ body: message() }));
  const server = await vendor(() => ({ status: 307, headers: { location: elsewhere.url } }));
  for (const model of server.all()) expect(await failure(model)).toMatchObject({ kind: 'refused', status: 307 });
  expect(elsewhere.calls).toHaveLength(0);
});

test('the key goes to the server, and the effect of a tool does not', async () => {
  const server = await vendor((call) => ({ body: answerOf(call) }));
  const tools = [{ name: 'f', description: 'd', input: { type: 'object' }, effect: 'destructive' as const }];
  for (const model of server.all()) await model.generate(input({ tools }));
  const [claude, gpt, gemini] = server.calls;
  expect(claude).toMatchObject({ path: '/v1/messages', headers: { authorization: 'Bearer k-secret' } });
  expect(gpt).toMatchObject({ path: '/v1/chat/completions', headers: { authorization: 'Bearer k-secret' } });
  const path = '/v1beta/models/gemini-3.8-flash:generateContent';
  expect(gemini).toMatchObject({ path, headers: { 'x-goog-api-key': 'k-secret' } });
  expect(JSON.stringify(server.calls.map(({ body }) => body))).not.toContain('destructive');
});

test('a server that is not there is asked again', async () => {
  const model = createOpenai({ apiKey: 'k', baseUrl: 'http://127.0.0.1:1/v1', model: 'm' });
  expect(await failure(model)).toMatchObject({ kind: 'retry', message: expect.stringContaining('was not reached') });
});

test('a refusal that quotes the request is a refusal, whatever names it speaks of, and changes nothing for the next call', async () => {
  let isRefused = true;
  const server = await vendor(({ body }) =>
    isRefused
      ? {
          status: 400,
          body: { error: { message: `bad request: ${JSON.stringify(body)}`, type: 'invalid_request_error' } },
        }
      : { body: completion() },
  );
  const model = server.openai();
  const given = input({
    cacheKey: 'thread-1',
    messages: [{ role: 'user', text: 'what are max_tokens, max_completion_tokens?' }],
  });
  expect(await failure(model, given)).toMatchObject({ kind: 'refused', status: 400, isFree: true });
  isRefused = false;
  await model.generate(given);
  expect(server.calls.at(-1)?.body).toMatchObject({ max_tokens: 64, prompt_cache_key: 'thread-1' });
});
