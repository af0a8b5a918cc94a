import { LLMock } from '@copilotkit/aimock';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createAnthropic } from './anthropic.ts';
import { type GenerateInput, type Model, ModelError, type ModelMessage } from './model.ts';
import { createOpenai } from './openai.ts';

const mock = new LLMock({ port: 0 });
const KEY = 'sk-test-very-secret';
const SECRET_PROMPT = 'our plan called Bluebird';

beforeAll(async () => void (await mock.start()));
afterAll(() => mock.stop());
beforeEach(() => {
  mock.reset();
});

const vendors: Record<'anthropic' | 'openai', () => Model> = {
  anthropic: () => createAnthropic({ apiKey: KEY, baseUrl: mock.url, model: 'claude-haiku-4-5' }),
  openai: () => createOpenai({ apiKey: KEY, baseUrl: `${mock.url}/v1`, model: 'gpt-5.4-mini' }),
};
const names = ['anthropic', 'openai'] as const;

const ask = (messages: ModelMessage[]): GenerateInput => ({
  instructions: 'Be brief.',
  messages,
  tools: [
    {
      name: 'get_weather',
      description: 'Weather of a city',
      effect: 'read',
      input: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
  ],
  limits: { outputTokens: 256 },
  signal: new AbortController().signal,
});
const say = (text: string) => ask([{ role: 'user', text }]);

async function failure(vendor: 'anthropic' | 'openai', text: string): Promise<ModelError> {
  const error = await vendors[vendor]()
    .generate(say(`${text} about ${SECRET_PROMPT}`))
    .catch((caught: unknown) => caught);
  if (!(error instanceof ModelError)) throw new Error(`expected a ModelError, got ${String(error)}`);
  expect(error.message).not.toContain(KEY);
  expect(error.message).not.toContain('Bluebird');
  expect(error.cause).toBeUndefined();
  return error;
}

test.each(names)('%s calls a tool, gets its result and answers', async (vendor) => {
  mock.addFixture({
    match: { userMessage: 'weather in Rome', hasToolResult: false },
    response: { content: 'Let me look.', toolCalls: [{ name: 'get_weather', arguments: '{"city":"Rome"}' }] },
  });
  mock.addFixture({
    match: { userMessage: 'weather in Rome', hasToolResult: true, toolResultContains: '21C' },
    response: { content: 'It is 21 C in Rome.' },
  });
  const model = vendors[vendor]();
  const messages: ModelMessage[] = [{ role: 'user', text: 'weather in Rome' }];
  const first = await model.generate(ask(messages));
  if (first.kind !== 'tools') throw new Error('expected a tool call');
  expect(first.calls).toMatchObject([{ name: 'get_weather', input: { city: 'Rome' } }]);

  messages.push({ role: 'assistant', text: first.text, calls: first.calls });
  messages.push({ role: 'tool', callId: first.calls[0]?.id ?? '', name: 'get_weather', text: '21C', isError: false });
  const second = await model.generate(ask(messages));
  expect(second).toMatchObject({ kind: 'reply', text: 'It is 21 C in Rome.' });
});

test.each(names)('%s says how long to wait when there are too many requests', async (vendor) => {
  mock.onMessage('busy', {
    error: { message: `slow down, ${SECRET_PROMPT}`, type: 'rate_limit_error' },
    status: 429,
    retryAfter: 7,
  });
  expect(await failure(vendor, 'busy')).toMatchObject({ kind: 'retry', status: 429, retryAfterMs: 7_000 });
});

test.each(names)('%s is asked again after an overload or a failure of its own', async (vendor) => {
  mock.onMessage('overload', { error: { message: 'Overloaded', type: 'overloaded_error' }, status: 529 });
  mock.onMessage('broken', { error: { message: 'Internal', type: 'api_error' }, status: 500 });
  expect(await failure(vendor, 'overload')).toMatchObject({ kind: 'retry', status: 529 });
  expect(await failure(vendor, 'broken')).toMatchObject({ kind: 'retry', status: 500 });
});

test.each(names)('%s refuses a wrong key once and for all, and names the variable to check', async (vendor) => {
  mock.onMessage('locked', { error: { message: `Bad key ${KEY}`, type: 'authentication_error' }, status: 401 });
  const error = await failure(vendor, 'locked');
  expect(error).toMatchObject({ kind: 'refused', status: 401 });
  expect(error.message).toContain(`Check ${vendor.toUpperCase()}_API_KEY.`);
});

test.each(names)('%s is asked again when its answer is broken or the line drops', async (vendor) => {
  mock.onMessage('hello', { content: 'hi' });
  mock.setChaos({ malformedRate: 1 });
  const malformed = await failure(vendor, 'hello');
  expect(malformed.kind).toBe('retry');
  expect(malformed.message).toContain('malformed');
  mock.clearChaos();
  mock.setChaos({ disconnectRate: 1 });
  const dropped = await failure(vendor, 'hello');
  expect(dropped.kind).toBe('retry');
  expect(dropped.message).toContain('not reached');
  mock.clearChaos();
});

test.each(names)('%s that cuts its answer says so and never runs a half-written call', async (vendor) => {
  mock.onMessage('long', { content: 'Once upon', finishReason: 'length' });
  mock.onMessage('cut call', {
    content: 'Calling.',
    toolCalls: [{ name: 'get_weather', arguments: '{}' }],
    finishReason: 'length',
  });
  const cut = await vendors[vendor]().generate(say('long'));
  expect(cut).toMatchObject({ kind: 'reply' });
  expect(cut.text).toMatch(/^Once upon\n\nThe model's answer was cut at 256 tokens\./);
  const call = await vendors[vendor]().generate(say('cut call'));
  expect(call.kind).toBe('reply');
  expect(call.text).toContain('its tool call was not run');
});

test.each(names)('%s that declines gives a plain answer', async (vendor) => {
  mock.onMessage('bad', { content: '', finishReason: vendor === 'openai' ? 'content_filter' : 'refusal' });
  expect(await vendors[vendor]().generate(say('bad'))).toMatchObject({
    kind: 'reply',
    text: expect.stringContaining('declined'),
  });
});
