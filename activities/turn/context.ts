import { RUN_LIMITS } from '#core/limits.ts';
import type { JsonObject } from '#core/tools.ts';
import { cut } from '#core/text.ts';
import type { Org } from '#db/client.ts';
import { activeRunsIn, toolCallsOf, turnsOf, type Run, type ToolCall } from '#db/runs.ts';
import type { ModelMessage } from '#activities/models/model.ts';
import type { OutsideText } from './carried.ts';
import { readThreadPart } from './thread-part.ts';

export interface Context {
  messages: ModelMessage[];
  /** Origin of the first outside text in it (RULES T1), or null. */
  taint: string | null;
  /** Every outside text with its origin: what T2 looks for in arguments. */
  outside: OutsideText[];
  /** The requester's own words, as far as they are read. */
  own: string[];
  /** The thread has grown so much that its next summary is due. */
  isLong: boolean;
  toolCalls: ToolCall[];
  usedTools: Set<string>;
  /** One line for each other run of the thread (RULES R2). */
  statusLines: string[];
}

/** What a run's next turn is decided from: its thread up to its own message (older parts summed up), its own turns, and how the thread's other runs stand (RULES R2). */
export async function readContext(org: Org, run: Run, options: { withPictures?: boolean } = {}): Promise<Context> {
  // Sent together: one way to the database and back instead of four.
  const [thread, turns, calls, active] = await Promise.all([
    readThreadPart(org, run, options),
    turnsOf(org, run.id),
    toolCallsOf(org, run.id),
    activeRunsIn(org, run.threadId),
  ]);
  const outside = [...thread.outside];
  const messages = [...thread.messages];
  for (const turn of turns) {
    const ofTurn = calls.filter((call) => call.turnNumber === turn.number);
    messages.push({
      role: 'assistant',
      text: turn.text,
      ...(ofTurn.length > 0
        ? { calls: ofTurn.map((call) => ({ id: callIdOf(call), name: call.tool, input: inputOf(call) })) }
        : {}),
    });
    for (const call of ofTurn) {
      const text = call.result ?? 'The call has not ended.';
      if (call.outside) outside.push({ text, origin: call.outside, from: new Set([call.connectionId]) });
      messages.push({
        role: 'tool',
        callId: callIdOf(call),
        name: call.tool,
        text: cut(text, RUN_LIMITS.toolResultLength),
        isError: call.status !== 'done',
      });
    }
  }
  const others = active.filter((other) => other.id !== run.id && other.number < run.number);
  // What another request waits for quotes its arguments: another person's words, or what it has read.
  const waiting = others.filter((other) => other.status === 'waiting' && other.statusText !== null);
  for (const { taint, requestedBy, number, statusText } of waiting) {
    const origin = taint ?? (requestedBy === run.requestedBy ? null : `request ${number} of this thread`);
    if (origin) outside.push({ text: statusText ?? '', origin, from: new Set([null]) });
  }
  return {
    messages: fit(messages),
    taint: thread.taint ?? outside[0]?.origin ?? null,
    outside,
    own: thread.own,
    isLong: thread.isLong,
    toolCalls: calls,
    usedTools: new Set(calls.map((call) => call.tool)),
    statusLines: others.map(
      (other) =>
        `Request ${other.number} of this thread is ${other.status}${waiting.includes(other) ? `: ${JSON.stringify(other.statusText)}` : ''}.`,
    ),
  };
}

const callIdOf = (call: ToolCall): string => call.modelCallId ?? `call-${call.turnNumber}-${call.callNumber}`;
const inputOf = (call: ToolCall): JsonObject => JSON.parse(call.input) as JsonObject;

/**
 * Drops the oldest messages past the budget, and never the request itself, however much its tools have said. What is left starts with a person's
 * message, since vendors insist on that.
 */
function fit(messages: ModelMessage[]): ModelMessage[] {
  const request = messages.findLastIndex((message) => message.role === 'user');
  let length = request === -1 ? 0 : lengthOf(messages[request]);
  let from = messages.length;
  for (; from > 0; from -= 1) {
    if (from - 1 === request) continue;
    length += lengthOf(messages[from - 1]);
    if (length > RUN_LIMITS.contextLength) break;
  }
  if (request !== -1 && from > request) {
    // A result without its call is of no use to anybody.
    const turn = messages.findIndex((message, at) => at >= from && message.role === 'assistant');
    return [...messages.slice(request, request + 1), ...(turn === -1 ? [] : messages.slice(turn))];
  }
  const kept = messages.slice(from);
  const first = kept.findIndex((message) => message.role === 'user');
  return first > 0 ? kept.slice(first) : kept;
}

/** A call's id does not count: it may hold a vendor's signature, which is no text for the model. Neither does a picture. */
const lengthOf = (message: ModelMessage | undefined): number =>
  JSON.stringify(message?.role === 'user' ? { ...message, images: [] } : message, (key, value: unknown) =>
    key === 'id' || key === 'callId' ? '' : value,
  ).length;
