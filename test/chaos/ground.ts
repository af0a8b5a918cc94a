import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import postgres from 'postgres';
import { inject } from 'vitest';
import { ensureTemporal, type LocalTemporal } from '#scripts/temporal/index.ts';
import { erpConnection } from '#test/fakes/erp.ts';
import type { Api } from '#test/setup/api.ts';
import { prepareGround, talk, type TestGround } from '#test/setup/product.ts';
import { until } from '#test/setup/until.ts';
import { startChild, type Child } from './child.ts';
import { ERP_KINDS, startErps, type Erps, type ErpKind } from './erps.ts';
import { holdLock, type Lock } from './locks.ts';
import { startModel, type ChaosModel } from './model.ts';
import { layWire, type Wire } from './wire.ts';

/** What the connections are called. */
export const ERP_NAMES: Record<ErpKind, string> = { keyed: 'New', keyless: 'Old' };

/** The product as a process that can be killed, everything around it, and two people: Ana asks, Bo decides. */
export interface ChaosGround {
  ground: TestGround;
  erps: Erps;
  model: ChaosModel;
  /** Between the product and Temporal. */
  wire: Wire;
  /** As the superuser: what the oracle reads. */
  sql: postgres.Sql;
  ana: Api;
  bo: Api;
  lock(statement: (sql: postgres.Sql) => Promise<unknown>): Promise<Lock>;
  /** SIGKILL; then everything that was held is let go, as it would be for a process that comes back to a living world. */
  kill(options?: { alsoTemporal?: boolean }): Promise<void>;
  /** Starts the product again; when that began, in ms. */
  restart(): Promise<number>;
  /** What the running product wrote. */
  lines(): readonly string[];
  stop(): Promise<void>;
}

export async function prepareChaos(): Promise<ChaosGround> {
  const [erps, model, ground] = await Promise.all([startErps(), startModel(), prepareGround()]);
  const wire = await layWire(ground.temporal.address);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const settings = {
    ...ground.env,
    PORT: String(port),
    TEMPORAL_ADDRESS: wire.address,
    // Every held lock holds a connection of the product's.
    DATABASE_POOL_MAX: '40',
    ABETWORKS_EGRESS_ALLOW: ERP_KINDS.map((kind) => erps[kind].hostPort).join(','),
    // One with a price: a call that was cut off keeps its reservation, and those of an unknown model would use up the day's cap.
    ABETWORKS_MODEL: 'openai/gpt-4o-mini',
    OPENAI_API_KEY: 'test-key',
    OPENAI_BASE_URL: model.url,
  };
  const sql = postgres(ground.database.adminUrl, { max: 2, onnotice: () => {} });
  const locks: Lock[] = [];
  let temporal: LocalTemporal | undefined;
  let child: Child = await startChild(url, settings);
  const { ana, join } = talk(url);
  const bo = await join('Bo', 'admin');
  for (const kind of ERP_KINDS) {
    const connection = erpConnection(erps[kind], { declaresKey: kind === 'keyed', name: ERP_NAMES[kind] });
    const added = await ana.post('/api/v1/connections', connection);
    if (added.status !== 201) throw new Error(`no connection: ${JSON.stringify(added.body)}`);
  }
  return {
    ground,
    erps,
    model,
    wire,
    sql,
    ana,
    bo,
    lock: async (statement) => {
      const lock = await holdLock(ground.database.adminUrl, statement);
      locks.push(lock);
      return lock;
    },
    kill: async ({ alsoTemporal = false } = {}) => {
      await Promise.all([child.kill(), alsoTemporal ? killTemporal() : null]);
      await letGo();
    },
    restart: async () => {
      child = await startChild(url, settings);
      return child.startedAt;
    },
    lines: () => child.lines,
    stop: async () => {
      await letGo();
      await child.stop();
      await Promise.all([sql.end(), wire.stop(), model.stop(), erps.stop()]);
      await temporal?.stop({ force: true });
      await ground.end();
    },
  };

  async function letGo(): Promise<void> {
    for (const lock of locks.splice(0)) await lock.release();
    model.letGo();
    erps.letGo();
    wire.mend();
  }

  /** Ends the server with SIGKILL and starts one on the same state and port. */
  async function killTemporal(): Promise<void> {
    const options = {
      dir: path.join(ground.folder, 'temporal'),
      env: { ...process.env, TEMPORAL_CLI_PATH: inject('temporal').binary },
    };
    const { pid } = await ensureTemporal(options);
    process.kill(pid, 'SIGKILL');
    await until('Temporal is gone', async () => isGone(pid));
    temporal = await ensureTemporal(options);
    if (temporal.pid === pid || temporal.address !== ground.temporal.address)
      throw new Error('Temporal did not come back on its port');
  }
}

function isGone(pid: number): boolean {
  try {
    return !process.kill(pid, 0);
  } catch {
    return true;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
