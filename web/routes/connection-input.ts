import type { findConnector } from '#activities/integrations/index.ts';
import { UserError } from '#core/errors.ts';
import type { Actor } from '#core/roles.ts';
import { zJson, type Json, type JsonObject } from '#core/tools.ts';
import type { Client } from '#workflows/client.ts';

type Connector = ReturnType<typeof findConnector>;

/** The credential as the connector's schema leaves it. Left out, it is the schema's default or an empty one. Throws `UserError` 422. */
export function parseCredential(connector: Connector, given: unknown): Json {
  const raw = given === undefined && !connector.credential.safeParse(given).success ? {} : given;
  const parsed = connector.credential.safeParse(raw);
  if (parsed.success) return zJson.parse(parsed.data ?? {});
  const [issue] = parsed.error.issues;
  const field = ['credential', ...(issue?.path ?? [])].join('.');
  throw new UserError(`${field}: ${issue?.message ?? 'is not valid'}`, { status: 422, field });
}

/** Settings as stored, after fetching the document that they name, or asking the other side what it can do. Throws `UserError`. */
export async function compileSettings(
  connector: Connector,
  raw: Record<string, unknown>,
  ask: { client: Pick<Client, 'fetchDocument' | 'listModules'>; actor: Actor; credential: Json },
): Promise<JsonObject> {
  return connector.compile(raw, await documentOf(connector, raw, ask));
}

async function documentOf(
  connector: Connector,
  raw: Record<string, unknown>,
  { client, actor, credential }: Parameters<typeof compileSettings>[2],
): Promise<string | undefined> {
  const url = connector.documentUrl?.(raw) ?? null;
  if (url !== null) return client.fetchDocument(actor, url);
  if (!connector.watched) return undefined;
  const settings = parseSettings(connector, raw);
  return client.listModules(actor, { connector: connector.id, settings, credential });
}

/** Before anybody is asked: what is wrong is said at once. */
function parseSettings(connector: Connector, raw: Record<string, unknown>): JsonObject {
  const parsed = connector.settings.safeParse(raw);
  if (parsed.success) return JSON.parse(JSON.stringify(parsed.data)) as JsonObject;
  const [issue] = parsed.error.issues;
  const field = (issue?.path ?? []).join('.') || 'settings';
  throw new UserError(`${field}: ${issue?.message ?? 'is not valid'}`, { status: 422, field });
}
