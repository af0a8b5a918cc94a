import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import type { NativeConnection } from '@temporalio/worker';
import type { Logger } from 'pino';
import { createRepairs, reviseCall, type ActivityDeps } from '#activities/index.ts';
import { createUpload } from '#activities/chat/slack/files.ts';
import { createLive } from '#activities/chat/slack/live.ts';
import { createSlackChat } from '#activities/chat/slack/out.ts';
import { createWebChat } from '#activities/chat/web.ts';
import { createModels, rulesModel } from '#activities/models/index.ts';
import { installRuntime, readTemporalMetrics, startWorker } from '#activities/worker.ts';
import type { Config } from '#core/config.ts';
import { errorText } from '#core/errors.ts';
import { createFacts } from '#db/facts.ts';
import { checkKeyRing, forgetKeys, stillNeeded } from '#db/key-check.ts';
import { createDatabase } from '#db/client.ts';
import manifest from '#package.json' with { type: 'json' };
import { createAuth } from '#web/auth/index.ts';
import { createMetrics } from '#web/metrics.ts';
import { seedFirstOrg, type Seeded } from '#web/seed.ts';
import { startWeb } from '#web/server.ts';
import { createClient, createEngine, startSweeping } from '#workflows/client.ts';
import { createDataConverter } from '#workflows/data-converter.ts';
import { TASK_QUEUES } from '#workflows/names.ts';
import { workflowBundle } from './bundle.ts';
import { openDataFolder, readKeys } from './data-folder.ts';
import { migrateDatabase, openPostgres } from './database.ts';
import { useFolder } from './folder-users.ts';
import { keysOfRunning } from './history-keys.ts';
import { freeAddress, openTemporal } from './servers.ts';
import { openSideDoor } from './side-door.ts';
import { createSlackSetup, isSlackOn, openSlack, registerWorkspace, startHearing } from './slack.ts';

export type Role = 'web' | 'bots' | 'worker';

export interface RunningProduct {
  url: string | null;
  /** Where ABETWORKS_METRICS_LISTEN answers. */
  sideDoor: string | null;
  seeded: Seeded;
  database: string;
  temporal: string;
  model: string;
  /** Rejects when a part dies that the product cannot run without. */
  ended: Promise<void>;
  /** Drains and stops, newest part first: web, worker, then the local servers, unless another role still uses them (RULES S2). */
  stop(): Promise<void>;
}

/**
 * Starts the roles in this process, with what they need, in order. What was started is stopped again if a later part fails, or when `goOn` says
 * that it is no longer wanted.
 */
