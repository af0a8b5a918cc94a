import { inputSchemaIn } from '#activities/integrations/index.ts';
import type { JsonSchema } from '#core/tools.ts';
import type { Org } from '#db/client.ts';
import { usableConnections } from '#db/usable-connections.ts';

/** What the arguments of a waiting call must fit, for whoever wants to edit them (RULES A4); null when its tool has gone. */
export const inputSchemaOf = async (
  org: Org,
  approval: { tool: string; requestedBy: string; payloadText: string },
): Promise<JsonSchema | null> => inputSchemaIn(await usableConnections(org, approval.requestedBy), approval);
