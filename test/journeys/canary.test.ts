import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseKeyRing } from '#core/keys.ts';
import { erpConnection, startErp, type Erp } from '#test/fakes/erp.ts';
import { startModel, type FakeModel } from '#test/fakes/model.ts';
import { decoded, rawHistories, readable, type RawHistory } from '#test/setup/histories.ts';
import { startTestProduct, type TestProduct } from '#test/setup/product.ts';
import { until } from '#test/setup/until.ts';
import { createDataConverter } from '#workflows/data-converter.ts';

/** The connection's credential. The fake ERP repeats it in what it says, as careless systems do. */
const SECRET = 'erp-secret-canary-9f3a';
/** In what was asked. */
const ASKED = 'asked-canary-5c1e';
/** In what the ERP answers. */
const ANSWERED = 'answered-canary-77b0';
const CANARIES = [SECRET, ASKED, ANSWERED];

let model: FakeModel;
let erp: Erp;
let it: TestProduct;
let sql: postgres.Sql;
let histories: RawHistory[];

beforeAll(async () => {
  erp = await startErp();
  model = await startModel();
  it = await startTestProduct({ ABETWORKS_EGRESS_ALLOW: erp.hostPort, ...model.env });
  sql = postgres(it.database.adminUrl, { max: 1, onnotice: () => {} });
  await playEverything();
  histories = await rawHistories(it.temporal.address);
});
afterAll(async () => {
  await sql?.end();
  await it?.stop();
  await model?.stop();
  await erp?.stop();
});

/** A whole job with the canaries in it: read, write, an unclear write, a refused credential, a failing model, tests and bad input. */
async function playEverything(): Promise<void> {
  const connection = erpConnection(erp, { declaresKey: false });
  const { body: made } = await it.ana.post('/api/v1/connections', connection);
  const bo = await it.join('Bo', 'admin');
  const invoice = (number: string) => ({
    erp_createInvoice: { number: `${number} ${ASKED}`, amount: 1, currency: 'EUR' },
  });

  erp.behave((received, response) =>
    received.method === 'POST'
      ? erp.create(received, response)
      : response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ note: ANSWERED, seen: received.headers })),
  );
  model.answers('post the good one', { erp_listInvoices: {} }, invoice('GOOD'), `It said ${ANSWERED}.`);
  const good = await it.ask(it.ana, `post the good one ${ASKED}`);
  await approve(good.runId);
  await it.runIs(it.ana, good.runId, 'done');

  // It fails after it may have posted: nobody knows, so people are asked.
  erp.behave((received, response) =>
    response
      .writeHead(500, { 'content-type': 'application/json' })
      .end(JSON.stringify({ message: `${ANSWERED} ${received.headers.authorization}` })),
  );
  model.answers('post the unclear one', invoice('UNCLEAR'), 'It was unclear.');
  const unclear = await it.ask(it.ana, `post the unclear one ${ASKED}`);
  await approve(unclear.runId);
  const effect = await untilUnclear(unclear.runId);
  await bo.post(`/api/v1/effects/${effect}/resolution`, { outcome: 'sent', externalId: 'ERP-9' });
  await it.runIs(it.ana, unclear.runId, 'done');

  erp.behave((received, response) =>
    response
      .writeHead(401, { 'content-type': 'application/json' })
      .end(JSON.stringify({ message: `${ANSWERED}: wrong token ${received.headers.authorization}` })),
  );
  model.answers('post with a wrong credential', { erp_listInvoices: {} }, invoice('REFUSED'), 'Refused.');
  const refused = await it.ask(it.ana, `post with a wrong credential ${ASKED}`);
  await approve(refused.runId);
  await it.runIs(it.ana, refused.runId, 'done');
  await it.ana.post(`/api/v1/connections/${made.id}/test`);

  // An address may hold a secret as well.
  const { openapi } = connection.settings;
  erp.behave((_, response) => response.writeHead(200).end(JSON.stringify(openapi)));
  const byAddress = { baseUrl: erp.url, openapi: `${erp.url}/openapi.json?key=${SECRET}` };
  const fetched = await it.ana.post('/api/v1/connections', { connector: 'rest', name: 'Fetched', settings: byAddress });
  expect(fetched.status).toBe(201);

  // The model's own error repeats what it was sent.
  const failing = await it.ask(it.ana, `nothing was prepared for this ${ASKED}`);
  await it.runIs(it.ana, failing.runId, 'failed', 'done');

  async function approve(runId: string): Promise<void> {
    const { id, payloadSha256 } = await it.approvalOf(it.ana, runId);
    const decided = await bo.post(`/api/v1/approvals/${id}/decision`, {
      decision: 'approve',
      payloadSha256,
      comment: `fine ${ASKED}`,
    });
    expect(decided.status).toBe(200);
  }
  function untilUnclear(runId: string): Promise<string> {
    return until('the effect is unclear', async () => {
      const { body } = await it.ana.get(`/api/v1/effects?runId=${runId}`);
      return body.items.find(({ state }: { state: string }) => state === 'ambiguous')?.id;
    });
  }
}

