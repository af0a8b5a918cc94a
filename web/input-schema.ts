import { toolsOf } from '#activities/integrations/index.ts';
import { type JsonSchema, zPayload } from '#core/tools.ts';
import type { Org } from '#db/client.ts';
import { usableConnections } from '#db/usable-connections.ts';

/** What the arguments of a waiting call must fit, for whoever wants to edit them (RULES A4); null when its tool has gone. */
export async function inputSchemaOf(
  org: Org,
  approval: { tool: string; requestedBy: string; payloadText: string },
): Promise<JsonSchema | null> {
  const { connection } = zPayload.parse(JSON.parse(approval.payloadText));
  const usable = await usableConnections(org, approval.requestedBy);
  const found = usable.find(({ id }) => id === connection?.id);
  return found ? (toolsOf(found).find(({ toolName }) => toolName === approval.tool)?.action.input ?? null) : null;
}
