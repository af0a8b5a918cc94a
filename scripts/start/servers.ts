import { Client, Connection, isGrpcServiceError } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection } from '@temporalio/worker';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import type { Config } from '#core/config.ts';
import { errorText, UserError } from '#core/errors.ts';
import type { KeyRing } from '#core/keys.ts';
import { ensureTemporal } from '#scripts/temporal/index.ts';
import { createDataConverter } from '#workflows/data-converter.ts';
import type { FolderUse } from './folder-users.ts';

export interface Temporal {
  where: string;
  namespace: string;
  /** On the worker's connection where there is one: the first step of a run can then come with the answer to its start. */
  client: Client;
  /** The worker's, native; null without that role. */
  workerConnection: NativeConnection | null;
  /** Closes the connection; the local server is the folder's. */
  close(): Promise<void>;
}

const CONNECT_MS = 10_000;
/** gRPC's status code. */
const NOT_FOUND = 5;

const binaryEnv = (config: Config): NodeJS.ProcessEnv =>
  config.TEMPORAL_CLI_PATH ? { ...process.env, TEMPORAL_CLI_PATH: config.TEMPORAL_CLI_PATH } : process.env;

// The settings at hand win over the process's: tests run several products in one process.
function temporalEnv(config: Config): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) env[name] = value;
  if (config.TEMPORAL_ADDRESS) env['TEMPORAL_ADDRESS'] = config.TEMPORAL_ADDRESS;
  env['TEMPORAL_NAMESPACE'] = config.TEMPORAL_NAMESPACE;
  return env;
}

/** TEMPORAL_ADDRESS (with TLS and API key as @temporalio/envconfig reads them), or the local dev server. Throws `UserError` when it does not answer. */
export async function openTemporal(
  config: Config,
  keys: KeyRing,
  folder: string,
  use: FolderUse,
  { hasWorker, onProgress }: { hasWorker: boolean; onProgress: (line: string) => void },
): Promise<Temporal> {
  const local = config.TEMPORAL_ADDRESS
    ? null
    : await use.open('temporal', () =>
        ensureTemporal({ dir: path.join(folder, 'temporal'), env: binaryEnv(config), onProgress }),
      );
  const external = local ? null : loadClientConnectConfig({ overrideEnvVars: temporalEnv(config) });
  const options = local ? { address: local.address } : { ...external?.connectionOptions };
  const where = local ? `local dev server, ${local.address}` : (options.address ?? '');
  const namespace = external?.namespace ?? config.TEMPORAL_NAMESPACE;
  const connection = await Connection.connect({ ...options, connectTimeout: CONNECT_MS }).catch((error: unknown) => {
    throw new UserError(
      `Temporal at ${where} does not answer (${errorText(error)}). Check TEMPORAL_ADDRESS, or unset it to use a local server.`,
    );
  });
  const openNative = async (): Promise<NativeConnection | null> => {
    await checkNamespace(connection, namespace);
    return hasWorker ? NativeConnection.connect(options) : null;
  };
  const workerConnection = await openNative().catch(async (error: unknown) => {
    await connection.close();
    throw error;
  });
  // It has said, in time and in clear words, whether anybody is there: which the native one does not.
  if (workerConnection) await connection.close();
  const used = workerConnection ?? connection;
  return {
    where,
    namespace,
    client: new Client({ connection: used, namespace, dataConverter: createDataConverter(keys) }),
    workerConnection,
    close: () => used.close(),
  };
}

async function checkNamespace(connection: Connection, namespace: string): Promise<void> {
  try {
    await connection.withDeadline(Date.now() + CONNECT_MS, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
  } catch (error) {
    // Anything else is not known to be wrong: an API key may lack the right to ask.
    const status: number = isGrpcServiceError(error) ? error.code : 0;
    if (status !== NOT_FOUND) return;
    throw new UserError(
      `Temporal has no namespace "${namespace}". Create it (temporal operator namespace create), or correct TEMPORAL_NAMESPACE.`,
    );
  }
}

/** A free port on loopback, as host:port. Another program may still be quicker. */
export const freeAddress = (): Promise<string> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(`127.0.0.1:${port}`));
    });
  });
