import MiniSearch from 'minisearch';
import { RUN_LIMITS } from '#core/limits.ts';
import type { JsonObject } from '#core/tools.ts';
import type { Org } from '#db/client.ts';
import type { Connection } from '#db/connections.ts';
import { usableConnections } from '#db/usable-connections.ts';
import type { Run } from '#db/runs.ts';
import { toolsOf } from '#activities/integrations/index.ts';
import type { Action } from '#activities/integrations/connector.ts';
import type { ModelTool } from '#activities/models/model.ts';
import { BUILT_INS, type BuiltIn } from './built-ins.ts';

/** A tool this run may call: an action of one of its connections, or a question about the product itself. */
export type Tool =
  | { kind: 'action'; name: string; action: Action; connection: Connection }
  | { kind: 'built-in'; name: string; builtIn: BuiltIn };

/** Every tool of a run: its member's own connections and the org's (RULES D3). */
export async function toolsFor(org: Org, run: Run): Promise<Map<string, Tool>> {
  const found = new Map<string, Tool>(
    BUILT_INS.map((builtIn) => [builtIn.name, { kind: 'built-in', name: builtIn.name, builtIn }]),
  );
  for (const connection of await usableConnections(org, run.requestedBy))
    for (const { toolName, action } of toolsOf(connection))
      if (!found.has(toolName)) found.set(toolName, { kind: 'action', name: toolName, action, connection });
  return found;
}

/** At most 40 reach a turn (RULES S5): those used in the thread, then the nearest by name and description. */
export function chooseTools(tools: ReadonlyMap<string, Tool>, text: string, used: ReadonlySet<string>): ModelTool[] {
  const all = [...tools.values()];
  const kept = all.filter((tool) => tool.kind === 'built-in' || used.has(tool.name));
  if (all.length <= RUN_LIMITS.tools) return all.map(toModelTool);
  const index = new MiniSearch({
    idField: 'name',
    fields: ['words', 'description'],
    searchOptions: { fuzzy: 0.2, prefix: true },
  });
  index.addAll(
    all.map((tool) => ({ name: tool.name, words: wordsOf(tool.name), description: toModelTool(tool).description })),
  );
  for (const hit of index.search(text)) {
    const tool = tools.get(String(hit.id));
    if (tool && !kept.includes(tool) && kept.length < RUN_LIMITS.tools) kept.push(tool);
  }
  for (const tool of all) if (!kept.includes(tool) && kept.length < RUN_LIMITS.tools) kept.push(tool);
  return kept.map(toModelTool);
}

const wordsOf = (name: string): string => name.replaceAll(/([a-z])([A-Z])/g, '$1 $2').replaceAll(/[_-]/g, ' ');

/** Outside prose is withheld from models: they get our own words for it (RULES T1). */
const toModelTool = (tool: Tool): ModelTool =>
  tool.kind === 'built-in'
    ? {
        name: tool.name,
        description: tool.builtIn.description,
        input: { type: 'object', properties: {} } satisfies JsonObject,
        effect: 'read',
      }
    : {
        name: tool.name,
        description: tool.action.modelDescription,
        input: tool.action.input,
        effect: tool.action.effect,
      };
