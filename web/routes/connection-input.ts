import type { findConnector } from '#activities/integrations/index.ts';
import { UserError } from '#core/errors.ts';
import { zJson, type Json, type JsonObject } from '#core/tools.ts';

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

/** Settings as stored, after fetching the document that they name, if any. Throws `UserError`. */
export async function compileSettings(
  connector: Connector,
  raw: Record<string, unknown>,
  fetchDocument: (url: string) => Promise<string>,
): Promise<JsonObject> {
  const url = connector.documentUrl?.(raw) ?? null;
  const document = url === null ? undefined : await fetchDocument(url);
  return connector.compile(raw, document);
}
