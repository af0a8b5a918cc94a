import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

const KEY = 'abw_schemathesis_owner_000000';
const READY_WITHIN_MS = 120_000;

export interface Ground {
  url: string;
  key: string;
  /** Ids of things that are there, by the path they stand in. */
  ids: Record<string, string>;
  /** What the product wrote, to be shown when it fails. */
  output(): string;
  end(): Promise<void>;
}

/** The whole product as a process of its own, in a new data folder, with a thing of each kind in it. */
export async function startGround(): Promise<Ground> {
  const folder = await mkdtemp(path.join(tmpdir(), 'abetworks-api-'));
  const erp = createServer((request, response) => {
    request.resume();
    response.writeHead(201, { 'content-type': 'application/json' }).end('{"id":"INV-1"}');
  });
  await new Promise<void>((resolve) => {
    erp.listen(0, '127.0.0.1', resolve);
  });
  const erpHost = `127.0.0.1:${(erp.address() as AddressInfo).port}`;
  const { PATH = '', HOME = '' } = process.env;
  let output = '';
  const child = spawn(process.execPath, ['scripts/start.ts'], {
    env: {
      PATH,
      HOME,
      HOST: '127.0.0.1',
      PORT: '0',
      ABETWORKS_DATA_DIR: path.join(folder, 'data'),
      ABETWORKS_BOOTSTRAP_KEY: KEY,
      ABETWORKS_OWNER_EMAIL: 'owner@example.com',
      ABETWORKS_EGRESS_ALLOW: erpHost,
      ABETWORKS_LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  const ready = new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`It was not ready in time:\n${output}`)), READY_WITHIN_MS);
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        const url = /is ready: (http:\S+)/.exec(output)?.[1];
        if (!url) return;
        clearTimeout(timer);
        resolve(url);
      });
    void ended.then(() => reject(new Error(`The product ended:\n${output}`)));
  });
  const end = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
    erp.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const url = await ready;
    return { url, key: KEY, ids: await fill(url, `http://${erpHost}`), output: () => output, end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** A member, a key, a connection, a request that waits for its approval: so that the judge's calls get beyond 404. */
async function fill(url: string, erp: string): Promise<Record<string, string>> {
  const call = async (method: string, at: string, body?: unknown): Promise<Record<string, string>> => {
    const answer = await fetch(`${url}/api/v1${at}`, {
      method,
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${at}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Record<string, string>;
  };
  const member = await call('POST', '/members', { email: 'bea@example.com', name: 'Bea', role: 'admin' });
  const key = await call('POST', '/api-keys', { name: 'spare' });
  const connection = await call('POST', '/connections', {
    connector: 'rest',
    name: 'ERP',
    settings: {
      baseUrl: erp,
      actions: [
        {
          name: 'createInvoice',
          description: 'Post an invoice',
          method: 'POST',
          path: '/invoices',
          effect: 'write',
          input: { type: 'object', properties: { number: { type: 'string' } }, required: ['number'] },
        },
      ],
    },
    credential: { type: 'none' },
  });
  const { runId = '', threadId = '' } = await call('POST', '/requests', {
    text: 'erp_createInvoice {"number":"INV-1"}',
  });
  const found = (ids: Record<string, string | undefined>): Record<string, string> =>
    Object.fromEntries(Object.entries(ids).filter((entry): entry is [string, string] => entry[1] !== undefined));
  const approval = await firstApproval(url, runId);
  return found({
    members: member['id'],
    'api-keys': key['id'],
    connections: connection['id'],
    runs: runId,
    threads: threadId,
    approvals: approval,
  });
}

async function firstApproval(url: string, runId: string): Promise<string | undefined> {
  const end = Date.now() + 20_000;
  while (Date.now() < end) {
    const answer = await fetch(`${url}/api/v1/approvals?status=pending`, {
      headers: { authorization: `Bearer ${KEY}` },
    });
    const { items } = (await answer.json()) as { items: { id: string; runId: string }[] };
    const mine = items.find((item) => item.runId === runId);
    if (mine) return mine.id;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return undefined;
}
