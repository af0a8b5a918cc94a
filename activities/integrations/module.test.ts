import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '#core/tools.ts';
import { MODULE_KEY, MODULES, startModules, type Modules } from '#test/fakes/module.ts';
import { createEgress } from '#activities/egress.ts';
import type { RunContext } from './connector.ts';
import { moduleConnector } from './module.ts';

let server: Modules;
beforeAll(async () => {
  server = await startModules();
});
afterAll(() => server.stop());
beforeEach(() => {
  server.behave(null);
  server.list(MODULES);
  server.healthIs(200);
});

const listed = (...modules: unknown[]): string => JSON.stringify({ modules });
const compile = (document: string, more: object = {}) =>
  moduleConnector.compile({ baseUrl: server.url, ...more }, document);
const settings = (more: object = {}) => compile(listed(...MODULES), more);
const watched = () => {
  if (!moduleConnector.watched) throw new Error('not watched');
  return moduleConnector.watched;
};
const actionsOf = (stored: JsonObject, more: { isTrusted?: boolean; offered?: JsonObject | null } = {}) =>
  moduleConnector.actions(stored, { name: 'Desk', isTrusted: false, ...more });
const contextOf = (stored: JsonObject, more: Partial<RunContext> = {}): RunContext<JsonObject> => {
  const egress = createEgress({ allow: [server.hostPort], hosts: moduleConnector.hosts(stored) });
  return {
    fetch: (url, request) => egress(url, { ...request, redirect: 'error' }),
    credential: { apiKey: MODULE_KEY },
    idempotencyKey: 'effect-1',
    task: { orgId: 'org-1', runId: 'run-1', callId: 'call-1' },
    signal: new AbortController().signal,
    ...more,
    settings: stored,
  };
};
async function run(id: string, input: JsonObject, more: Partial<RunContext> = {}) {
  const stored = await settings();
  const action = actionsOf(stored).find(({ moduleId }) => moduleId === id);
  if (!action) throw new Error(`no ${id}`);
  const request = action.prepare(action.parse(input));
  const payload = { v: 1, tool: 'x', connection: null, arguments: input, attachments: [], schemaSha256: '' } as const;
  return action.run(contextOf(stored, more), { ...payload, attachments: [], request, policyVersion: 1 });
}

