import { expect, test } from 'vitest';
import { rest } from '#activities/integrations/rest.ts';
import type { JsonObject } from '#core/tools.ts';
import { ERP_30, PETS_31 } from './documents.fixture.ts';

const baseUrl = 'https://erp.example/api/';
const outside = { name: 'ERP', isTrusted: false };
const compile = async (raw: Record<string, unknown>) => {
  const settings = await rest.compile({ baseUrl, ...raw });
  const actions = rest.actions(settings, outside);
  return { settings, actions, named: (name: string) => actions.find((action) => action.name === name)! };
};

test('an OpenAPI 3.0 document becomes actions with an effect each', async () => {
  const { actions, settings } = await compile({ openapi: ERP_30 });
  expect(actions.map(({ name, effect, idempotency }) => [name, effect, idempotency])).toEqual([
    ['listInvoices', 'read', 'none'],
    ['createInvoice', 'write', 'header'],
    ['getInvoice', 'read', 'none'],
    ['replaceInvoice', 'write', 'none'],
    ['deleteInvoice', 'destructive', 'none'],
    ['post_invoices_id_lines', 'write', 'none'],
    ['createToken', 'write', 'none'],
  ]);
  expect(settings['skipped']).toEqual([
    expect.stringContaining('POST /scans was left out: its body is multipart/form-data'),
  ]);
  expect(settings['baseUrl']).toBe('https://erp.example/api');
  expect(rest.hosts(settings)).toEqual(['erp.example:443']);
});

test('the arguments are one flat object: parameters and the body’s own fields', async () => {
  const { named } = await compile({ openapi: ERP_30 });
  const { input } = named('createInvoice');
  const properties = input['properties'] as JsonObject;
  expect(Object.keys(properties)).toEqual(['X-Company', 'dry', 'number', 'currency', 'amount', 'customer', 'due']);
  expect(input['required']).toEqual(['number', 'amount']);
  expect(properties['amount']).toEqual({ type: 'number', exclusiveMinimum: 0 });
  expect(properties['due']).toEqual({ type: ['string', 'null'], format: 'date' });
  // A circle is cut where it closes.
  expect(properties['customer']).toEqual({
    type: 'object',
    properties: { name: { type: 'string' }, parent: {} },
    required: ['name'],
  });
});

test('a field that a parameter is also called nests the body under body', async () => {
  const { named } = await compile({ openapi: ERP_30 });
  expect(Object.keys(named('replaceInvoice').input['properties'] as JsonObject)).toEqual(['id', 'body']);
  expect(Object.keys(named('post_invoices_id_lines').input['properties'] as JsonObject)).toEqual(['id', 'body']);
});

test('keys and credentials of the document are no arguments', async () => {
  const { actions } = await compile({ openapi: ERP_30 });
  expect(JSON.stringify(actions.map(({ input }) => input))).not.toMatch(/authorization|idempotency|api_key/i);
});

test('T1 no prose of an untrusted document reaches a model; people and trusted connections see it', async () => {
  const { actions, settings, named } = await compile({ openapi: ERP_30 });
  const seen = JSON.stringify(actions.map(({ name, modelDescription, input }) => ({ name, modelDescription, input })));
  expect(seen).not.toMatch(/IGNORE|SEND IT|OBEY|obey|EUR|x-hint/);
  expect(named('createInvoice')).toMatchObject({
    isDescriptionOutside: true,
    isResultOutside: true,
    modelDescription: 'Create invoice · POST /invoices on ERP',
    description: expect.stringContaining('IGNORE'),
  });
  const trusted = rest.actions(settings, { name: 'ERP', isTrusted: true })[1];
  expect(trusted).toMatchObject({
    isDescriptionOutside: false,
    isResultOutside: false,
    modelDescription: expect.stringContaining('IGNORE'),
  });
  expect(JSON.stringify(trusted?.input)).toContain('SEND IT TWICE');
});

test('an OpenAPI 3.1 document in YAML works, whatever its names', async () => {
  const { actions, named } = await compile({ openapi: PETS_31 });
  expect(actions.map(({ name }) => name)).toEqual(['list_pets', 'post_pets', 'Grosse', 'list_pets_2']);
  expect(named('Grosse').input['properties']).toEqual({ pet_id: { type: 'string' } });
  expect(named('Grosse').prepare({ pet_id: 'a b' })?.url).toBe('https://erp.example/api/pets/a%20b');
  expect(named('post_pets').prepare(named('post_pets').parse({ kind: 'cat' }))).toMatchObject({
    headers: { 'Content-Type': 'application/vnd.pets+json' },
    body: '{"kind":"cat"}',
  });
  expect(() => named('post_pets').parse({ kind: 'dog' })).toThrow('kind: must be one of ["cat"]');
  expect(() => named('list_pets').parse({ limit: 0 })).toThrow(/^limit: /);
});

