import { sha256 } from '#core/hash.ts';
import type { Payload } from '#core/tools.ts';
import type { ToolCall } from '#db/runs.ts';
import { schemaHash } from '#activities/integrations/connector.ts';
import type { WriteCall } from './effects.ts';
import { originOf } from './turn/propose.ts';
import type { Tool } from './turn/tools.ts';

// What a stored call is bound to: its bytes, its connection and its tool.

export type ActionTool = Extract<Tool, { kind: 'action' }>;

export const isIntact = ({ payload, payloadSha256 }: WriteCall): boolean => sha256(payload) === payloadSha256;

/** The approved call is bound to the connection and the tool as they were: a changed one is not what was approved. */
export function changedSince(payload: Payload, { action, connection, name }: ActionTool): string | null {
  if (payload.connection?.id !== connection.id || payload.tool !== name)
    return `${payload.tool} is not what was proposed, so it was not run. Ask again.`;
  // Before the version: what is off now says why.
  if (action.off !== undefined) return `${action.off} It was not run.`;
  if (payload.connection?.settingsVersion !== connection.settingsVersion)
    return `${connection.name} was changed since this was proposed, so it was not run. Ask again.`;
  if (payload.schemaSha256 !== schemaHash(action))
    return `${payload.tool} was changed since this was proposed, so it was not run. Ask again.`;
  return null;
}

/** Where what the other side said comes from, its refusals too (RULES T1); null when an admin trusts it. */
export function outsideOf(call: ToolCall, tool: Pick<ActionTool, 'action' | 'connection'> | undefined): string | null {
  // Without the connection nobody knows that it was trusted.
  if (!tool) return `answer to ${call.tool}`;
  return tool.action.isResultOutside && !tool.connection.isTrusted ? originOf(tool.connection) : null;
}