describe('the list', () => {
  test.each([
    ['under modules', { modules: MODULES }],
    ['under items', { items: MODULES }],
    ['bare', MODULES],
  ])('is read %s', async (_, list) => {
    const stored = await compile(JSON.stringify(list));
    expect(actionsOf(stored).map(({ name, moduleId, effect }) => [name, moduleId, effect])).toEqual([
      ['lookup', 'lookup', 'read'],
      ['ticket_open', 'ticket.open', 'write'],
    ]);
  });

  test.each([undefined, '', 'WRITE', 'reads', 'read-only', 'none', 7, null])(
    'an effect of %j counts as write',
    async (effect) => {
      const [action] = actionsOf(await compile(listed({ id: 'a', effect })));
      expect(action?.effect).toBe('write');
    },
  );

  test('what cannot be used is left out with a sentence, and an empty rest is refused', async () => {
    const odd = [
      { id: 'a b' },
      { id: 'x'.repeat(65) },
      7,
      { id: 'list', input_schema: { type: 'array' } },
      { id: 'odd', input_schema: { properties: { 'a b': {} } } },
      { id: 'far', input_schema: { $ref: 'https://evil.example/schema.json' } },
      { id: 'ok' },
      { id: 'ok' },
    ];
    const stored = await compile(listed(...odd));
    expect(actionsOf(stored).map(({ name }) => name)).toEqual(['ok']);
    expect(stored['skipped']).toHaveLength(7);
    for (const document of ['', '{}', 'null', '"x"', '{"modules":{}}', '{"modules":[]}', listed({ id: '?' })])
      await expect(compile(document)).rejects.toMatchObject({ name: 'UserError', status: 422, field: 'baseUrl' });
    await expect(compile(JSON.stringify(Array.from({ length: 201 }, (_, i) => `m${i}`)))).rejects.toThrow(
      'at most 200',
    );
  });

  test.each([300, 3_000, 100_000])('a list nested %i levels deep is refused with a sentence', async (depth) => {
    const deep = (inner: string): string => `{"modules":[{"id":"a","input_schema":${inner}}]}`;
    for (const document of [
      deep(`{"default":${'['.repeat(depth)}${']'.repeat(depth)}}`),
      deep(`${'{"properties":{"a":'.repeat(depth)}{}${'}}'.repeat(depth)}`),
    ])
      await expect(compile(document)).rejects.toMatchObject({
        name: 'UserError',
        status: 422,
        message: expect.stringContaining('nested more than 200 levels deep'),
      });
  });

  test('a small list that references make huge stays small, and very many such modules are refused', async () => {
    const words = { description: 'y'.repeat(500), default: 'z'.repeat(1_900), enum: ['e'.repeat(100_000)] };
    const properties = Object.fromEntries(Array.from({ length: 900 }, (_, at) => [`p${at}`, { $ref: '#/$defs/L' }]));
    const bomb = (id: string) => ({ id, input_schema: { $defs: { L: words }, properties } });
    expect(JSON.stringify(await compile(listed(bomb('a')))).length).toBeLessThan(1_500_000);
    await expect(compile(listed(...['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(bomb)))).rejects.toMatchObject({
      status: 422,
      message: expect.stringContaining('more than 4000000 characters'),
    });
  });

  test('references within a schema are followed, and arguments are checked against it', async () => {
    const input_schema = {
      properties: { row: { $ref: '#/$defs/Row' } },
      required: ['row'],
      $defs: { Row: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] } },
    };
    const [action] = actionsOf(await compile(listed({ id: 'a', input_schema })));
    expect(action?.parse({ row: { n: 1 } })).toEqual({ row: { n: 1 } });
    expect(() => action?.parse({ row: { n: 'x' } })).toThrow('row.n: must be integer');
    expect(() => action?.parse({})).toThrow('row: is missing');
  });

  test('T1 models get our words and its names until an admin trusts it', async () => {
    const stored = await settings();
    const [outside] = actionsOf(stored);
    expect(outside).toMatchObject({ isDescriptionOutside: true, isResultOutside: true });
    expect(outside?.modelDescription).toBe('Lookup · module lookup of Desk');
    const [trusted] = actionsOf(stored, { isTrusted: true });
    expect(trusted?.modelDescription).toContain('Looks a word up.');
    expect(trusted?.isResultOutside).toBe(false);
  });

  test('enabled takes ids or names, or those that read; an unknown one is named', async () => {
    expect(actionsOf(await settings({ enabled: 'reads' })).map(({ name }) => name)).toEqual(['lookup']);
    expect(actionsOf(await settings({ enabled: ['ticket.open'] })).map(({ name }) => name)).toEqual(['ticket_open']);
    await expect(settings({ enabled: ['nope'] })).rejects.toMatchObject({ field: 'enabled' });
  });

  test('E7 a key is relied on only if the list or the settings say so', async () => {
    const keyed = async (document: string, more: object = {}) =>
      actionsOf(await compile(document, more))[0]?.idempotency;
    expect(await keyed(listed({ id: 'a' }))).toBe('none');
    expect(await keyed(listed({ id: 'a', idempotency: 'header' }))).toBe('header');
    expect(await keyed(JSON.stringify({ idempotency: 'header', modules: [{ id: 'a' }] }))).toBe('header');
    expect(await keyed(listed({ id: 'a', idempotency: 'header' }), { idempotency: 'none' })).toBe('none');
  });
});

