import { expect, test } from 'vitest';
import { createModels, rulesModel } from './index.ts';

const chainOf = (config: Parameters<typeof createModels>[0]) =>
  createModels(config).chain.map((model) => `${model.provider}/${model.name}`);

test('without any key the rules answer', () => {
  expect(chainOf({})).toEqual(['rules/abetworks-command']);
  expect(createModels({}).describe()).toBe('rules (rule-based, no AI)');
});

test('a key alone chooses a model of its vendor, Anthropic first', () => {
  expect(chainOf({ ANTHROPIC_API_KEY: 'a', OPENAI_API_KEY: 'o' })).toEqual(['anthropic/claude-haiku-5-5']);
  expect(chainOf({ OPENAI_API_KEY: 'o', GEMINI_API_KEY: 'g' })).toEqual(['openai/gpt-5.4-mini']);
  expect(chainOf({ GEMINI_API_KEY: 'g' })).toEqual(['gemini/gemini-3.8-flash']);
});

test('the chain is what was listed, in that order, and nothing more', () => {
  const config = { ANTHROPIC_API_KEY: 'a', OPENAI_API_KEY: 'o' };
  const models = createModels({ ...config, ABETWORKS_MODEL: ['openai/meta/llama-4', 'anthropic/claude-opus-5-5'] });
  expect(models.describe()).toBe('openai/meta/llama-4, then anthropic/claude-opus-5-5');
  expect(chainOf({ ...config, ABETWORKS_MODEL: ['rules'] })).toEqual(['rules/abetworks-command']);
});

test('an entry that cannot work is said at the start', () => {
  expect(() => createModels({ ABETWORKS_MODEL: ['gemini/gemini-3.8-flash'] })).toThrow('GEMINI_API_KEY must be set');
  expect(() => createModels({ ABETWORKS_MODEL: ['openai/gpt-5.4'] })).toThrow('OPENAI_API_KEY must be set');
  expect(() => createModels({ ABETWORKS_MODEL: ['openai'] })).toThrow('must be provider/model');
});

test('D7 an org without a model of its own gets the rules', () => {
  expect(rulesModel().provider).toBe('rules');
});
