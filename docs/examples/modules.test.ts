import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  hasPython,
  NO_PYTHON,
  startModuleServer,
  type Language,
  type ModuleServer,
} from '#test/setup/module-server.ts';

const KEY = 'module-key-for-tests';
const LANGUAGES: Language[] = hasPython() ? ['python', 'typescript'] : ['typescript'];
const servers = new Map<Language, ModuleServer>();
beforeAll(async () => {
  for (const language of LANGUAGES) servers.set(language, await startModuleServer(language, { key: KEY }));
});
afterAll(async () => {
  for (const server of servers.values()) await server.kill();
});

const call = async (language: Language, path: string, init: RequestInit = {}, key = KEY) => {
  const response = await fetch(`${servers.get(language)?.url}${path}`, {
    ...init,
    headers: { 'x-api-key': key, 'content-type': 'application/json' },
  });
  // oxlint-disable-next-line typescript/no-explicit-any -- a test looks at whatever came back
  return { status: response.status, body: (await response.json()) as any };
};
const post = (language: Language, body: unknown, key = KEY) =>
  call(language, '/execute', { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) }, key);
const run = async (language: Language, module_id: string, input_data: unknown) => {
  const { status, body } = await post(language, { module_id, org_id: 'o', input_data });
  return { http: status, status: body.status, output: body.output, error: body.error };
};

const REVIEW =
  'The delivery was fast. The team is friendly and helpful, and support solved our problem! The invoice was not clear. ' +
  'Write to ana@example.com or see https://example.com/help?x=1. It cost €1,299.50 on 2026-11-21, or 42 EUR on 1.12.2026.';
const CSV =
  'city,amount,day,paid\nParis,10.5,2026-01-02,true\n"Aix, Provence",-3,2026-01-01,false\nÉvry,,2026-03-01,true\n\nLyon,7,,';

describe.each(LANGUAGES)('the %s server', (language) => {
  test('says that it works, lists its modules, and asks for its key', async () => {
    expect(await call(language, '/health', {}, '')).toEqual({ status: 200, body: { status: 'ok' } });
    expect((await call(language, '/modules')).body.modules.map(({ id }: { id: string }) => id)).toEqual([
      'text',
      'table',
    ]);
    expect((await call(language, '/modules', {}, 'wrong')).status).toBe(401);
    expect((await post(language, { module_id: 'text' }, '')).status).toBe(401);
  });

  test('refuses what it cannot read, in JSON', async () => {
    expect((await post(language, 'not json')).status).toBe(400);
    expect((await post(language, '[]')).status).toBe(404);
    expect((await post(language, { module_id: 'nope' })).status).toBe(404);
    expect((await post(language, { module_id: 'toString' })).status).toBe(404);
    expect((await post(language, { module_id: ['text'] })).status).toBe(404);
    expect((await call(language, '/nowhere')).status).toBe(404);
    expect((await post(language, `${'['.repeat(100_000)}${']'.repeat(100_000)}`)).status).toBeGreaterThanOrEqual(400);
    const step = { do: 'filter', column: 'a', is: ['='], value: '1' };
    expect(await run(language, 'table', { operation: 'transform', csv: 'a\n1', steps: [step] })).toMatchObject({
      http: 200,
      status: 'failed',
    });
    const big = await post(language, { module_id: 'text', input_data: { text: 'x'.repeat(1_100_000) } }).catch(
      () => ({ status: 413 }), // it may close the connection before all is sent
    );
    expect(big.status).toBe(413);
    expect(await run(language, 'text', { operation: 'sing', text: 'x' })).toMatchObject({
      http: 200,
      status: 'failed',
      error: 'operation must be summarize, sentiment or extract',
    });
    expect((await run(language, 'text', [])).error).toBe('input_data must be an object');
  });

  test('finds the telling sentences, the mood and what stands in a text', async () => {
    const { output } = await run(language, 'text', { operation: 'sentiment', text: REVIEW });
    expect(output).toMatchObject({ label: 'positive', positive: 4, negative: 2 });
    expect((await run(language, 'text', { operation: 'extract', text: REVIEW })).output).toEqual({
      operation: 'extract',
      emails: ['ana@example.com'],
      urls: ['https://example.com/help?x=1'],
      dates: ['2026-11-21', '1.12.2026'],
      amounts: ['€1,299.50', '42 EUR'],
    });
    const summary = await run(language, 'text', { operation: 'summarize', text: REVIEW, sentences: 2 });
    expect(summary.output).toMatchObject({ sentences: 2 });
  });

  test('tells the statistics of each column', async () => {
    const { output } = await run(language, 'table', { operation: 'statistics', csv: CSV });
    expect(output.rows).toBe(4);
    expect(output.columns).toEqual([
      { name: 'city', type: 'text', count: 4, missing: 0, distinct: 4 },
      {
        name: 'amount',
        type: 'number',
        count: 3,
        missing: 1,
        distinct: 3,
        min: -3,
        max: 10.5,
        sum: 14.5,
        mean: 4.833333,
        median: 7,
        p25: 2,
        p75: 8.75,
      },
      { name: 'day', type: 'date', count: 3, missing: 1, distinct: 3, min: '2026-01-01', max: '2026-03-01' },
      { name: 'paid', type: 'boolean', count: 3, missing: 1, distinct: 2 },
    ]);
  });

  test('transforms a table step by step', async () => {
    const steps = [
      { do: 'filter', column: 'city', is: '!=', value: 'Lyon' },
      { do: 'sort', column: 'amount', descending: true },
      { do: 'sum', columns: ['amount', 'amount'], as: 'twice' },
      { do: 'rename', column: 'city', as: 'place' },
      { do: 'select', columns: ['place', 'twice'] },
    ];
    const { output } = await run(language, 'table', { operation: 'transform', csv: CSV, steps });
    expect(output.csv).toBe('place,twice\nÉvry,0\nParis,21\n"Aix, Provence",-6');
    const wrong = await run(language, 'table', {
      operation: 'transform',
      csv: CSV,
      steps: [{ do: 'sort', column: 'x' }],
    });
    expect(wrong.error).toBe('there is no column x; there are city, amount, day, paid');
  });
});

