import { expect, test } from 'vitest';
import { z } from 'zod';
import type { JsonObject } from '#core/tools.ts';
import { connectors, findConnector, slugOf, toolsOf } from './index.ts';
import { ERP_30 } from './rest/documents.fixture.ts';

/** Settings to try each connector with; a new connector adds its own when it needs any. */
const SETTINGS: Record<string, object> = {
  rest: { baseUrl: 'https://erp.example', openapi: ERP_30 },
  module: { baseUrl: 'https://modules.example' },
};
/** What the other side says that it can do, for those who are asked. */
const DOCUMENTS: Record<string, string> = {
  module: JSON.stringify([
    { id: 'text', effect: 'read', description: 'Reads.', input_schema: { properties: { text: { type: 'string' } } } },
    { id: 'text.', description: 'Writes.' },
  ]),
};
const connectionOf = (connector: string, settings: JsonObject, slug = 'erp') => ({
  id: 'c1',
  name: 'ERP',
  slug,
  connector,
  settings,
  isTrusted: false,
  settingsVersion: 1,
});

test.for(connectors.map(({ id }) => id))('every connector keeps the contract: %s', async (id) => {
  const connector = findConnector(id);
  expect(connector.id).toMatch(/^[a-z][a-z0-9-]*$/);
  expect(connector.title).not.toBe('');
  expect(connector.description).toMatch(/\.$/);
  for (const schema of [connector.settings, connector.credential])
    expect(z.toJSONSchema(schema, { io: 'input' })).toBeTypeOf('object');
  const settings = await connector.compile(SETTINGS[id] ?? {}, DOCUMENTS[id]);
  expect(JSON.parse(JSON.stringify(settings))).toEqual(settings);
  for (const host of connector.hosts(settings)) expect(host).toMatch(/^\S+:\d+$/);
  const tools = toolsOf(connectionOf(id, settings));
  expect(tools.length).toBeGreaterThan(0);
  expect(new Set(tools.map(({ toolName }) => toolName)).size).toBe(tools.length);
  for (const { toolName, action } of tools) {
    const fields = Object.entries(action.input['properties'] as JsonObject);
    expect(toolName).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    expect(action.description).not.toBe('');
    expect(action.modelDescription).not.toBe('');
    expect(action.isDescriptionOutside || action.modelDescription === action.description).toBe(true);
    expect(action.input['type']).toBe('object');
    expect(action.effect === 'read' ? 'reads need none' : action.preview({})).not.toBe('');
    for (const [name] of fields) expect(name).toMatch(/^[A-Za-z0-9_.-]{1,64}$/);
    // What is written in code is also explained in code.
    for (const [, field] of id === 'calculator' ? fields : []) expect(field).toHaveProperty('description');
  }
});

test('an unknown connector is refused, naming those there are', () => {
  expect(() => findConnector('nope')).toThrow(
    expect.objectContaining({ status: 422, field: 'connector', message: expect.stringContaining('rest, calculator') }),
  );
});

test.for([
  ['ERP', 'erp'],
  ['My  ERP (EU)', 'my-erp-eu'],
  ['Größe', 'grosse'],
  ['账务', 'connection'],
  ['-', 'connection'],
  ['x'.repeat(50), 'x'.repeat(20)],
] as const)('the slug of %s is %s', ([name, slug]) => {
  expect(slugOf(name)).toBe(slug);
});

test('S5 tool names stay within 64 characters and apart, the same every time', async () => {
  const long = 'a'.repeat(40);
  const actions = ['one', 'two'].map((end) => ({ name: `${long}${end}`, method: 'GET', path: '/' }));
  const settings = await findConnector('rest').compile({ baseUrl: 'https://erp.example', actions });
  const names = () => toolsOf(connectionOf('rest', settings, 's'.repeat(30))).map(({ toolName }) => toolName);
  expect(names()).toEqual(names());
  expect(new Set(names()).size).toBe(2);
  for (const name of names()) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
});
