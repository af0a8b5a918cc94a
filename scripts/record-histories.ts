import { Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { PayloadCodec } from '@temporalio/common';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pino from 'pino';
import { readConfig } from '#core/config.ts';
import { erpConnection, startErp, type Erp } from '#test/fakes/erp.ts';
import { moduleConnection, startModules, type Modules } from '#test/fakes/module.ts';
import { HISTORY_KEYS, historyKeys } from '#test/histories/keys.ts';
import { OWNER_KEY, talk } from '#test/setup/product.ts';
import { until } from '#test/setup/until.ts';
import { createDataConverter } from '#workflows/data-converter.ts';
import { workflowIdOf } from '#workflows/names.ts';
import { readRecord } from './temporal/running.ts';
import { startProduct } from './start/product.ts';

// `npm run record:histories`: plays one run of each kind and writes its history to test/histories, for the replay test.
// Record again only after a change of workflows/request.ts that running workflows take well (docs: patched).

const target = path.resolve(import.meta.dirname, '../test/histories');

async function main(): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'abetworks-record-'));
  const erp = await startErp();
  const desk = await startModules();
  const product = await startProduct(
    readConfig({
      PORT: '0',
      ABETWORKS_DATA_DIR: folder,
      ABETWORKS_KEYS: HISTORY_KEYS,
      ABETWORKS_BOOTSTRAP_KEY: OWNER_KEY,
      ABETWORKS_EGRESS_ALLOW: `${erp.hostPort},${desk.hostPort}`,
    }),
    ['web', 'bots', 'worker'],
    pino({ level: 'silent' }),
    () => {},
  );
  try {
    const runs = await playAll(product.url ?? '', erp, desk);
    const server = await readRecord(path.join(folder, 'temporal/server.pid'));
    for (const [name, runId] of Object.entries(runs)) {
      await write(name, workflowIdOf({ orgId: product.seeded.orgId, runId }), `127.0.0.1:${server?.port}`);
      process.stdout.write(`${name}\n`);
    }
  } finally {
    await product.stop();
    await erp.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** One run of each kind; their ids by the name of the kind. */
async function playAll(url: string, erp: Erp, desk: Modules): Promise<Record<string, string>> {
  const { ana, join, ask, runIs, approvalOf } = talk(url);
  await ana.post('/api/v1/connections', erpConnection(erp, { declaresKey: false }));
  const bo = await join('Bo', 'admin');
  const end = async (runId: string, status = 'done') => runIs(ana, runId, status).then(() => runId);
  const propose = async (number: string) => {
    const { runId } = await ask(ana, `post invoice ${number} over 4200 EUR to the ERP`);
    const { id, payloadSha256 } = await approvalOf(ana, runId);
    const decide = (decision: string) => bo.post(`/api/v1/approvals/${id}/decision`, { decision, payloadSha256 });
    return { runId, decide };
  };
  const reply = await end((await ask(ana, 'help')).runId);
  const read = await end((await ask(ana, 'list invoices in the ERP')).runId);

  const approved = await propose('INV-1');
  await approved.decide('approve');
  await end(approved.runId);

  const denied = await propose('INV-2');
  await denied.decide('deny');
  await end(denied.runId);

  const stopped = await propose('INV-3');
  await ana.post(`/api/v1/runs/${stopped.runId}/stop`);
  await end(stopped.runId, 'stopped');

  erp.behave((_, response) => response.writeHead(500).end());
  const ambiguous = await propose('INV-4');
  await ambiguous.decide('approve');
  const effectId = await until('the effect is unclear', async (): Promise<string | undefined> => {
    const { body } = await ana.get(`/api/v1/effects?runId=${ambiguous.runId}`);
    return body.items.find(({ state }: { state: string }) => state === 'ambiguous')?.id;
  });
  await bo.post(`/api/v1/effects/${effectId}/resolution`, { outcome: 'sent', externalId: 'ERP-4' });
  await end(ambiguous.runId);

  // Its module server is down: the run waits, and goes on when that is back.
  await ana.post('/api/v1/connections', moduleConnection(desk));
  await desk.stop();
  const parked = await ask(ana, 'desk_lookup {"word":"plums"}');
  await runIs(ana, parked.runId, 'waiting');
  const back = await startModules({ port: desk.port });
  try {
    await end(parked.runId);
  } finally {
    await back.stop();
  }
  return {
    reply,
    read,
    approved: approved.runId,
    denied: denied.runId,
    stopped: stopped.runId,
    ambiguous: ambiguous.runId,
    parked: parked.runId,
  };
}

async function write(name: string, workflowId: string, address: string): Promise<void> {
  const connection = await Connection.connect({ address });
  const { history } = await connection.workflowService.getWorkflowExecutionHistory({
    namespace: 'default',
    execution: { workflowId },
  });
  await connection.close();
  const [codec] = createDataConverter(historyKeys).payloadCodecs ?? [];
  if (!history || !codec) throw new Error('nothing was recorded');
  await forgetMachine(history, codec);
  await mkdir(target, { recursive: true });
  await writeFile(
    path.join(target, `${name}.json`),
    `${JSON.stringify({ workflowId, history: JSON.parse(historyToJSON(history)) }, null, 1)}\n`,
  );
}

/** Who recorded it, and where its code lay, is nobody's business: names of machines and stack traces go. */
async function forgetMachine(value: unknown, codec: PayloadCodec): Promise<void> {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  for (const [name, text] of Object.entries(value))
    if (typeof text === 'string' && /^\d+@/.test(text)) Object.assign(value, { [name]: 'recorder' });
  if ('stackTrace' in value) value.stackTrace = '';
  if ('encodedAttributes' in value && value.encodedAttributes) {
    const [payload] = await codec.decode([value.encodedAttributes]);
    const { message } = JSON.parse(Buffer.from(payload?.data ?? []).toString()) as { message: string };
    const data = new Uint8Array(Buffer.from(JSON.stringify({ message, stack_trace: '' })));
    const [sealed] = await codec.encode([{ ...payload, data }]);
    value.encodedAttributes = sealed;
  }
  for (const one of Object.values(value)) await forgetMachine(one, codec);
}

await main();