export async function startProduct(
  config: Config,
  roles: readonly Role[],
  log: Logger,
  onProgress: (line: string) => void,
  goOn?: AbortSignal,
): Promise<RunningProduct> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (let last = stops.pop(); last; last = stops.pop())
      await last().catch((error: unknown) => log.error({ error: errorText(error) }, 'while stopping'));
  };
  try {
    return await start();
  } catch (error) {
    await stop();
    throw error;
  }

  async function start(): Promise<RunningProduct> {
    const folder = await openDataFolder(config.ABETWORKS_DATA_DIR);
    const use = await useFolder(folder, roles);
    stops.push(use.leave);
    const keys = await readKeys(folder, config.ABETWORKS_KEYS);
    const models = createModels(config);
    installRuntime(log, roles.includes('worker') ? await freeAddress() : undefined);

    const bundling = roles.includes('worker')
      ? workflowBundle(config.ABETWORKS_BUNDLE_DIR ?? path.join(folder, 'cache'), onProgress, { apart: true })
      : null;
    bundling?.catch(() => undefined);
    const postgres = await openPostgres(config, folder, use, onProgress);
    goOn?.throwIfAborted();
    await migrateDatabase(postgres);
    const db = createDatabase({ url: postgres.url, max: config.DATABASE_POOL_MAX });
    stops.push(db.close);
    const removedKeys = await checkKeyRing(db, keys);
    goOn?.throwIfAborted();
    const hasWorker = roles.includes('worker');
    const temporal = await openTemporal(config, keys, folder, use, { hasWorker, onProgress });
    stops.push(temporal.close);
    goOn?.throwIfAborted();

    await letKeysGo(removedKeys);

    const engine = createEngine(temporal.client, { startsEagerly: hasWorker });
    const client = createClient({ db, engine, log, keys, revise: reviseCall });
    stops.push(client.drain);
    const metrics = createMetrics({
      version: manifest.version,
      role: roles.length === 1 ? (roles[0] ?? '') : 'all',
      log,
      others: readTemporalMetrics,
      // One role only: the others would count the same rows.
      ...(roles.includes('web') && { facts: createFacts(db) }),
    });
    const slack = openSlack({ config, db, keys, log });
    const ears = isSlackOn(config) ? startHearing({ config, db, client, keys, log, slack }) : null;
    if (ears) stops.push(ears.stop);
    const webDeps = {
      config,
      db,
      client,
      keys,
      log,
      metrics,
      modelName: models.describe(),
      slack: createSlackSetup({ config, db, keys, log, slack, ears }),
      ...(ears && config.SLACK_SIGNING_SECRET ? { doors: { '/slack/events': ears.http } } : {}),
    };
    const seeded = await seedFirstOrg({ db, hashPassword: createAuth(webDeps).hashPassword, config, log });

    // Also without a token: a workspace whose token was taken out of the settings must be seen to be gone.
    stops.push(registerWorkspace({ slack, log }));
    const { workerConnection } = temporal;
    const worker = bundling && workerConnection ? await startWork(await bundling, workerConnection) : null;
    const web = roles.includes('web') ? await startWeb(webDeps) : null;
    if (web) stops.push(web.stop);
    const listen = config.ABETWORKS_METRICS_LISTEN;
    const sideDoor = listen === undefined ? null : await openSideDoor(listen, webDeps);
    if (sideDoor) stops.push(sideDoor.stop);
    const socket = roles.includes('bots') && config.SLACK_APP_TOKEN ? await ears?.startSocket() : undefined;
    if (socket) stops.push(socket.stop);
    if (!web && !worker && !socket) stops.push(waitForWork(log));
    return {
      url: web?.url ?? null,
      sideDoor: sideDoor?.url ?? null,
      seeded,
      database: postgres.where,
      temporal: temporal.where,
      model: models.describe(),
      ended: worker?.ended ?? new Promise<void>(() => {}),
      stop,
    };

    /** A key that was taken out of the ring: refuses while a running workflow needs it, else it is not asked about again (RULES D5). */
    async function letKeysGo(keyIds: readonly string[]): Promise<void> {
      if (keyIds.length === 0) return;
      const running = await keysOfRunning(temporal.client.connection, temporal.namespace);
      for (const keyId of keyIds) {
        const n = running.get(keyId) ?? 0;
        if (n > 0) throw stillNeeded(keyId, `${n} running workflows`);
      }
      await forgetKeys(db, keyIds);
      log.info({ keyIds }, 'keys that left the ring are not needed any more');
    }

    async function startWork(bundle: { codePath: string }, connection: NativeConnection) {
      const show = createLive({ db, slack, log });
      const upload = createUpload(config);
      const slackChat = createSlackChat({ db, slack, log, upload, publicUrl: config.publicUrl, show });
      const deps: ActivityDeps = {
        db,
        keys,
        log,
        models: models.chain,
        fallbackModel: rulesModel(),
        chat: { web: createWebChat(db), slack: slackChat },
        homes: slackChat.homes,
        files: { slack },
        slack,
        egressAllow: config.ABETWORKS_EGRESS_ALLOW,
        publicUrl: config.publicUrl,
      };
      const running = await startWorker({
        connection,
        namespace: temporal.namespace,
        dataConverter: createDataConverter(keys),
        workflowBundle: bundle,
        queues: TASK_QUEUES,
        deps,
      });
      stops.push(running.stop);
      stops.push(
        startSweeping({
          db,
          engine,
          log,
          keys,
          ...createRepairs(deps),
          keepCheckpoint: (line) =>
            appendFile(path.join(folder, 'audit-checkpoints.jsonl'), `${line}\n`, { mode: 0o600 }),
        }),
      );
      return running;
    }
  }
}

/** Bots without a platform: nothing would keep the process alive, and a supervisor would start it again and again. */
function waitForWork(log: Logger): () => Promise<void> {
  log.info('no chat platform is set up: nobody is heard, and this role waits');
  const timer = setInterval(() => {}, 3_600_000);
  return async () => clearInterval(timer);
}
