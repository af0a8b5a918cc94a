import { UserError } from '#core/errors.ts';
import { type JsonObject, type JsonSchema, zPayload } from '#core/tools.ts';
import { calculator } from './calculator.ts';
import type { Action, Connector } from './connector.ts';
import { moduleConnector } from './module.ts';
import { rest } from './rest.ts';
import { TOOL_NAME_LENGTH, uniqueName } from './rest/names.ts';

export { slugOf } from './rest/names.ts';
export type { OfferChange } from './connector.ts';

/** The catalog: one line per connector. Importing it does no I/O, so web may. */
export const connectors: readonly Connector[] = [rest, calculator, moduleConnector];

/** The connector of that id. Throws `UserError` 422 (field `connector`) naming those there are. */
export function findConnector(id: string): Connector {
  const found = connectors.find((connector) => connector.id === id);
  if (found !== undefined) return found;
  const known = connectors.map((connector) => connector.id).join(', ');
  throw new UserError(`connector: there is no "${id.slice(0, 50)}". There are: ${known}.`, {
    status: 422,
    field: 'connector',
  });
}

/** A connection as it is stored; see db/schema/connections.ts. */
export interface StoredConnection {
  id: string;
  name: string;
  slug: string;
  connector: string;
  settings: JsonObject;
  isTrusted: boolean;
  settingsVersion: number;
  /** What the other side offers now, when it differs from what was accepted. */
  offered?: JsonObject | null;
}

/** The tools of one connection, `<slug>_<action>`, at most 64 characters; the same settings give the same names (RULES S5). */
export function toolsOf(connection: StoredConnection): { toolName: string; action: Action }[] {
  const taken = new Set<string>();
  return findConnector(connection.connector)
    .actions(connection.settings, connection)
    .map((action) => ({
      toolName: uniqueName(`${connection.slug}_${action.name}`, taken, TOOL_NAME_LENGTH),
      action,
    }));
}

/** What the arguments of a waiting call must fit, for whoever wants to edit them (RULES A4); null when its tool has gone. `usable`: what its requester may use. */
export function inputSchemaIn(
  usable: readonly StoredConnection[],
  approval: { tool: string; payloadText: string },
): JsonSchema | null {
  const { connection } = zPayload.parse(JSON.parse(approval.payloadText));
  const found = usable.find(({ id }) => id === connection?.id);
  return found ? (toolsOf(found).find(({ toolName }) => toolName === approval.tool)?.action.input ?? null) : null;
}
