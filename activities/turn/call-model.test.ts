import { ApplicationFailure } from '@temporalio/common';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { defaultPolicy } from '#core/policy.ts';
import { setPriceOverride } from '#db/model-prices.ts';
import { idleClient } from '#test/web/client.ts';
import { addRows } from '#test/web/rows.ts';
import { addOrg, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';
import { createAnthropic } from '#activities/models/anthropic.ts';
import { createGemini } from '#activities/models/gemini.ts';
import { createOpenai } from '#activities/models/openai.ts';
import { candidate, closeVendors, completion, input, message, vendor } from '#activities/models/vendor.fixture.ts';
import { callModel } from './call-model.ts';

let world: World;
let sql: postgres.Sql;
let ana: Person;
let runId: string;
beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 2, onnotice: () => {} });
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});
beforeEach(async () => {
  ana = await addOrg(world);
  ({ runId } = await addRows(world, ana));
});
afterEach(closeVendors);

/** Claude, whose price is known, then a GPT, then a Gemini. */
const chainOf = ({ url }: { url: string }) => [
  createAnthropic({ apiKey: 'k', baseUrl: url, model: 'claude-haiku-4-5', timeoutMs: 300 }),
  createOpenai({ apiKey: 'k', baseUrl: `${url}/v1`, model: 'gpt-5.4-mini', timeoutMs: 300 }),
  createGemini({ apiKey: 'k', baseUrl: `${url}/v1beta`, model: 'gemini-3.8-flash', timeoutMs: 300 }),
];
const ask = (models: ReturnType<typeof chainOf>, signal = new AbortController().signal) =>
  callModel(world.deps.db, models, { orgId: ana.orgId, runId, turn: 1, policy: defaultPolicy() }, input({ signal }));
const attempts = () =>
  sql`select provider, status, http_status, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens,
    cost_nanos::float8, reserved_nanos::float8, error from model_calls where run_id = ${runId} order by created_at, id`;
const counted = { prompt_tokens: 1_000, completion_tokens: 100, prompt_tokens_details: { cached_tokens: 800 } };
const failed = (status: number, error: object = {}) => ({ status, body: { type: 'error', error } });

test.each([
  ['a wrong key', failed(401), { http_status: 401, cost_nanos: 0 }],
  ['too many requests', failed(429), { http_status: 429, cost_nanos: 0 }],
  ['an overload', failed(529), { http_status: 529, cost_nanos: 0 }],
  ['a failure on the way', failed(502), { http_status: 502, cost_nanos: null }],
  [
    'a conversation too long for it',
    failed(400, { message: 'prompt is too long: 9 > 8' }),
    { http_status: 400, cost_nanos: 0 },
  ],
  ['silence', null, { http_status: null, cost_nanos: null }],
  ['an answer that is not JSON', { body: '{"content":' }, { http_status: null, cost_nanos: null }],
  ['a line that drops', { body: '{"content":', cut: 'breaks' as const }, { http_status: null, cost_nanos: null }],
])(
  'after %s the next model of the list answers, and both attempts are on record with what they cost',
  async (_, answer, row) => {
    const server = await vendor(({ path }) =>
      path.includes('messages') ? answer : { body: completion({}, { usage: counted }) },
    );
    const called = await ask(chainOf(server));
    expect(called).toMatchObject({ kind: 'generated', generated: { text: 'hi' }, model: { provider: 'openai' } });
    const rows = await attempts();
    expect(rows).toMatchObject([
      { provider: 'anthropic', status: 'failed', ...row, error: expect.stringMatching(/^Anthropic /) },
      // 200 plain at $0.75, 800 cached at $0.075 and 100 out at $4.50 for a million.
      {
        provider: 'openai',
        status: 'done',
        http_status: 200,
        input_tokens: 1_000,
        cached_input_tokens: 800,
        cost_nanos: 660_000,
      },
    ]);
    // What is not known to be free keeps its reservation (RULES R4).
    for (const { reserved_nanos: reserved } of rows) expect(reserved).toBeGreaterThan(0);
  },
);

test('a stop ends it at once: the next model is not asked', async () => {
  const stop = new AbortController();
  const reason = new Error('stopped by a person');
  const server = await vendor(() => {
    stop.abort(reason);
    return null;
  });
  await expect(ask(chainOf(server), stop.signal)).rejects.toBe(reason);
  expect(server.calls).toHaveLength(1);
  expect(await attempts()).toMatchObject([{ provider: 'anthropic', status: 'failed', cost_nanos: null }]);
});

test('when all fail, it is tried again as long as one may answer later, after the shortest wait', async () => {
  const waits: Record<string, string> = { messages: '9', completions: '4' };
  const server = await vendor(({ path }) => {
    const wait = Object.entries(waits).find(([name]) => path.includes(name))?.[1];
    return wait ? { ...failed(429), headers: { 'retry-after': wait } } : failed(401);
  });
  const failure = await ask(chainOf(server)).catch((error: unknown) => error);
  if (!(failure instanceof ApplicationFailure)) throw new Error('expected a failure');
  expect(failure).toMatchObject({ nonRetryable: false, nextRetryDelay: 4_000, type: 'ModelError' });
  expect(failure.message).toContain('Anthropic answered 429');
  expect((await attempts()).map(({ http_status: status }) => status)).toEqual([429, 429, 401]);
});

