import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pino from 'pino';
import { inject } from 'vitest';
import { readConfig } from '#core/config.ts';
import { newKeyRingText } from '#core/keys.ts';
import type { Database } from '#db/client.ts';
import { startProduct, type RunningProduct } from '#scripts/start/product.ts';
import { ensureTemporal } from '#scripts/temporal/index.ts';
import { createApi, type Api } from './api.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { until } from './until.ts';

export const OWNER_KEY = 'abw_test_owner_key_0123456789';

/** A database and a Temporal server of their own, and the environment that points at them. */
export interface TestGround {
  env: Record<string, string>;
  database: TestDatabase;
  temporal: { address: string };
  folder: string;
  /** Everything the product logged, a line each. */
  logs: string[];
  end(): Promise<void>;
}

export async function prepareGround(env: Record<string, string> = {}): Promise<TestGround> {
  const folder = await mkdtemp(path.join(tmpdir(), 'abetworks-journey-'));
  const { binary, cache } = inject('temporal');
  const database = await createTestDatabase();
  const temporal = await ensureTemporal({
    dir: path.join(folder, 'temporal'),
    env: { ...process.env, TEMPORAL_CLI_PATH: binary },
  });
  return {
    folder,
    database,
    temporal,
    logs: [],
    env: {
      HOST: '127.0.0.1',
      PORT: '0',
      DATABASE_URL: database.url,
      TEMPORAL_ADDRESS: temporal.address,
      ABETWORKS_DATA_DIR: path.join(folder, 'data'),
      ABETWORKS_BUNDLE_DIR: cache,
      ABETWORKS_KEYS: newKeyRingText(),
      ABETWORKS_BOOTSTRAP_KEY: OWNER_KEY,
      ABETWORKS_OWNER_EMAIL: 'ana@example.com',
      ...env,
    },
    end: async () => {
      await temporal.stop({ force: true });
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface TestProduct extends TestGround {
  product: RunningProduct;
  url: string;
  db: Database;
  /** The first org's owner, Ana. */
  ana: Api;
  /** Invites a person and accepts for them; their own API. */
  join(
    name: string,
    role: 'owner' | 'admin' | 'member' | 'viewer',
  ): Promise<Api & { memberId: string; email: string; password: string }>;
  /** Asks in a new or given thread; the ids of the run and its thread. */
  ask(api: Api, text: string, threadId?: string): Promise<{ runId: string; threadId: string }>;
  /** Waits until the run has one of the states. */
  runIs(api: Api, runId: string, ...statuses: string[]): Promise<Record<string, never>>;
  /** Waits for the pending approval of a run. */
  approvalOf(
    api: Api,
    runId: string,
  ): Promise<{ id: string; payloadSha256: string; payload: Record<string, never>; [name: string]: unknown }>;
  messagesOf(api: Api, threadId: string): Promise<{ role: string; text: string }[]>;
  stop(): Promise<void>;
}

/** The whole product in this process, over real PostgreSQL and Temporal, on a free port. */
export async function startTestProduct(env: Record<string, string> = {}): Promise<TestProduct> {
  const ground = await prepareGround(env);
  const log = pino({ level: 'debug' }, { write: (line: string) => void ground.logs.push(line) });
  const product = await startProduct(readConfig(ground.env), ['web', 'bots', 'worker'], log, () => {});
  product.ended.catch(() => undefined);
  const url = product.url ?? '';
  return {
    ...ground,
    ...talk(url),
    product,
    url,
    db: ground.database.db,
    stop: async () => {
      await product.stop();
      await ground.end();
    },
  };
}

/** What tests do over HTTP, whatever process answers. */
export function talk(url: string): Pick<TestProduct, 'ana' | 'join' | 'ask' | 'runIs' | 'approvalOf' | 'messagesOf'> {
  const ana = createApi(url, OWNER_KEY);
  return {
    ana,
    join: async (name, role) => {
      const email = `${name.toLowerCase()}@example.com`;
      const invited = await ana.post('/api/v1/members', { email, name, role });
      const password = `${name} has a password`;
      const accepted = await ana.post('/api/v1/invitations/accept', { token: invited.body.invitation, password });
      if (accepted.status !== 200) throw new Error(`could not join: ${JSON.stringify(accepted.body)}`);
      return { ...createApi(url, accepted.body.key), memberId: accepted.body.memberId, email, password };
    },
    ask: async (api, text, threadId) => {
      const asked = await api.post('/api/v1/requests', { text, ...(threadId ? { threadId } : {}) });
      if (asked.status !== 202) throw new Error(`not accepted: ${JSON.stringify(asked.body)}`);
      return asked.body;
    },
    runIs: (api, runId, ...statuses) =>
      until(`run is ${statuses.join(' or ')}`, async () => {
        const { body } = await api.get(`/api/v1/runs/${runId}`);
        if (statuses.includes(body.status)) return body;
        throw new Error(`${body.status}: ${body.statusText}`);
      }),
    approvalOf: (api, runId) =>
      until('an approval waits', async () => {
        const { body } = await api.get('/api/v1/approvals?status=pending&limit=100');
        return body.items.find((item: { runId: string }) => item.runId === runId);
      }),
    messagesOf: async (api, threadId) => (await api.get(`/api/v1/threads/${threadId}/messages?limit=100`)).body.items,
  };
}
