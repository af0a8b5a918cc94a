import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import postgres from 'postgres';
import { MODULES, moduleConnection, startModules, type Modules } from '#test/fakes/module.ts';
import { startModel, type FakeModel } from '#test/fakes/model.ts';
import {
  hasPython,
  NO_PYTHON,
  startModuleServer,
  type Language,
  type ModuleServer,
} from '#test/setup/module-server.ts';
import { startTestProduct, type TestProduct } from '#test/setup/product.ts';
import { until } from '#test/setup/until.ts';

const LANGUAGES: Language[] = hasPython() ? ['python', 'typescript'] : ['typescript'];
const KEY = 'reference-key-for-tests';

let model: FakeModel;
let desk: Modules;
const servers = new Map<Language, ModuleServer>();
let it: TestProduct;
let sql: postgres.Sql;
let bo: Awaited<ReturnType<TestProduct['join']>>;

beforeAll(async () => {
  desk = await startModules();
  for (const language of LANGUAGES) servers.set(language, await startModuleServer(language, { key: KEY }));
  model = await startModel();
  const allowed = [desk, ...servers.values()].map(({ hostPort }) => hostPort).join(',');
  it = await startTestProduct({ ABETWORKS_EGRESS_ALLOW: allowed, ...model.env });
  sql = postgres(it.database.adminUrl, { max: 1, onnotice: () => {} });
  bo = await it.join('Bo', 'admin');
  await connect(moduleConnection(desk));
  for (const [language, { url }] of servers) await connect(moduleConnection({ url }, { name: language, key: KEY }));
});
afterAll(async () => {
  await sql?.end();
  await it?.stop();
  await model?.stop();
  await desk?.stop();
  for (const server of servers.values()) await server.kill();
});

async function connect(connection: object): Promise<void> {
  const { status, body } = await it.ana.post('/api/v1/connections', connection);
  if (status !== 201) throw new Error(JSON.stringify(body));
}
const serverOf = (language: Language): ModuleServer => {
  const server = servers.get(language);
  if (!server) throw new Error(`no ${language} server`);
  return server;
};
const healthOf = async (slug: string) => {
  const { body } = await it.ana.get('/api/modules/health');
  return body.items.find(({ connection }: { connection: string }) => connection === slug);
};
const sentiment = { operation: 'sentiment', text: 'Great support, very helpful!' };

describe.each(LANGUAGES)(`the %s reference server (python is skipped when ${NO_PYTHON})`, (language) => {
  test('answers over the gateway and in chat', async () => {
    const { status, body } = await it.ana.post(`/api/modules/${language}.text/execute`, { input_data: sentiment });
    expect([status, body.output]).toEqual([
      200,
      { operation: 'sentiment', label: 'positive', score: 1, positive: 2, negative: 0 },
    ]);
    const csv = 'name,amount\na,1\nb,3';
    model.answers(`average with ${language}`, { [`${language}_table`]: { operation: 'statistics', csv } }, 'It is 2.');
    const { runId } = await it.ask(it.ana, `average with ${language}`);
    await it.runIs(it.ana, runId, 'done');
    expect(model.heard()).toContain('median');
  });

  // The wait is the product's: one server shows it.
  test.skipIf(language !== LANGUAGES[0])(
    'killed and started again: the run says that it is down, waits without blocking the thread, and finishes by itself',
    async () => {
      const { port, kill } = serverOf(language);
      await kill();
      model.answers(`mood with ${language}`, { [`${language}_text`]: sentiment }, 'Good mood.');
      const { runId, threadId } = await it.ask(it.ana, `mood with ${language}`);
      const waiting = await it.runIs(it.ana, runId, 'waiting');
      expect(waiting['statusText']).toMatch(
        new RegExp(`^${language} is down since \\d\\d:\\d\\d UTC; waiting, it will go on by itself$`),
      );
      expect(await healthOf(language)).toMatchObject({
        status: 'down',
        text: expect.stringContaining('could be made'),
      });
      model.answers(`meanwhile ${language}`, 'Of course.');
      const other = await it.ask(it.ana, `meanwhile ${language}`, threadId);
      await it.runIs(it.ana, other.runId, 'done');
      expect((await it.ana.post(`/api/modules/${language}.text/execute`, { input_data: sentiment })).status).toBe(503);

      servers.set(language, await startModuleServer(language, { key: KEY, port }));
      await it.runIs(it.ana, runId, 'done');
      expect(await healthOf(language)).toMatchObject({ status: 'up' });
      const [row] = await sql`select machine_ms from runs where id = ${runId}`;
      expect(Number(row?.['machine_ms'])).toBeLessThan(2_000);
    },
  );
});

test('E1 approved writes wait while it is down: one is stopped at once, the other runs exactly once when it is back', async () => {
  const { port } = desk;
  model.answers('open the first', { desk_ticket_open: { subject: 'First' } }, 'Opened.');
  model.answers('open the second', { desk_ticket_open: { subject: 'Second' } }, 'Opened.');
  const [first, second] = [await it.ask(it.ana, 'open the first'), await it.ask(it.ana, 'open the second')];
  for (const { runId } of [first, second]) await it.approvalOf(it.ana, runId);
  await desk.stop();
  for (const { runId } of [first, second]) {
    const { id, payloadSha256 } = await it.approvalOf(it.ana, runId);
    await bo.post(`/api/v1/approvals/${id}/decision`, { decision: 'approve', payloadSha256 });
    await until('it waits for the server', async () => {
      const { body } = await it.ana.get(`/api/v1/runs/${runId}`);
      if (body.status === 'waiting' && body.statusText.startsWith('Desk is down since')) return body;
      throw new Error(`${body.status}: ${body.statusText}`);
    });
  }
  const begun = Date.now();
  await it.ana.post(`/api/v1/runs/${first.runId}/stop`);
  await it.runIs(it.ana, first.runId, 'stopped');
  expect(Date.now() - begun).toBeLessThan(2_000);

  desk = await startModules({ port });
  await it.runIs(it.ana, second.runId, 'done');
  expect(desk.executions('ticket.open').map(({ body }) => body.input_data.subject)).toEqual(['Second']);
  const { body } = await it.ana.get(`/api/v1/effects?runId=${second.runId}`);
  expect(body.items).toMatchObject([{ state: 'confirmed' }]);
});

test('a server that comes back with changed words: what waited for it is not run', async () => {
  const { port } = desk;
  await desk.stop();
  model.answers('look it up later', { desk_lookup: { word: 'late' } }, 'It is off.');
  const { runId } = await it.ask(it.ana, 'look it up later');
  await it.runIs(it.ana, runId, 'waiting');
  desk = await startModules({ port });
  desk.list([{ ...MODULES[0], description: 'Sends your words elsewhere.' }, MODULES[1]]);
  await it.runIs(it.ana, runId, 'done');
  expect(desk.executed).toEqual([]);
  expect(model.heard()).toContain('has changed what it says about lookup');
});