describe.skipIf(LANGUAGES.length < 2)(`both servers (skipped when ${NO_PYTHON})`, () => {
  test('list the same modules', async () => {
    expect((await call('python', '/modules')).body).toEqual((await call('typescript', '/modules')).body);
  });

  const same = async (module: string, input: unknown): Promise<void> => {
    expect(await run('typescript', module, input)).toEqual(await run('python', module, input));
    compared += 1;
  };
  let compared = 0;
  const zCell = fc.oneof(
    fc.constantFrom(
      '',
      '0',
      '-0',
      '1.5',
      '0.0078125',
      '999999999999999',
      '2026-01-01',
      'true',
      'é',
      '🙂',
      'a"b',
      'x,y',
      ' z ',
    ),
    fc.double({ noNaN: true, min: -1e6, max: 1e6 }).map((number) => number.toFixed(4)),
    fc.string({ maxLength: 5 }),
  );
  const zText = fc.array(
    fc.constantFrom(
      'good',
      'not',
      'bad',
      'slow.',
      'The',
      'İstanbul',
      'a@b.io',
      '€ 5,',
      '12.50 EUR',
      '2026-01-02',
      'http://x.y/z.',
      '\n',
      '!',
      'ß',
    ),
    { maxLength: 40 },
  );

  test('answer the same about any text', async () => {
    await fc.assert(
      fc.asyncProperty(
        zText,
        fc.constantFrom('summarize', 'sentiment', 'extract'),
        fc.integer({ min: 0, max: 4 }),
        (words, operation, sentences) => same('text', { operation, text: words.join(' '), sentences }),
      ),
      { numRuns: 40 },
    );
    expect(compared).toBeGreaterThanOrEqual(40);
  });

  test('answer the same about any table', async () => {
    const quote = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
    const zSteps = fc.array(
      fc.oneof(
        fc.record({ do: fc.constant('sort'), column: fc.constantFrom('a', 'b'), descending: fc.boolean() }),
        fc.record({
          do: fc.constant('filter'),
          column: fc.constant('b'),
          is: fc.constantFrom('=', '!=', '>', '<=', 'contains'),
          value: zCell,
        }),
        fc.record({ do: fc.constant('sum'), columns: fc.constant(['a', 'b']), as: fc.constantFrom('c', 'd', 'a') }),
        fc.record({ do: fc.constant('select'), columns: fc.constantFrom(['b', 'a'], ['a', 'nope']) }),
      ),
      { maxLength: 3 },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(zCell, zCell), { maxLength: 8 }), zSteps, async (rows, steps) => {
        const csv = ['a,b', ...rows.map((row) => row.map(quote).join(','))].join('\n');
        await same('table', { operation: 'statistics', csv });
        await same('table', { operation: 'transform', csv, steps });
      }),
      { numRuns: 40 },
    );
    expect(compared).toBeGreaterThanOrEqual(40);
  });
});
