import { LLMock } from '@copilotkit/aimock';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createAnthropic } from './anthropic.ts';
import { createGemini } from './gemini.ts';
import { type GenerateInput, type Model, ModelError, type ModelMessage, type Vendor } from './model.ts';
import { createOpenai } from './openai.ts';

const mock = new LLMock({ port: 0 });
const KEY = 'sk-test-very-secret';
const SECRET_PROMPT = 'our plan called Bluebird';

beforeAll(async () => void (await mock.start()));
afterAll(() => mock.stop());
beforeEach(() => {
  mock.reset();
});

const vendors: Record<Vendor, () => Model> = {
  anthropic: () => createAnthropic({ apiKey: KEY, baseUrl: mock.url, model: 'claude-haiku-4-5' }),
  openai: () => createOpenai({ apiKey: KEY, baseUrl: `${mock.url}/v1`, model: 'gpt-5.4-mini' }),
  gemini: () => createGemini({ apiKey: KEY, baseUrl: mock.url, model: 'gemini-3.8-flash' }),
};
const names = ['anthropic', 'openai', 'gemini'] as const;

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

async function failure(vendor: Vendor, text: string): Promise<ModelError> {
  const error = await vendors[vendor]()
    .generate(say(`${text} about ${SECRET_PROMPT}`))
    .catch((caught: unknown) => caught);
  if (!(error instanceof ModelError)) throw new Error(`expected a ModelError, got ${String(error)}`);
  expect(error.message).not.toContain(KEY);
  expect(error.message).not.toContain('Bluebird');
  expect(error.cause).toBeUndefined();
  return error;
}

test.each(names)('%s calls a tool, gets its result, calls another and answers', async (vendor) => {
  const steps = [
    { content: 'Let me look.', toolCalls: [{ name: 'get_weather', arguments: '{"city":"Rome"}' }] },
    { content: '', toolCalls: [{ name: 'get_weather', arguments: '{"city":"Oslo"}' }] },
    { content: 'Rome has 21 C, Oslo 9 C.' },
  ];
  for (const [turn, response] of steps.entries())
    mock.addFixture({
      match: {
        predicate: ({ messages }) =>
          messages.filter(({ role }) => role === 'assistant').length === turn &&
          messages.filter(({ role }) => role === 'tool').length === turn,
      },
      response,
    });
  const model = vendors[vendor]();
  const messages: ModelMessage[] = [{ role: 'user', text: 'weather in Rome and Oslo' }];
  for (const [city, result] of [
    ['Rome', '21C'],
    ['Oslo', '9C'],
  ]) {
    const answer = await model.generate(ask(messages));
    if (answer.kind !== 'tools') throw new Error('expected a tool call');
    expect(answer.calls).toMatchObject([{ name: 'get_weather', input: { city } }]);
    messages.push({ role: 'assistant', text: answer.text, calls: answer.calls });
    const callId = answer.calls[0]?.id ?? '';
    messages.push({ role: 'tool', callId, name: 'get_weather', text: result ?? '', isError: false });
  }
  expect(await model.generate(ask(messages))).toMatchObject({ kind: 'reply', text: 'Rome has 21 C, Oslo 9 C.' });
  const heard = JSON.stringify(mock.getRequests().at(-1)?.body);
  for (const word of ['21C', '9C', 'Be brief.', 'Rome', 'Oslo']) expect(heard).toContain(word);
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

test.each(names)('%s is not asked again about a conversation that is too long for it', async (vendor) => {
  const said = {
    anthropic: 'prompt is too long: 210000 tokens > 200000 maximum',
    openai: "This model's maximum context length is 8192 tokens.",
    gemini: 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
  };
  mock.onMessage('endless', { error: { message: said[vendor], type: 'invalid_request_error' }, status: 400 });
  const error = await failure(vendor, 'endless');
  expect(error).toMatchObject({ kind: 'refused', status: 400, isFree: true });
  expect(error.message).toContain('too long for this model');
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
  mock.onMessage('bad', { content: '', finishReason: vendor === 'anthropic' ? 'refusal' : 'content_filter' });
  expect(await vendors[vendor]().generate(say('bad'))).toMatchObject({
    kind: 'reply',
    text: expect.stringContaining('declined'),
  });
});
