import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection } from '@temporalio/worker';
import path from 'node:path';
import type { Config } from '#core/config.ts';
import { errorText, UserError } from '#core/errors.ts';
import type { KeyRing } from '#core/keys.ts';
import { ensurePostgres } from '#db/embedded/index.ts';
import { ensureTemporal } from '#scripts/temporal/index.ts';
import { createDataConverter } from '#workflows/data-converter.ts';

export interface Stoppable {
  stop(): Promise<void>;
}

/** DATABASE_URL, or the embedded server in the data folder: adopted, or started and then stopped with us. */
export async function openPostgres(config: Config, folder: string, onProgress: (line: string) => void): Promise<Stoppable & { url: string; where: string }> {
  if (config.DATABASE_URL) return { url: config.DATABASE_URL, where: new URL(config.DATABASE_URL).host, stop: async () => {} };
  const server = await ensurePostgres({ dir: path.join(folder, 'pg'), onProgress });
  return { url: server.url, where: `embedded, ${new URL(server.url).host}`, stop: () => server.stop() };
}

export interface Temporal extends Stoppable {
  where: string;
  namespace: string;
  client: Client;
  /** The worker's own, native connection. */
  connectWorker(): Promise<NativeConnection>;
}

// The settings at hand win over the process's: tests run several products in one process.
function temporalEnv(config: Config): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) env[name] = value;
  if (config.TEMPORAL_ADDRESS) env['TEMPORAL_ADDRESS'] = config.TEMPORAL_ADDRESS;
  env['TEMPORAL_NAMESPACE'] = config.TEMPORAL_NAMESPACE;
  return env;
}

/** TEMPORAL_ADDRESS (with TLS and API key as @temporalio/envconfig reads them), or the local dev server. */
export async function openTemporal(config: Config, keys: KeyRing, folder: string, onProgress: (line: string) => void): Promise<Temporal> {
  const local = config.TEMPORAL_ADDRESS
    ? null
    : await ensureTemporal({ dir: path.join(folder, 'temporal'), onProgress });
  const external = local ? null : loadClientConnectConfig({ overrideEnvVars: temporalEnv(config) });
  const options = local ? { address: local.address } : { ...external?.connectionOptions };
  const namespace = external?.namespace ?? config.TEMPORAL_NAMESPACE;
  const dataConverter = createDataConverter(keys);
  const connection = await Connection.connect({ ...options, connectTimeout: 10_000 }).catch((error: unknown) => {
    throw new UserError(`Temporal at ${options.address ?? 'its address'} does not answer (${errorText(error)}). Check TEMPORAL_ADDRESS, or unset it to use a local server.`);
  });
  return {
    where: local ? `local dev server, ${local.address}` : (options.address ?? ''),
    namespace,
    client: new Client({ connection, namespace, dataConverter }),
    connectWorker: () => NativeConnection.connect(options),
    stop: async () => {
      await connection.close();
      await local?.stop();
    },
  };
}
