import { expect, test } from 'vitest';
import { UserError } from '#core/errors.ts';
import { rest } from '#activities/integrations/rest.ts';

const baseUrl = 'https://erp.example';
const withPaths = (paths: unknown, more: object = {}) => ({
  openapi: '3.1.0',
  info: { title: 't', version: '1' },
  paths,
  ...more,
});
const compile = (openapi: unknown, more: object = {}) => rest.compile({ baseUrl, openapi, ...more });
/** The sentence it is refused with. */
async function refusal(openapi: unknown): Promise<string> {
  const error: unknown = await compile(openapi).catch((error: unknown) => error);
  if (!(error instanceof UserError)) throw new Error('it was not refused with a sentence', { cause: error });
  expect(error).toMatchObject({ status: 422, field: 'openapi' });
  return error.message;
}

test.for(['file:///etc/passwd', 'http://127.0.0.1:7233/x', 'other.yaml#/a', '//evil.example/x'])(
  'S5 a reference to another file or address is refused: %s',
  async ($ref) => {
    expect(await refusal(withPaths({ '/a': { get: { parameters: [{ $ref }], responses: {} } } }))).toMatch(
      /another file or address/,
    );
    expect(await refusal(JSON.stringify(withPaths({ '/a': { $ref } })))).toMatch(/another file or address/);
  },
);

test('a document that doubles itself forty times is read in no time, and cut', async () => {
  const schemas: Record<string, unknown> = { S40: { type: 'string' } };
  for (let i = 0; i < 40; i++) {
    const next = { $ref: `#/components/schemas/S${i + 1}` };
    schemas[`S${i}`] = { type: 'object', properties: { a: next, b: next } };
  }
  const body = { content: { 'application/json': { schema: { $ref: '#/components/schemas/S0' } } } };
  const started = Date.now();
  const settings = await compile(
    withPaths({ '/a': { post: { requestBody: body, responses: {} } } }, { components: { schemas } }),
  );
  expect(Date.now() - started).toBeLessThan(3_000);
  expect(JSON.stringify(settings).length).toBeLessThan(200_000);
});

test('references in a circle end', async () => {
  const components = { schemas: { A: { $ref: '#/components/schemas/B' }, B: { $ref: '#/components/schemas/A' } } };
  const body = { content: { 'application/json': { schema: { $ref: '#/components/schemas/A' } } } };
  const settings = await compile(withPaths({ '/a': { post: { requestBody: body, responses: {} } } }, { components }));
  expect(rest.actions(settings, { name: 'x', isTrusted: false })[0]?.input['properties']).toEqual({ body: {} });
});

test('a YAML bomb is refused', async () => {
  let bomb = 'openapi: 3.1.0\na0: &a0 [x, x, x]\n';
  for (let i = 1; i < 30; i++) bomb += `a${i}: &a${i} [${Array.from({ length: 9 }, () => `*a${i - 1}`).join(', ')}]\n`;
  expect(await refusal(bomb)).toMatch(/alias/i);
});

test('too deep, too long, too many, too odd: each is refused with a sentence', async () => {
  expect(await refusal('['.repeat(100_000))).toMatch(/neither JSON nor YAML|nested/);
  const deep = `{"openapi":"3.1.0","paths":{},"x":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
  expect(await refusal(deep)).toMatch(/nested more than|neither/);
  expect(await refusal(`{"a":"${'x'.repeat(6_000_000)}"}`)).toMatch(/longer than 5 MB/);
  expect(await refusal(withPaths({}, { x: 'y'.repeat(6_000_000) }))).toMatch(/longer than 5 MB/);
  expect(await refusal(withPaths({}, { x: Array.from({ length: 600_000 }, () => 0) }))).toMatch(
    /more than 500000 values/,
  );
  expect(await refusal({ swagger: '2.0', paths: {} })).toMatch(/Swagger 2.0/);
  expect(await refusal({ openapi: '3.1.0' })).toMatch(/no "paths"/);
  expect(await refusal({ ...withPaths({}), openapi: '4.0.0' })).toMatch(/Unsupported OpenAPI version/);
  expect(await refusal(withPaths({}))).toMatch(/no operations/);
  expect(await refusal('just words')).toMatch(/not an OpenAPI document/);
  const lost = withPaths({ '/a': { get: { parameters: [{ $ref: '#/components/nope' }], responses: {} } } });
  expect(await refusal(lost)).toMatch(/which is not in it/);
});

test('ten thousand operations are refused unless the wanted ones are named', async () => {
  const paths = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, i) => [`/p${i}`, { get: { operationId: `o${i}`, responses: {} } }]),
  );
  expect(await refusal(withPaths(paths))).toMatch(/10000 operations, at most 500/);
  const settings = await compile(withPaths(paths), { enabled: ['o7', 'o9999'] });
  expect(settings['enabled']).toEqual(['o7', 'o9999']);
});

test('names that mean something to JavaScript do no harm', async () => {
  const text = `{"openapi":"3.1.0","info":{"title":"t","version":1},"paths":{"/__proto__":{"get":{"operationId":"__proto__","parameters":[
    {"name":"__proto__","in":"query","schema":{"type":"string"}},{"name":"constructor","in":"query","required":true,"schema":{"type":"string","format":"toString"}}]}},
    "/b":{"post":{"operationId":"constructor","requestBody":{"content":{"application/json":{"schema":{"type":"object",
    "properties":{"__proto__":{"type":"object","properties":{"polluted":{"default":true}}},"hasOwnProperty":{"type":"integer"},"toString":{"type":"string"}},"required":["toString","__proto__"]}}}}}}}}`;
  const actions = rest.actions(await compile(text), { name: 'x', isTrusted: false });
  expect(actions.map(({ name }) => name)).toEqual(['proto', 'constructor']);
  const [get, post] = actions;
  expect(() => get?.parse({})).toThrow('constructor: is missing');
  expect(() => post?.parse({})).toThrow('toString: is missing');
  expect(post?.prepare(post.parse({ toString: 'a', hasOwnProperty: 1 }))?.body).toBe(
    '{"hasOwnProperty":1,"toString":"a"}',
  );
  expect(() => post?.parse(JSON.parse('{"toString":"a","__proto__":{"x":1}}') as never)).toThrow('name cannot be used');
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});