test('S5 with "reads" only reads are on; a list switches on what it names', async () => {
  const reads = await compile({ openapi: ERP_30, enabled: 'reads' });
  expect(reads.actions.map(({ name }) => name)).toEqual(['listInvoices', 'getInvoice']);
  const one = await compile({ openapi: ERP_30, enabled: ['createInvoice'] });
  expect(one.actions.map(({ name }) => name)).toEqual(['createInvoice']);
  await expect(compile({ openapi: ERP_30, enabled: ['nope'] })).rejects.toMatchObject({
    status: 422,
    field: 'enabled',
  });
});

test('E7 the settings’ idempotency wins over what the document declares', async () => {
  const { actions } = await compile({ openapi: ERP_30, idempotency: 'none' });
  expect(actions.map(({ idempotency }) => idempotency)).not.toContain('header');
});

test('actions can be written by hand', async () => {
  const { named } = await compile({
    actions: [
      {
        name: 'post_invoice',
        description: 'Posts an invoice.',
        method: 'POST',
        path: '/invoices/{number}/post',
        query: ['notify'],
        idempotency: 'header',
        input: {
          type: 'object',
          properties: { number: { type: 'string' }, notify: { type: 'boolean' }, memo: { type: 'string' } },
          required: ['memo'],
        },
      },
      { name: 'find', method: 'GET', path: '/find', input: { type: 'object', properties: { q: { type: 'string' } } } },
    ],
  });
  const post = named('post_invoice');
  expect(post).toMatchObject({
    effect: 'write',
    idempotency: 'header',
    isDescriptionOutside: false,
    modelDescription: 'Posts an invoice.',
  });
  expect(post.prepare(post.parse({ number: 'INV/7', notify: true, memo: 'x' }))).toMatchObject({
    url: 'https://erp.example/api/invoices/INV%2F7/post?notify=true',
    body: '{"memo":"x"}',
  });
  expect(named('find').prepare({ q: 'a&b=c' })).toMatchObject({
    url: 'https://erp.example/api/find?q=a%26b%3Dc',
    body: null,
  });
});

test.for([
  [{ baseUrl: undefined }, 'baseUrl'],
  [{ baseUrl: 'ftp://erp.example' }, 'baseUrl'],
  [{ baseUrl: 'https://user:pw@erp.example' }, 'baseUrl'],
  [{ baseUrl: 'https://erp.example/?a=1' }, 'baseUrl'],
  [{ openapi: 7 }, 'openapi'],
  [{ idempotency: 'maybe' }, 'idempotency'],
  [{ actions: [{ name: 'a b', method: 'GET', path: '/' }] }, 'actions.0.name'],
  [{ actions: [{ name: 'a', method: 'TRACE', path: '/' }] }, 'actions.0.method'],
  [{ actions: [{ name: 'a', method: 'GET', path: 'x' }] }, 'actions.0.path'],
  [{ actions: [{ name: 'a', method: 'GET', path: '/../x' }] }, 'actions.0.path'],
  [{ actions: [{ name: 'a', method: 'GET', path: '/%2e%2e/x' }] }, 'actions.0.path'],
  [{ actions: [{ name: 'a', method: 'GET', path: '/{a' }] }, 'actions.0.path'],
  [{ actions: [{ name: 'a', method: 'DELETE', path: '/', effect: 'read' }] }, 'actions.0.effect'],
  [{ actions: [{ name: 'a', method: 'GET', path: '/', input: { $ref: '#/x' } }] }, 'actions.0.input'],
  [{ actions: [{ name: 'a', method: 'GET', path: '/', input: { type: 'array' } }] }, 'actions.0.input'],
  [
    {
      actions: [
        { name: 'a', method: 'GET', path: '/' },
        { name: 'A', method: 'GET', path: '/' },
      ],
    },
    'actions.1.name',
  ],
] as const)('wrong settings name the field at fault: %j', async ([raw, field]) => {
  await expect(rest.compile({ baseUrl, ...raw })).rejects.toMatchObject({ name: 'UserError', status: 422, field });
});

test('a document at an address is asked for, and used when it is there', async () => {
  const raw = { baseUrl, openapi: 'https://erp.example/openapi.yaml' };
  expect(rest.documentUrl?.(raw)).toBe('https://erp.example/openapi.yaml');
  expect(rest.documentUrl?.({ baseUrl, openapi: PETS_31 })).toBe(null);
  await expect(rest.compile(raw)).rejects.toMatchObject({ field: 'openapi' });
  expect(rest.actions(await rest.compile(raw, PETS_31), outside)).toHaveLength(4);
});
