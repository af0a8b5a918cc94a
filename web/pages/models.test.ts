import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { eq } from 'drizzle-orm';
import { newId } from '#core/ids.ts';
import { modelCalls, modelPrices, orgs } from '#db/schema/index.ts';
import { addStory, createStoryWorld, postForm } from '#test/web/story.ts';
import { addOrg, addPerson, cookieOf, inOrg, PASSWORD, type Person, type World } from '#test/web/world.ts';

type SignedIn = Person & { cookie: string };
const ENV = {
  ABETWORKS_MODEL: 'anthropic/claude-haiku-4-5,openai/acme/unheard-of-9',
  ANTHROPIC_API_KEY: 'a',
  OPENAI_API_KEY: 'b',
};

let world: World;
let admin: SignedIn;
let member: SignedIn;
let runId: string;

beforeAll(async () => {
  world = await createStoryWorld(ENV);
  const { orgId } = await addOrg(world);
  await inOrg(world, orgId, ({ tx }) => tx.update(orgs).set({ isFirst: true }).where(eq(orgs.id, orgId)));
  const person = async (role: 'admin' | 'member') => {
    const made = await addPerson(world, orgId, role, PASSWORD);
    return { ...made, cookie: await cookieOf(world, made.email) };
  };
  [admin, member] = [await person('admin'), await person('member')];
  ({ runId } = await addStory(world, member));
});
afterAll(() => world.drop());
beforeEach(() =>
  inOrg(world, admin.orgId, async ({ tx }) => {
    await tx.delete(modelCalls);
    await tx.delete(modelPrices);
  }),
);

const open = async (as: SignedIn) => (await world.call('/models', { headers: { cookie: as.cookie } })).text;
const read = async (as: Person) => (await world.call('/api/v1/models', { as })).json;
const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000);
/** A call that took a second. */
const called = (set: Partial<typeof modelCalls.$inferInsert> = {}) =>
  inOrg(world, admin.orgId, ({ tx }) => {
    const createdAt = set.createdAt ?? new Date(Date.now() - 5_000);
    return tx.insert(modelCalls).values({
      id: newId(),
      orgId: admin.orgId,
      runId,
      turnNumber: 1,
      provider: 'anthropic',
      model: 'claude-haiku-4-5',
      status: 'done',
      inputTokens: 1_000,
      cachedInputTokens: 400,
      outputTokens: 50,
      costNanos: 2_000_000,
      reservedNanos: 9_000_000,
      endedAt: new Date(createdAt.getTime() + 1_000),
      ...set,
      createdAt,
    });
  });
const price = { provider: 'openai', model: 'acme/unheard-of-9', input: '2.5', output: '10', cached: '', write: '' };

test('models stand in the order of failover, with what they cost; an unknown price is said to be unknown, never 0', async () => {
  const [first, second, ...more] = (await read(admin)).items;
  expect(more).toEqual([]);
  expect(first).toMatchObject({ provider: 'anthropic', position: 1, price: { source: 'package' } });
  expect(second).toMatchObject({
    model: 'acme/unheard-of-9',
    position: 2,
    price: { source: 'unknown', inputNanosPerMillion: null },
  });
  const page = await open(admin);
  expect(page).toContain('anthropic/claude-haiku-4-5');
  expect(page).toMatch(/unknown<\/span>[^]*counted as the vendor’s dearest/);
});

test('health is what the last 24 hours say: works, failing with the reason, or not used', async () => {
  await called();
  await called({ createdAt: daysAgo(2), status: 'failed', error: 'long ago' });
  expect((await read(member)).items[0].health).toMatchObject({
    status: 'ok',
    calls24h: 1,
    failures24h: 0,
    p50Ms: 1_000,
  });
  const failed = { status: 'failed' as const, error: 'Anthropic is overloaded (529).', httpStatus: 529, costNanos: 0 };
  await called({ ...failed, createdAt: new Date() });
  expect((await read(member)).items.map((item: { health: object }) => item.health)).toMatchObject([
    { status: 'failing', calls24h: 2, failures24h: 1, lastError: failed.error },
    { status: 'unused', calls24h: 0, lastOkAt: null },
  ]);
  const stopped = { ...failed, error: 'CANCELLED', model: 'acme/unheard-of-9', provider: 'openai' };
  await called({ ...stopped, createdAt: new Date() });
  expect((await read(member)).items[1].health).toMatchObject({ status: 'unused', failures24h: 0, lastError: null });
  const page = await open(admin);
  expect(page).toContain('Anthropic is overloaded (529).');
  expect(page).toContain(`/runs/${runId}`);
  expect(page).not.toContain('long ago');
});

