import { HTTP_TIMEOUT_MS } from '#core/limits.ts';
import type { KeyRing } from '#core/keys.ts';
import type { Json, JsonObject } from '#core/tools.ts';
import type { Org } from '#db/client.ts';
import { readCredential, type Connection } from '#db/connections.ts';
import { createEgress } from './egress.ts';
import { findConnector } from './integrations/index.ts';
import type { Connector, RunContext } from './integrations/connector.ts';

/** Decrypts the credential, in the transaction at hand. */
export const openCredential = (org: Org, keys: KeyRing, connection: Connection): Promise<Json> =>
  readCredential(org, keys, connection.id);

/** What a connection's code acts with: a fetch that reaches the connection's own hosts and nothing else. */
export function openConnection(
  connection: Connection,
  credential: Json,
  options: { allow: readonly string[]; idempotencyKey: string | null; signal: AbortSignal },
): { connector: Connector; context: RunContext<JsonObject> } {
  const connector = findConnector(connection.connector);
  const egress = createEgress({
    allow: options.allow,
    hosts: connector.hosts(connection.settings),
    timeoutMs: HTTP_TIMEOUT_MS,
  });
  const context: RunContext<JsonObject> = {
    settings: connection.settings,
    credential,
    idempotencyKey: options.idempotencyKey,
    signal: options.signal,
    fetch: (url, request) =>
      egress(url, { ...request, signal: options.signal, redirect: request.method === 'GET' ? 'follow' : 'error' }),
  };
  return { connector, context };
}
