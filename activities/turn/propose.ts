import canonicalize from 'canonicalize';
import { newId } from '#core/ids.ts';
import { sha256 } from '#core/hash.ts';
import { UserError } from '#core/errors.ts';
import { RUN_LIMITS } from '#core/limits.ts';
import type { Policy } from '#core/policy.ts';
import { zPayload, type Json, type JsonObject, type Payload } from '#core/tools.ts';
import { isStorable, storable } from '#core/text.ts';
import type { toolCalls } from '#db/schema/index.ts';
import { schemaHash } from '#activities/integrations/connector.ts';
import type { ModelToolCall } from '#activities/models/model.ts';
import { carriedIn, type Carried } from './carried.ts';
import type { Context } from './context.ts';
import type { Tool } from './tools.ts';

type Row = typeof toolCalls.$inferInsert;
type ActionTool = Extract<Tool, { kind: 'action' }>;
type Place = { orgId: string; runId: string; turnNumber: number; callNumber: number };

/** Gemini's thought signature travels in the id (models/gemini-signature.ts); a cut one is of no use to it. */
const CALL_ID_LENGTH = 20_000;

/**
 * Turns a model's tool call into the row that will run: arguments parsed, the request fixed, its canonical text and hash stored (RULES A1), and whether
 * it waits for a person (policy, RULES T2). A call that cannot run is stored as refused, with the sentence the model gets.
 */
export function proposeCall(
  place: Place,
  call: ModelToolCall,
  tools: ReadonlyMap<string, Tool>,
  policy: Policy,
  context: Context,
): Row {
  const input = JSON.stringify(call.input);
  const row = {
    id: newId(),
    ...place,
    tool: storable(call.name).slice(0, 100),
    modelCallId: storable(call.id).slice(0, CALL_ID_LENGTH),
  };
  const unfit = whyUnfit(call.input);
  const refuse = (result: string): Row => ({
    ...row,
    input: unfit?.isKeepable === false ? '{}' : input,
    status: 'refused',
    result,
    endedAt: new Date(),
  });
  if (unfit) return refuse(unfit.text);
  if (context.toolCalls.length + place.callNumber > RUN_LIMITS.toolCalls)
    return refuse(`A request may use ${RUN_LIMITS.toolCalls} tool calls at most.`);
  const tool = tools.get(call.name);
  if (!tool) return refuse(`There is no tool called ${row.tool}.`);
  if (tool.kind === 'built-in') return { ...row, input, effect: 'read', status: 'proposed' };
  if (tool.action.off !== undefined) return refuse(tool.action.off);
  try {
    const { payload, text } = bindCall(tool, call.input, policy);
    return {
      ...row,
      input,
      effect: tool.action.effect,
      connectionId: tool.connection.id,
      payload: text,
      payloadSha256: sha256(text),
      needsApproval: whyApproval(tool, payload, policy, context) !== null,
      status: 'proposed',
    };
  } catch (error) {
    if (error instanceof UserError) return refuse(`The arguments do not fit: ${error.message}`);
    throw error;
  }
}

/** Why arguments cannot be stored and sent as they are, before any schema is asked; null: they can. `isKeepable`: as a record they can be stored. */
export function whyUnfit(input: JsonObject): { text: string; isKeepable: boolean } | null {
  const text = JSON.stringify(input);
  if (text.length > RUN_LIMITS.toolInputLength)
    return { text: `The arguments are longer than ${RUN_LIMITS.toolInputLength} characters.`, isKeepable: false };
  if (!isStorableJson(input))
    return { text: 'The arguments hold a NUL character or broken Unicode.', isKeepable: false };
  // Objects drop a field of this name on the way, so what runs would not be what was shown (RULES A1).
  if (text.includes('"__proto__":'))
    return { text: 'The arguments have a field called __proto__, which cannot be sent.', isKeepable: true };
  return null;
}

// Not asked of the JSON text: there, both are escaped.
function isStorableJson(value: Json): boolean {
  if (typeof value === 'string') return isStorable(value);
  if (value === null || typeof value !== 'object') return true;
  return Object.entries(value).every(([name, inner]) => isStorable(name) && isStorableJson(inner));
}

/** Everything that would run, the request fixed, with its canonical text (RULES A1). Throws `UserError` naming the argument that does not fit. */
export function bindCall(
  { name, action, connection }: ActionTool,
  given: JsonObject,
  policy: Policy,
): { payload: Payload; text: string } {
  const input = action.parse(given);
  const payload = zPayload.parse({
    v: 1,
    tool: name,
    connection: { id: connection.id, name: connection.name, settingsVersion: connection.settingsVersion },
    request: action.prepare(input),
    arguments: input,
    attachments: [],
    schemaSha256: schemaHash(action),
    policyVersion: policy.version,
  });
  return { payload, text: canonicalize(payload) ?? '' };
}

/** Why a call waits for a person, in a sentence for the card; null when it may run by itself. */
export function whyApproval(
  tool: Tool,
  payload: Payload,
  policy: Policy,
  context: Pick<Context, 'taint' | 'outside' | 'own'>,
): string | null {
  if (tool.kind === 'built-in') return null;
  const { effect } = tool.action;
  if (effect === 'read') return leakOf(tool, payload, context);
  if (context.taint) return `The request has read outside text (${context.taint}), so a person decides every write.`;
  if (policy[effect] === 'run') return null;
  return effect === 'destructive'
    ? 'Deleting or overwriting needs a person.'
    : 'The policy of this org wants a person to approve writes.';
}

/** Back to where it came from, text may go by itself; anywhere else a person looks first (RULES T2). */
function leakOf(
  { action, connection }: ActionTool,
  payload: Payload,
  { outside, own }: Pick<Context, 'outside' | 'own'>,
): string | null {
  const foreign = outside.filter(({ from }) => from.size !== 1 || !from.has(connection.id));
  const [leak] = carriedIn(payload.arguments, foreign, { own: [...own, JSON.stringify(action.input)], names: true });
  return leak ? `It would carry text from ${leak.origin} to ${connection.name}.` : null;
}

/** Where a connection's answers are said to come from. */
export const originOf = (connection: { name: string }): string => `answer of ${connection.name}`;

/**
 * Arguments that quote outside text, with where it came from, for the card (RULES T3). A picture cannot be looked through: what stands in no text, the
 * requester's own words included, is said to come from it.
 */
export function originsIn(input: Json, outside: Context['outside'], own: readonly string[] = []): Carried[] {
  const quoted = carriedIn(
    input,
    outside.filter((one) => !one.isUnreadable),
  );
  const pictures = outside.filter((one) => one.isUnreadable);
  const paths = new Set(quoted.map(({ path }) => path));
  return [...quoted, ...carriedIn(input, pictures, { own }).filter(({ path }) => !paths.has(path))];
}
