import { RUN_LIMITS } from '#core/limits.ts';
import type { JsonObject } from '#core/tools.ts';
import { cut } from '#core/text.ts';
import type { Org } from '#db/client.ts';
import { activeRunsIn, messagesUpTo, toolCallsOf, turnsOf, type Run, type ToolCall } from '#db/runs.ts';
import type { ModelMessage } from '#activities/models/model.ts';

export interface Context {
  messages: ModelMessage[];
  /** Origin of the first outside text in it (RULES T1), or null. */
  taint: string | null;
  /** Every outside text with its origin: what T2 looks for in arguments. */
  outside: { text: string; origin: string }[];
  toolCalls: ToolCall[];
  usedTools: Set<string>;
  /** One line for each other run of the thread (RULES R2). */
  statusLines: string[];
}

/** What a run's next turn is decided from: its thread up to its own message, its own turns, and how the thread's other runs stand (RULES R2). */
export async function readContext(org: Org, run: Run): Promise<Context> {
  const thread = await messagesUpTo(org, run.threadId, run.seq);
  const turns = await turnsOf(org, run.id);
  const toolCalls = await toolCallsOf(org, run.id);
  const outside: Context['outside'] = [];
  const messages: ModelMessage[] = [];
  for (const { message, memberName } of thread) {
    const isOther = message.role === 'user' && message.memberId !== run.requestedBy;
    const origin = message.outside ?? (isOther ? `message by ${memberName ?? 'someone else'}` : null);
    if (origin) outside.push({ text: message.text, origin });
    if (message.role === 'assistant') messages.push({ role: 'assistant', text: message.text });
    else messages.push({ role: 'user', text: isOther ? `[${memberName ?? 'someone else'} wrote:] ${message.text}` : message.text });
  }
  for (const turn of turns) {
    const calls = toolCalls.filter((call) => call.turnNumber === turn.number);
    messages.push({
      role: 'assistant',
      text: turn.text,
      ...(calls.length > 0 ? { calls: calls.map((call) => ({ id: callIdOf(call), name: call.tool, input: inputOf(call) })) } : {}),
    });
    for (const call of calls) {
      const text = call.result ?? 'The call has not ended.';
      if (call.outside) outside.push({ text, origin: call.outside });
      messages.push({ role: 'tool', callId: callIdOf(call), name: call.tool, text: cut(text, RUN_LIMITS.toolResultLength), isError: call.status !== 'done' });
    }
  }
  const others = (await activeRunsIn(org, run.threadId)).filter((other) => other.id !== run.id && other.number < run.number);
  return {
    messages: fit(messages),
    taint: outside[0]?.origin ?? null,
    outside,
    toolCalls,
    usedTools: new Set(toolCalls.map((call) => call.tool)),
    statusLines: others.map((other) => `Request ${other.number} of this thread is ${other.status}${other.statusText ? `: ${other.statusText}` : ''}.`),
  };
}

const callIdOf = (call: ToolCall): string => call.modelCallId ?? `call-${call.turnNumber}-${call.callNumber}`;
const inputOf = (call: ToolCall): JsonObject => JSON.parse(call.input) as JsonObject;

/** Drops the oldest messages past the budget; what is left starts with a person's message, since vendors insist on that. */
function fit(messages: ModelMessage[]): ModelMessage[] {
  let length = 0;
  let from = messages.length;
  while (from > 0 && length <= RUN_LIMITS.contextLength) {
    from -= 1;
    length += JSON.stringify(messages[from]).length;
  }
  const kept = length > RUN_LIMITS.contextLength ? messages.slice(from + 1) : messages.slice(from);
  const first = kept.findIndex((message) => message.role === 'user');
  return first > 0 ? kept.slice(first) : kept;
}