const canariesIn = (text: string): string[] => CANARIES.filter((canary) => text.includes(canary));

test('the job really carried the canaries', () => {
  expect(erp.received.some(({ headers }) => headers.authorization?.includes(SECRET))).toBe(true);
  expect(
    erp
      .posts()
      .map(({ body }) => body)
      .join(),
  ).toContain(ASKED);
  expect(canariesIn(model.heard())).toEqual([ASKED, ANSWERED]);
  expect(histories.filter(({ type }) => type === 'request')).toHaveLength(4);
  expect(histories.map(({ type }) => type)).toEqual(expect.arrayContaining(['testConnection', 'fetchDocument']));
});

test('R1 no history holds a secret, what was asked or what was answered, however it is read', async () => {
  expect(canariesIn(readable(histories))).toEqual([]);
  const temporalFolder = path.join(it.folder, 'temporal');
  const files = (await readdir(temporalFolder)).filter((name) => name.startsWith('temporal.db'));
  expect(files).not.toEqual([]);
  for (const name of files) expect(canariesIn(await readFile(path.join(temporalFolder, name), 'latin1'))).toEqual([]);
});

test('R1 even decrypted, a history holds ids and outcomes only', async () => {
  const keys = parseKeyRing(it.env['ABETWORKS_KEYS'] ?? '');
  const [codec] = createDataConverter(keys).payloadCodecs ?? [];
  if (!codec) throw new Error('no codec');
  const payloads = (await Promise.all(histories.map(({ events }) => decoded(events, codec)))).flat();
  expect(payloads.length).toBeGreaterThan(40);
  expect(canariesIn(payloads.join('\n'))).toEqual([]);
  for (const { events } of histories) {
    const [input = ''] = await decoded(events[0], codec);
    const values = Object.values(JSON.parse(input) as Record<string, string>);
    expect(values.filter((value) => !/^[0-9a-f-]{36}$/.test(value))).toEqual([]);
  }
});

test('D6 the log and the audit hold no secret and nothing anyone wrote', async () => {
  expect(it.logs.length).toBeGreaterThan(5);
  expect(canariesIn(it.logs.join('\n'))).toEqual([]);
  const rows = await sql<{ row: string }[]>`select audit_log::text as row from audit_log`;
  expect(rows.length).toBeGreaterThan(15);
  expect(canariesIn(rows.map(({ row }) => row).join('\n'))).toEqual([]);
});

test('D5 no table holds the credential in plain, though the other side repeated it', async () => {
  const tables = await sql<{ name: string }[]>`select tablename as name from pg_tables where schemaname = 'public'`;
  const holding: string[] = [];
  for (const { name } of tables) {
    const found = await sql`select 1 from ${sql(name)} as t where t::text like ${`%${SECRET}%`} limit 1`;
    if (found.length > 0) holding.push(name);
  }
  expect(holding).toEqual([]);
  const sealed = await sql<{ sealed: Uint8Array }[]>`select sealed from credentials`;
  expect(sealed).toHaveLength(2);
  for (const row of sealed) expect(Buffer.from(row.sealed).toString('latin1')).not.toContain(SECRET);
});

test('no answer of the API repeats a credential, not even a wrong one', async () => {
  const { baseUrl } = erpConnection(erp).settings;
  const bad = [
    { connector: 'rest', name: 'A', settings: { baseUrl }, credential: { type: 'bearer', tokken: SECRET } },
    { connector: 'rest', name: 'B', settings: { baseUrl }, credential: { type: SECRET } },
    { connector: 'rest', name: 'C', settings: { baseUrl }, credential: { type: 'bearer', token: [SECRET] } },
    { connector: 'rest', name: 'D', settings: { baseUrl }, credential: SECRET },
    {
      connector: 'rest',
      name: 'E',
      settings: { baseUrl: `http://ana:${SECRET}@127.0.0.1` },
      credential: { type: 'none' },
    },
    {
      connector: 'rest',
      name: 'F',
      settings: { baseUrl },
      credential: { type: 'bearer', token: `${SECRET} with spaces` },
    },
    { connector: 'rest', name: 'G', settings: { baseUrl }, credential: { type: 'bearer', [SECRET]: 'x' } },
  ];
  for (const body of bad) {
    const { status, body: problem } = await it.ana.post('/api/v1/connections', body);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    expect(JSON.stringify(problem)).not.toContain(SECRET);
  }
  for (const place of ['connections', 'runs', 'effects', 'approvals', 'audit'])
    expect(JSON.stringify((await it.ana.get(`/api/v1/${place}?limit=100`)).body)).not.toContain(SECRET);
  expect(it.logs.join('\n')).not.toContain(SECRET);
});