test('spend is shown by day and model, unknown costs as what was reserved, against the cap', async () => {
  await called();
  await called({ costNanos: null });
  await called({ createdAt: daysAgo(3), model: 'old-model', costNanos: 5_000_000 });
  await called({ createdAt: daysAgo(40), costNanos: 7_000_000_000 });
  const { items, spend } = await read(admin);
  expect(spend.todayNanos).toBe(11_000_000);
  expect(spend.dayCapNanos).toBe(20_000_000_000);
  expect(spend.byDay).toHaveLength(30);
  expect(spend.byDay.filter(({ calls }: { calls: number }) => calls > 0)).toEqual([
    { day: daysAgo(3).toISOString().slice(0, 10), nanos: 5_000_000, calls: 1 },
    { day: new Date().toISOString().slice(0, 10), nanos: 11_000_000, calls: 2 },
  ]);
  expect(items[0].spend).toMatchObject({ todayNanos: 11_000_000, monthCalls: 2, monthUnknown: 1, inputTokens: 2_000 });
  expect(items.at(-1)).toMatchObject({ model: 'old-model', position: null, spend: { monthNanos: 5_000_000 } });
  expect(await open(admin)).toMatch(/Today \$0\.01 of \$20\.00 a day/);
});

test('D2 money, failed calls and prices of one’s own are for owners and admins', async () => {
  await called({ status: 'failed', error: 'Out of credit.' });
  expect(await read(member)).toMatchObject({ spend: null, failures: [], items: [{ spend: null }, { spend: null }] });
  const page = await open(member);
  for (const word of ['Spend', 'Your own prices', 'Out of credit.']) expect(page).not.toContain(word);
  expect((await postForm(world, member.cookie, '/models/prices', price)).status).toBe(403);
  expect((await postForm(world, member.cookie, '/models/prices/remove', price)).status).toBe(403);
});

test('an admin sets a price in dollars and removes it again; both are in the audit', async () => {
  const set = await postForm(world, admin.cookie, '/models/prices', price);
  expect(set.text).toContain('openai/acme/unheard-of-9 is now counted at your price.');
  expect((await read(admin)).items[1].price).toMatchObject({
    source: 'override',
    inputNanosPerMillion: 2_500_000_000,
    cachedNanosPerMillion: 2_500_000_000,
    outputNanosPerMillion: 10_000_000_000,
  });
  const removed = await postForm(world, admin.cookie, '/models/prices/remove', price);
  expect(removed.text).toContain('the price list counts again');
  expect((await read(admin)).items[1].price.source).toBe('unknown');
  expect((await postForm(world, admin.cookie, '/models/prices/remove', price)).status).toBe(404);
  const { json } = await world.call('/api/v1/audit?limit=100', { as: admin });
  const actions = json.items.map(({ action }: { action: string }) => action);
  expect(actions).toEqual(expect.arrayContaining(['model_price.set', 'model_price.removed']));
});

test.each([
  [{ input: 'cheap' }, 'Input: must be an amount in US dollars'],
  [{ output: '' }, 'Output: must be an amount in US dollars'],
  [{ write: '-1' }, 'Written to cache: must be an amount in US dollars'],
  [{ model: 'two words' }, 'must be the name of a model'],
  [{ input: '9999999' }, 'Input: must be an amount in US dollars below'],
])('a price that is none is refused, and what was typed stays: %o', async (wrong, sentence) => {
  const answer = await postForm(world, admin.cookie, '/models/prices', { ...price, ...wrong });
  expect([answer.status, answer.text.includes(sentence)]).toEqual([422, true]);
  expect(answer.text).toContain('value="10"'.replace('10', 'output' in wrong ? '2.5' : '10'));
});

test('D7 another organisation uses the rule-based mode, and the page says so', async () => {
  const other = await addOrg(world, 'Other');
  const { orgId } = other;
  const owner = await addPerson(world, orgId, 'owner', PASSWORD);
  expect(await read(other)).toMatchObject({
    isFirst: false,
    items: [{ provider: 'rules', price: { source: 'free' } }],
  });
  const page = await open({ ...owner, cookie: await cookieOf(world, owner.email) });
  expect(page).toContain('belong to its first organisation');
  // The badge of the frame names the server's model for everybody.
  expect(page.slice(page.indexOf('<main'))).not.toContain('claude-haiku');
});

test('the API sets and removes a price, names a wrong field, and says 404 for none', async () => {
  const body = { provider: 'gemini', model: 'gemini-x', inputNanos: 1, outputNanos: 2 };
  const put = (given: object) => world.call('/api/v1/models/prices', { method: 'PUT', as: admin, body: given });
  expect((await put(body)).json).toEqual({ ...body, cachedInputNanos: null, cacheWriteNanos: null });
  expect((await put({ ...body, inputNanos: -1 })).json).toMatchObject({ status: 422, field: 'inputNanos' });
  expect((await put({ ...body, provider: 'rules' })).json).toMatchObject({ status: 422, field: 'provider' });
  const path = '/api/v1/models/prices?provider=gemini&model=gemini-x';
  expect((await world.call(path, { method: 'DELETE', as: admin })).status).toBe(204);
  expect((await world.call(path, { method: 'DELETE', as: admin })).status).toBe(404);
});