describe('what is offered', () => {
  test.each([
    ['name', { name: 'Other' }],
    ['description', { description: 'Other.' }],
    ['effect', { effect: 'write' }],
    ['input', { input_schema: { properties: { word: { type: 'string', maxLength: 9 } } } }],
    ['output', { output_schema: { type: 'object' } }],
    ['keys', { idempotency: 'header' }],
  ])('a changed %s switches that module off, and no other', async (_, change) => {
    const stored = await settings();
    const [lookup, open] = MODULES;
    const offered = watched().compare(stored, listed({ ...lookup, ...change }, open));
    expect(actionsOf(stored, { offered }).map(({ off }) => off !== undefined)).toEqual([true, false]);
    expect(watched().changes(stored, offered ?? {})).toMatchObject([{ id: 'lookup', kind: 'changed' }]);
  });

  test('another order or version is the same; a removed module is off; an unreadable offer switches all off', async () => {
    const stored = await settings();
    const [lookup, open] = MODULES;
    expect(watched().compare(stored, listed({ ...open, version: '2' }, lookup))).toBeNull();
    const offered = watched().compare(stored, listed(lookup));
    expect(actionsOf(stored, { offered })[1]?.off).toBe('Desk no longer offers ticket.open.');
    expect(actionsOf(stored, { offered: { sha256: 'x' } }).every(({ off }) => off)).toBe(true);
  });

  test('accepted, what was on stays on, what is new is on, names stay, and nothing is offered any more', async () => {
    const stored = await settings({ enabled: ['lookup'] });
    const now = listed({ id: 'ticket-open' }, { id: 'ticket_open' }, ...MODULES);
    const offered = watched().compare(stored, now) ?? {};
    const accepted = watched().accept(stored, offered);
    expect(actionsOf(accepted).map(({ moduleId, name }) => [moduleId, name])).toEqual([
      ['ticket-open', 'ticket-open'],
      ['ticket_open', 'ticket_open_2'],
      ['lookup', 'lookup'],
    ]);
    expect(watched().compare(accepted, now)).toBeNull();
    expect(actionsOf(watched().accept(stored, offered, ['ticket-open'])).map(({ name }) => name)).toEqual([
      'ticket-open',
    ]);
  });
});

