import { HTTP_TIMEOUT_MS } from '#core/limits.ts';
import type { KeyRing } from '#core/keys.ts';
import type { Json, JsonObject } from '#core/tools.ts';
import type { Org } from '#db/client.ts';
import { readCredential, type Connection } from '#db/connections.ts';
import { readOrg } from '#db/orgs.ts';
import { createEgress } from './egress.ts';
import { findConnector } from './integrations/index.ts';
import type { Connector, RunContext } from './integrations/connector.ts';

/** What a call may use: the credential, and the hosts that the org lets its connections reach now (empty: any). */
export interface Access {
  credential: Json;
  orgHosts: readonly string[];
}

export const readOrgHosts = async (org: Org): Promise<readonly string[]> => (await readOrg(org)).settings.egressHosts;

/** Decrypts the credential, in the transaction at hand, for one call. */
export const openCredential = async (org: Org, keys: KeyRing, connection: Connection): Promise<Access> => ({
  credential: await readCredential(org, keys, connection.id),
  orgHosts: await readOrgHosts(org),
});

/** What a connection's code acts with: a fetch that reaches the connection's own hosts and nothing else. `timeoutMs`: of one call; by default 20 s. */
export function openConnection(
  connection: Pick<Connection, 'connector' | 'settings'>,
  access: Access | null,
  options: {
    allow: readonly string[];
    idempotencyKey: string | null;
    signal: AbortSignal;
    timeoutMs?: number | undefined;
    task?: RunContext['task'];
  },
): { connector: Connector; context: RunContext<JsonObject> } {
  if (!access) throw new Error('a connection is used without having been opened');
  const connector = findConnector(connection.connector);
  const egress = createEgress({
    allow: options.allow,
    hosts: connector.hosts(connection.settings),
    orgHosts: access.orgHosts,
    timeoutMs: options.timeoutMs ?? HTTP_TIMEOUT_MS,
  });
  const context: RunContext<JsonObject> = {
    settings: connection.settings,
    credential: access.credential,
    idempotencyKey: options.idempotencyKey,
    signal: options.signal,
    ...(options.task ? { task: options.task } : {}),
    fetch: (url, request) =>
      egress(url, { ...request, signal: options.signal, redirect: request.method === 'GET' ? 'follow' : 'error' }),
  };
  return { connector, context };
}
