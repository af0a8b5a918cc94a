import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { ensureTemporal, findTemporalBinary, type LocalTemporal } from './index.ts';

let binary: string;
let dir: string;
let servers: LocalTemporal[];

beforeAll(async () => {
  binary = await findTemporalBinary();
}, 300_000);

beforeEach(async () => {
  dir = await realpath(await mkdtemp(join(tmpdir(), 'abw temporal-')));
  servers = [];
});

afterEach(async () => {
  for (const server of servers) await server.stop({ force: true });
  await rm(dir, { recursive: true, force: true });
});

async function ensure(): Promise<LocalTemporal> {
  const server = await ensureTemporal({ dir, env: { ...process.env, TEMPORAL_CLI_PATH: binary } });
  servers.push(server);
  return server;
}

async function withClient<T>(address: string, work: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await work(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

const startWorkflow = (address: string, workflowId: string) =>
  withClient(address, (client) => client.workflow.start('waitsForAWorker', { taskQueue: 'nobody', workflowId }));

const statusOf = (address: string, workflowId: string) =>
  withClient(address, async (client) => (await client.workflow.getHandle(workflowId).describe()).status.name);

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function killHard(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  await expectGone(pid);
}

async function expectGone(pid: number): Promise<void> {
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 5000, interval: 20 });
}

test('S2 a local server starts and takes a workflow at once', { timeout: 30_000 }, async () => {
  const server = await ensure();
  expect(server.started).toBe(true);
  expect(server.address).toMatch(/^127\.0\.0\.1:\d+$/);
  await startWorkflow(server.address, 'first');
  expect(await statusOf(server.address, 'first')).toBe('RUNNING');
});

test(
  'S2 a second call adopts the running server, and only the one who started it stops it',
  { timeout: 30_000 },
  async () => {
    const first = await ensure();
    const second = await ensure();
    expect(second).toMatchObject({ started: false, pid: first.pid, address: first.address });

    await second.stop();
    expect(isAlive(first.pid)).toBe(true);
    await first.stop();
    await expectGone(first.pid);
  },
);

test('S2 starters at the same moment, in one process and another, share one server', { timeout: 40_000 }, async () => {
  const program = `const { ensureTemporal } = await import(process.argv[1]);
    const { started, pid } = await ensureTemporal({ dir: process.argv[2] });
    console.log(JSON.stringify({ started, pid }));`;
  const launcher = join(import.meta.dirname, 'index.ts');
  const elsewhere = promisify(execFile)(process.execPath, ['--input-type=module', '-e', program, launcher, dir], {
    env: { ...process.env, TEMPORAL_CLI_PATH: binary },
  });
  const here = await Promise.all([ensure(), ensure(), ensure()]);
  const there: { started: boolean; pid: number } = JSON.parse((await elsewhere).stdout);

  const all = [...here, there];
  expect(new Set(all.map(({ pid }) => pid)).size).toBe(1);
  expect(all.filter(({ started }) => started)).toHaveLength(1);
});

test('S2 after a SIGKILL the next start keeps the started workflows and the address', { timeout: 40_000 }, async () => {
  const killed = await ensure();
  await startWorkflow(killed.address, 'survivor');
  await killHard(killed.pid);

  const next = await ensure();
  expect(next).toMatchObject({ started: true, address: killed.address });
  expect(next.pid).not.toBe(killed.pid);
  expect(await statusOf(next.address, 'survivor')).toBe('RUNNING');
});

test(
  'S2 a stale pid that now belongs to another process is neither adopted nor killed',
  { timeout: 30_000 },
  async () => {
    await writeFile(join(dir, 'server.pid'), `${process.pid} 1\n`);
    const server = await ensure();
    expect(server.started).toBe(true);
    expect(server.pid).not.toBe(process.pid);
  },
);

test('S2 a port that another program took meanwhile is replaced', { timeout: 30_000 }, async () => {
  const taker = createServer();
  const port = await new Promise<number>((resolve) => {
    taker.listen(0, '127.0.0.1', () => {
      const address = taker.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    });
  });
  try {
    await writeFile(join(dir, 'server.pid'), `2147483646 ${port}\n`);
    const server = await ensure();
    expect(server.address).not.toBe(`127.0.0.1:${port}`);
  } finally {
    await new Promise((resolve) => taker.close(resolve));
  }
});

test('S2 a first start that was killed half-way does not spoil the next one', { timeout: 30_000 }, async () => {
  await writeFile(join(dir, 'temporal.db'), '');
  await writeFile(join(dir, 'temporal.db.unfinished'), '');
  expect((await ensure()).started).toBe(true);
});

test(
  'a state file that cannot be read is left alone, and the error says where to look',
  { timeout: 30_000 },
  async () => {
    const state = join(dir, 'temporal.db');
    await writeFile(state, 'not a database');
    await expect(ensure()).rejects.toThrow(/did not start.*server\.log, or set TEMPORAL_ADDRESS/s);
    expect(await readFile(state, 'utf8')).toBe('not a database');
  },
);

test('a folder that cannot be used gives one line with the remedy', async () => {
  const file = join(dir, 'file');
  await writeFile(file, '');
  await expect(ensureTemporal({ dir: join(file, 'temporal') })).rejects.toThrow(
    /^Cannot use .* ENOTDIR.* choose another ABETWORKS_DATA_DIR, or set TEMPORAL_ADDRESS\.$/,
  );
  await mkdir(join(dir, 'what?'));
  await expect(ensureTemporal({ dir: join(dir, 'what?') })).rejects.toThrow(/one of the characters/);
});

test('the server sees none of our secrets', { timeout: 30_000, skip: process.platform !== 'linux' }, async () => {
  vi.stubEnv('ABETWORKS_KEYS', 'one:secret');
  try {
    const { pid } = await ensure();
    expect(await readFile(`/proc/${pid}/environ`, 'utf8')).not.toContain('secret');
  } finally {
    vi.unstubAllEnvs();
  }
});
