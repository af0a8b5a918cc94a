import { type IncomingMessage, type Server, createServer } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { createAnthropic } from './anthropic.ts';
import { type GenerateInput, type Model, ModelError } from './model.ts';
import { createOpenai } from './openai.ts';

interface Answer {
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
  /** The answer begins and never ends. */
  isCutShort?: boolean;
}
interface Call {
  path: string;
  headers: IncomingMessage['headers'];
  body: Record<string, unknown>;
}

const open: Server[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

/** A vendor that answers what the test says; null never answers. */
async function vendor(answer: (call: Call) => Answer | null) {
  const calls: Call[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const call = {
      path: request.url ?? '',
      headers: request.headers,
      body: JSON.parse(text) as Record<string, unknown>,
    };
    calls.push(call);
    const given = answer(call);
    if (!given) return;
    response.writeHead(given.status ?? 200, { 'content-type': 'application/json', ...given.headers });
    const body = typeof given.body === 'string' ? given.body : JSON.stringify(given.body ?? {});
    if (given.isCutShort) response.write(body);
    else response.end(body);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  open.push(server);
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  return {
    url,
    calls,
    anthropic: (timeoutMs = 5_000) =>
      createAnthropic({ apiKey: 'k-secret', baseUrl: url, model: 'claude-x', timeoutMs }),
    openai: (timeoutMs = 5_000) =>
      createOpenai({ apiKey: 'k-secret', baseUrl: `${url}/v1`, model: 'local/llama', timeoutMs }),
  };
}

const input = (more: Partial<GenerateInput> = {}): GenerateInput => ({
  instructions: 'Be brief.',
  messages: [{ role: 'user', text: 'hello' }],
  tools: [],
  limits: { outputTokens: 64 },
  signal: new AbortController().signal,
  ...more,
});

const message = (more: object = {}) => ({
  id: 'm',
  type: 'message',
  role: 'assistant',
  content: [{ type: 'text', text: 'hi' }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 3, output_tokens: 2 },
  ...more,
});
const completion = (choice: object = {}, more: object = {}) => ({
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'hi' }, ...choice }],
  usage: { prompt_tokens: 100, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 90 } },
  ...more,
});

const failure = async (model: Model, given = input()): Promise<ModelError> => {
  const error = await model.generate(given).catch((caught: unknown) => caught);
  if (error instanceof ModelError) return error;
  throw new Error(`expected a ModelError, got ${String(error)}`);
};

test('input tokens are the whole input, cached ones included, whatever the vendor counts', async () => {
  const usage = { input_tokens: 10, cache_read_input_tokens: 900, cache_creation_input_tokens: 40, output_tokens: 5 };
  const server = await vendor(({ path }) => ({
    body: path.includes('messages') ? message({ usage }) : completion(),
    headers: { 'request-id': 'req_1', 'x-request-id': 'req_2' },
  }));
  expect(await server.anthropic().generate(input())).toMatchObject({
    usage: { inputTokens: 950, cachedInputTokens: 900, outputTokens: 5 },
    requestId: 'req_1',
  });
  expect(await server.openai().generate(input())).toMatchObject({
    usage: { inputTokens: 100, cachedInputTokens: 90, outputTokens: 2 },
    requestId: 'req_2',
  });
});

test('a server that reports no usage gets an estimate, so that limits hold', async () => {
  const server = await vendor(() => ({ body: completion({}, { usage: undefined }) }));
  const { usage } = await server.openai().generate(input());
  expect(usage.inputTokens).toBeGreaterThan(10);
  expect(usage.outputTokens).toBeGreaterThan(0);
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
  for (body of [{}, '', 'not json', { choices: [] }, { content: 'text' }, []])
    for (const model of [server.anthropic(), server.openai()])
      expect(await failure(model)).toMatchObject({ kind: 'retry' });
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
  for (const model of [server.anthropic(), server.openai()]) {
    await expect(model.generate(input({ signal: before.signal }))).rejects.toBe(reason);
    await expect(model.generate(input({ signal: during.signal }))).rejects.toBe(reason);
  }
});

test('a vendor that stays silent, or stalls in the middle of its answer, is given up in time', async () => {
  const silent = await vendor(() => null);
  for (const model of [silent.anthropic(150), silent.openai(150)])
    expect(await failure(model)).toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('did not answer within'),
    });
  const stalling = await vendor(() => ({ body: '{"choices":', isCutShort: true }));
  for (const model of [stalling.anthropic(150), stalling.openai(150)])
    expect(await failure(model)).toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('did not answer within'),
    });
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
  for (const model of [server.anthropic(), server.openai()])
    expect(await failure(model)).toMatchObject({ kind: 'refused', status: 307 });
  expect(elsewhere.calls).toHaveLength(0);
});

test('the key goes to the server, and the effect of a tool does not', async () => {
  const server = await vendor(({ path }) => ({ body: path.includes('messages') ? message() : completion() }));
  const tools = [{ name: 'f', description: 'd', input: { type: 'object' }, effect: 'destructive' as const }];
  await server.anthropic().generate(input({ tools }));
  await server.openai().generate(input({ tools }));
  const [claude, gpt] = server.calls;
  expect(claude).toMatchObject({ path: '/v1/messages', headers: { authorization: 'Bearer k-secret' } });
  expect(gpt).toMatchObject({ path: '/v1/chat/completions', headers: { authorization: 'Bearer k-secret' } });
  expect(JSON.stringify(server.calls.map(({ body }) => body))).not.toContain('destructive');
});

test('a server that is not there is asked again', async () => {
  const model = createOpenai({ apiKey: 'k', baseUrl: 'http://127.0.0.1:1/v1', model: 'm' });
  expect(await failure(model)).toMatchObject({ kind: 'retry', message: expect.stringContaining('was not reached') });
});
