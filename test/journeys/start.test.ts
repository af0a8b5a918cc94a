import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ensurePostgres } from '#db/embedded/index.ts';
import { readPostmaster } from '#db/embedded/postmaster.ts';
import { lookUpProcess } from '#db/embedded/process.ts';
import { readRecord } from '#scripts/temporal/running.ts';
import { erpConnection, startErp, type Erp } from '#test/fakes/erp.ts';
import { runScript, type Child } from '#test/setup/child.ts';
import { OWNER_KEY, prepareGround, talk } from '#test/setup/product.ts';
import { until } from '#test/setup/until.ts';

let folder: string;
let erp: Erp;
const children: Child[] = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'abetworks-start-'));
  erp = await startErp();
});
afterEach(async () => {
  erp.behave(null);
  for (const child of children.splice(0)) {
    if (lookUpProcess(child.pid)) child.signal('SIGKILL');
    await child.ended;
  }
});
afterAll(async () => {
  for (const pid of await serversOf(inFolder('data'))) if (lookUpProcess(pid)) process.kill(pid, 'SIGKILL');
  await erp?.stop();
  await rm(folder, { recursive: true, force: true });
});

const inFolder = (name: string): string => path.join(folder, name);

function start(env: Record<string, string> = {}, ...roles: string[]): Child {
  const child = runScript('scripts/start.ts', roles, {
    ABETWORKS_DATA_DIR: inFolder('data'),
    ABETWORKS_BOOTSTRAP_KEY: OWNER_KEY,
    ABETWORKS_EGRESS_ALLOW: erp.hostPort,
    ...env,
  });
  children.push(child);
  return child;
}

/** The local servers of a data folder that live. */
async function serversOf(data: string): Promise<number[]> {
  const found = [await readPostmaster(path.join(data, 'pg')), await readRecord(path.join(data, 'temporal/server.pid'))];
  return found.flatMap((server) => (server && lookUpProcess(server.pid) ? [server.pid] : []));
}

/** It ends by itself with 1, a sentence and no stack trace. */
async function refuses(child: Child): Promise<string> {
  expect(await child.ended).toBe(1);
  expect(child.output()).not.toMatch(/^ {4}at /m);
  return child.output();
}

test('S2 malformed settings are listed all at once', async () => {
  const said = await refuses(start({ PORT: 'abc', ABETWORKS_KEYS: 'x', TEMPORAL_ADDRESS: 'nowhere' }));
  expect(said.trim().split('\n')).toHaveLength(4);
});

test('an unknown role is named, with those there are', async () => {
  expect(await refuses(start({}, 'cook'))).toBe(
    'There is no role "cook". There are: web, bots, worker; none named runs all.\n',
  );
});

test('a data folder that cannot be used is said so', async () => {
  await writeFile(inFolder('a-file'), '');
  expect(await refuses(start({ ABETWORKS_DATA_DIR: inFolder('a-file/data') }))).toMatch(
    /^The data folder .* cannot be used \(ENOTDIR\)\. .*set ABETWORKS_DATA_DIR\.\n$/,
  );
});

test('a database that refuses the connection is named without its password, with the remedy', async () => {
  const said = await refuses(start({ DATABASE_URL: 'postgres://ana:canary-pw@127.0.0.1:1/abetworks' }));
  expect(said).toBe(
    'PostgreSQL at 127.0.0.1:1 does not answer (connect ECONNREFUSED 127.0.0.1:1). Start it, correct DATABASE_URL, or unset it to use the embedded server.\n',
  );
});

test('what needs no local server fails the same way: a wrong password, a missing database, namespace and port', async () => {
  const ground = await prepareGround();
  const taken = await listen();
  const at = (change: Partial<URL>) => Object.assign(new URL(ground.database.url), change).href;
  const { DATABASE_URL = '', TEMPORAL_ADDRESS = '', ABETWORKS_KEYS = '' } = ground.env;
  const begin = (name: string, change: Record<string, string>) =>
    refuses(
      start({ ABETWORKS_DATA_DIR: inFolder(name), DATABASE_URL, TEMPORAL_ADDRESS, ABETWORKS_KEYS, ...change }, 'web'),
    );
  try {
    const [password, database, namespace, port] = await Promise.all([
      begin('p', { DATABASE_URL: at({ password: 'wrong' }) }),
      begin('d', { DATABASE_URL: at({ pathname: '/nothing' }) }),
      begin('n', { TEMPORAL_NAMESPACE: 'nowhere' }),
      begin('o', { PORT: String((taken.address() as AddressInfo).port) }),
    ]);
    expect(password).toContain('did not accept the user and password in DATABASE_URL');
    expect(database).toContain('has no such database as DATABASE_URL names');
    expect(namespace).toContain('Temporal has no namespace "nowhere"');
    expect(port).toContain('is in use. Stop the program that uses it, or set PORT to another number.');
  } finally {
    taken.close();
    await ground.end();
  }
});

test('S2 a Temporal binary that is not there is named, and PostgreSQL does not stay behind', async () => {
  const said = await refuses(start({ TEMPORAL_CLI_PATH: inFolder('no-temporal') }));
  expect(said).toContain(
    'which is not an executable file. Correct or unset TEMPORAL_CLI_PATH, or set TEMPORAL_ADDRESS',
  );
  expect(await serversOf(inFolder('data'))).toEqual([]);
});