describe('an execution', () => {
  test('sends the approved input with org, task, key and credential', async () => {
    const { output, externalId } = await run('ticket.open', { subject: 'Hello' });
    const sent = server.executed.at(-1);
    expect(sent?.body).toEqual({
      module_id: 'ticket.open',
      org_id: 'org-1',
      task_id: 'effect-1',
      input_data: { subject: 'Hello' },
    });
    expect(sent?.headers).toMatchObject({ 'x-api-key': MODULE_KEY, 'idempotency-key': 'effect-1' });
    expect(output).toMatchObject({ status: 'completed', execution_id: expect.any(String), duration: 0.01 });
    expect(externalId).toMatch(/^T-/);
  });

  const answers = (status: number, body: unknown) =>
    server.behave(
      (_, response) => void response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body)),
    );
  test.each([
    ['failed', 200, { status: 'failed', error: 'nope' }, 'refused', 'refused'],
    ['error', 200, { status: 'ERROR', error: { message: 'nope' } }, 'refused', 'refused'],
    ['another word', 200, { status: 'accepted' }, 'refused', 'unclear'],
    ['no status', 200, { output: 1 }, 'refused', 'unclear'],
    ['no JSON', 200, 'done', 'refused', 'unclear'],
    ['401', 401, { error: 'key' }, 'refused', 'refused'],
    ['429', 429, {}, 'not_sent', 'not_sent'],
    ['503', 503, {}, 'not_sent', 'unclear'],
    ['500 that says it failed', 500, { status: 'failed' }, 'refused', 'unclear'],
  ])('E5 answered with %s', async (_, status, body, read, write) => {
    answers(status, body);
    await expect(run('lookup', { word: 'x' })).rejects.toMatchObject({ kind: read, isUnreachable: false });
    await expect(run('ticket.open', { subject: 'x' })).rejects.toMatchObject({ kind: write, isUnreachable: false });
  });

  test('a write that happened stays done, but what breaks its promise is not used', async () => {
    const [, open] = MODULES;
    const stored = await compile(listed({ ...open, output_schema: { type: 'object', required: ['ticket_id'] } }));
    answers(200, { status: 'ok', execution_id: 'e-1', output: { other: 1 } });
    const [action] = actionsOf(stored);
    const request = action?.prepare({ subject: 'x' }) ?? null;
    const payload = { v: 1, tool: 'x', connection: null, arguments: {}, schemaSha256: '', policyVersion: 1 } as const;
    const result = await action?.run(contextOf(stored), { ...payload, attachments: [], request });
    expect(result).toMatchObject({
      externalId: 'e-1',
      output: { output: null, error: expect.stringContaining('promises') },
    });
  });

  test('an output that is too long is not used: a read fails, a write stays done', async () => {
    server.behave(server.answerAs(() => ({ found: 'x'.repeat(1_100_000) })));
    await expect(run('lookup', { word: 'plum' })).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('more than 1000000 characters'),
    });
    const { output } = await run('ticket.open', { subject: 'x' });
    expect(output).toMatchObject({
      status: 'completed',
      output: null,
      error: expect.stringContaining('Ask it for less'),
    });
  });

  test('a server that repeats the key does not get it into the answer', async () => {
    server.behave(server.answerAs(({ headers }) => ({ found: `key ${String(headers['x-api-key'])}` })));
    expect(JSON.stringify(await run('lookup', { word: 'x' }))).not.toContain(MODULE_KEY);
  });

  test('nobody there is not sent, and known as unreachable; an address elsewhere is refused', async () => {
    const [action] = actionsOf(await settings());
    const away = { url: 'http://127.0.0.1:1', method: 'POST', headers: {}, body: '{}' };
    const stored = await moduleConnector.compile({ baseUrl: away.url }, listed(...MODULES));
    const egress = createEgress({ allow: ['127.0.0.1:1'] });
    const context = contextOf(stored, { fetch: (url, request) => egress(url, request) });
    const payload = { v: 1, tool: 'x', connection: null, arguments: {}, schemaSha256: '', policyVersion: 1 } as const;
    const [gone] = actionsOf(stored);
    await expect(gone?.run(context, { ...payload, attachments: [], request: away })).rejects.toMatchObject({
      kind: 'not_sent',
      isUnreachable: true,
    });
    const elsewhere = { ...payload, attachments: [], request: away };
    await expect(action?.run(contextOf(await settings()), elsewhere)).rejects.toMatchObject({ kind: 'refused' });
  });
});

test('health is any 2xx that does not say otherwise, and a test says whether the list is as accepted', async () => {
  const stored = await settings();
  await expect(watched().probe(contextOf(stored))).resolves.toBeUndefined();
  await expect(moduleConnector.test(contextOf(stored))).resolves.toContain('offers 2 modules, as accepted');
  server.healthIs(503);
  await expect(watched().probe(contextOf(stored))).rejects.toMatchObject({ name: 'CallFailed' });
  server.healthIs(299);
  await expect(watched().probe(contextOf(stored))).rejects.toThrow('says that it does not work');
});

test('a server without a key takes none, and no key is a key', async () => {
  for (const credential of [undefined, {}, { type: 'none' }, { apiKey: '' }, { apiKey: 'k' }])
    expect(moduleConnector.credential.safeParse(credential).success).toBe(true);
  for (const credential of [{ apiKey: 'a\nb' }, { type: 'bearer' }, { key: 'x' }, 'x'])
    expect(moduleConnector.credential.safeParse(credential).success).toBe(false);
  await expect(watched().list(contextOf(await settings(), { credential: {} }))).rejects.toThrow('refused the API key');
});