test('when all refuse, it is not tried again', async () => {
  const server = await vendor(() => failed(401));
  const failure = await ask(chainOf(server)).catch((error: unknown) => error);
  expect(failure).toMatchObject({ nonRetryable: true, nextRetryDelay: undefined });
});

test('what is written to and read from a cache costs its own price', async () => {
  const usage = {
    input_tokens: 100,
    cache_read_input_tokens: 10_000,
    cache_creation_input_tokens: 2_000,
    output_tokens: 50,
  };
  const server = await vendor(() => ({ body: message({ usage }) }));
  await ask(chainOf(server));
  // $1, $0.10, $1.25 and $5 for a million.
  expect(await attempts()).toMatchObject([
    {
      input_tokens: 12_100,
      cached_input_tokens: 10_000,
      cache_write_tokens: 2_000,
      cost_nanos: 100_000 + 1_000_000 + 2_500_000 + 250_000,
    },
  ]);
});

test('the price the org has set counts before the one of the package, for what is reserved and for what it cost', async () => {
  const price = { provider: 'anthropic', model: 'claude-haiku-4-5', cachedInputNanos: null, cacheWriteNanos: null };
  await inOrg(world, ana.orgId, (org) =>
    setPriceOverride(
      org,
      { ...ana, role: 'owner' },
      { ...price, inputNanos: 7_000_000_000, outputNanos: 9_000_000_000 },
    ),
  );
  const server = await vendor(() => ({ body: message({ usage: { input_tokens: 1_000, output_tokens: 100 } }) }));
  await ask(chainOf(server));
  const [row] = await attempts();
  expect(row).toMatchObject({ cost_nanos: 7_900_000 });
  expect(row?.['reserved_nanos']).toBeGreaterThan(64 * 9_000);
});

test('an answer of no use is priced by what the vendor says it used', async () => {
  const server = await vendor(({ path }) =>
    path.includes('generateContent') ? { body: candidate({ finishReason: 'MALFORMED_FUNCTION_CALL' }) } : failed(401),
  );
  await expect(ask(chainOf(server))).rejects.toThrow('Gemini sent a malformed answer');
  expect((await attempts()).at(-1)).toMatchObject({
    input_tokens: 100,
    output_tokens: 2,
    cost_nanos: expect.any(Number),
  });
});

test('a price nobody knows is stored as unknown, and its reservation counts', async () => {
  const server = await vendor(() => ({ body: message() }));
  await ask([createAnthropic({ apiKey: 'k', baseUrl: server.url, model: 'claude-unheard-of' })]);
  const [row] = await attempts();
  expect(row).toMatchObject({ status: 'done', cost_nanos: null });
  expect(row?.['reserved_nanos']).toBeGreaterThan(64 * 75_000);
});

test('R4 the cap of one request is the one its org has set', async () => {
  await sql`update orgs set settings = settings || '{"runCostCapNanos": 1}' where id = ${ana.orgId}`;
  const server = await vendor(() => ({ body: message() }));
  expect(await ask(chainOf(server))).toMatchObject({
    kind: 'limit',
    text: expect.stringContaining('An owner or admin can raise it'),
  });
  expect(server.calls).toHaveLength(0);
});

test('a model that refuses pictures is asked once more without them, and both attempts are on record', async () => {
  const png = { mimeType: 'image/png', base64: 'iVBORw0KGgo=' };
  const messages = [{ role: 'user' as const, text: 'What is it?', images: [png] }];
  const server = await vendor(({ body }) =>
    JSON.stringify(body).includes(png.base64)
      ? failed(400, { message: 'Could not process image' })
      : { body: message() },
  );
  const [claude] = chainOf(server);
  if (!claude) throw new Error('no model');
  const place = { orgId: ana.orgId, runId, turn: 1, policy: defaultPolicy() };
  const called = await callModel(world.deps.db, [claude], place, input({ messages }));
  expect(called).toMatchObject({ kind: 'generated', generated: { text: 'hi' } });
  expect(JSON.stringify(server.calls[1]?.body)).toContain('This model cannot see images');
  expect(await attempts()).toMatchObject([
    { provider: 'anthropic', status: 'failed', http_status: 400, cost_nanos: 0 },
    { provider: 'anthropic', status: 'done' },
  ]);
});

test('a model that cannot see is never sent a picture', async () => {
  const messages = [
    { role: 'user' as const, text: 'What is it?', images: [{ mimeType: 'image/png', base64: 'iVBOR' }] },
  ];
  const server = await vendor(() => ({ body: completion() }));
  const blind = createOpenai({ apiKey: 'k', baseUrl: `${server.url}/v1`, model: 'local/llama', timeoutMs: 300 });
  const place = { orgId: ana.orgId, runId, turn: 1, policy: defaultPolicy() };
  await callModel(world.deps.db, [blind], place, input({ messages }));
  expect(JSON.stringify(server.calls.map(({ body }) => body))).not.toContain('iVBOR');
  expect(JSON.stringify(server.calls[0]?.body)).toContain('This model cannot see images');
});