test('S2 one folder serves one product; Ctrl-C lets the request under way end, exits 0 and leaves no server', async () => {
  const first = start();
  const url = await first.ready();
  const servers = await serversOf(inFolder('data'));
  expect(servers).toHaveLength(2);
  expect(await refuses(start())).toContain(`Abetworks already runs on ${inFolder('data')} (process ${first.pid})`);
  expect(await refuses(start({}, 'worker'))).toContain('Abetworks already runs');

  const { ana, ask } = talk(url);
  await ana.post('/api/v1/connections', erpConnection(erp, { trusted: true }));
  const held = holdReads();
  const { runId } = await ask(ana, 'list invoices in the ERP');
  await held.arrived;
  const begun = Date.now();
  first.signal('SIGINT');
  await first.wrote('Stopping; press Ctrl-C again to stop at once.');
  held.release();
  expect(await first.ended).toBe(0);
  expect(Date.now() - begun).toBeLessThan(30_000);
  expect(await serversOf(inFolder('data'))).toEqual([]);

  // What it read was kept: it goes on from there.
  const again = start();
  const there = talk(await again.ready());
  await there.runIs(there.ana, runId, 'done');
  expect(erp.received.filter(({ method }) => method === 'GET')).toHaveLength(1);
});

test('S2 after SIGKILL it starts again on the servers that stayed; Ctrl-C twice stops at once', async () => {
  const orphans = await serversOf(inFolder('data'));
  expect(orphans).toHaveLength(2);
  const child = start();
  const { ana, ask } = talk(await child.ready());
  expect(await serversOf(inFolder('data'))).toEqual(orphans);
  const held = holdReads();
  await ask(ana, 'list invoices in the ERP');
  await held.arrived;
  const begun = Date.now();
  child.signal('SIGINT');
  await child.wrote('Stopping');
  // The same press may arrive twice, so only a later one counts.
  await until('it has stopped', async () => {
    child.signal('SIGINT');
    return lookUpProcess(child.pid) === undefined;
  });
  expect(await child.ended).toBe(130);
  expect(Date.now() - begun).toBeLessThan(3_000);
  held.release();
});

test('S2 web and worker as two processes share the servers, whoever stops first; the last one stops them', async () => {
  const [web, worker] = [start({}, 'web'), start({}, 'worker')];
  const [url] = await Promise.all([web.ready(), worker.ready()]);
  await serve(url);
  web.signal('SIGINT');
  expect(await web.ended).toBe(0);
  const servers = await serversOf(inFolder('data'));
  expect(servers).toHaveLength(2);

  const next = start({}, 'web');
  await serve(await next.ready());
  worker.signal('SIGTERM');
  expect(await worker.ended).toBe(0);
  expect(await serversOf(inFolder('data'))).toEqual(servers);
  next.signal('SIGINT');
  expect(await next.ended).toBe(0);
  expect(await serversOf(inFolder('data'))).toEqual([]);
});

test('D6 audit:verify walks every chain when nothing runs and beside the product, and names the first bad row', async () => {
  const verify = async (): Promise<[number | string, string]> => {
    const child = runScript('scripts/audit-verify.ts', [], { ABETWORKS_DATA_DIR: inFolder('data') });
    children.push(child);
    return [await child.ended, child.output()];
  };
  expect(await verify()).toEqual([0, expect.stringMatching(/My organisation .*: \d+ rows, all whole\./)]);
  expect(await serversOf(inFolder('data'))).toEqual([]);

  const product = start();
  await product.ready();
  expect(await verify()).toEqual([0, expect.stringContaining('all whole')]);
  expect(await serversOf(inFolder('data'))).toHaveLength(2);
  const { adminUrl } = await ensurePostgres({ dir: inFolder('data/pg') });
  const { default: postgres } = await import('postgres');
  const sql = postgres(Object.assign(new URL(adminUrl), { pathname: '/abetworks' }).href, { max: 1 });
  await sql`update audit_log set action = 'nothing.happened' where seq = 3`;
  await sql.end();
  expect(await verify()).toEqual([
    1,
    expect.stringContaining('row 3 does not hold: the row was changed. The 2 before it do.'),
  ]);
  product.signal('SIGINT');
  expect(await product.ended).toBe(0);
});

/** One request end to end. */
async function serve(url: string): Promise<void> {
  const { ana, ask, runIs, messagesOf } = talk(url);
  const { runId, threadId } = await ask(ana, 'help');
  await runIs(ana, runId, 'done');
  expect((await messagesOf(ana, threadId)).at(-1)).toMatchObject({ role: 'assistant' });
}

function holdReads() {
  const { promise: arrived, resolve } = Promise.withResolvers<void>();
  const held: (() => void)[] = [];
  erp.behave((received, response) => {
    held.push(() => erp.create(received, response));
    resolve();
  });
  return {
    arrived,
    release: () => {
      erp.behave(null);
      for (const letGo of held.splice(0)) letGo();
    },
  };
}

async function listen(): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
