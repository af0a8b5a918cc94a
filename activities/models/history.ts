import type { GenerateInput, ModelImage, ModelMessage, ModelToolCall } from './model.ts';

export interface AnsweredCall extends ModelToolCall {
  /** As the vendor gave it; `id` is the same made plain. */
  givenId: string;
  result: { text: string; isError: boolean };
}
export type HistoryTurn =
  | { role: 'user'; text: string; images?: readonly ModelImage[] }
  | { role: 'assistant'; text: string; calls: readonly AnsweredCall[] };

const NO_RESULT = { text: 'There is no result: the call did not end.', isError: true };

/**
 * The history in the shape every vendor accepts: each call sits beside exactly one result, ids are unique and
 * plain (another vendor may have made them), no text is empty, and a person speaks first.
 * A history cut to its newest part may begin with results of calls that are gone: those are left out.
 * The situation goes with the newest words of a person: what stands before them stays the same from call to call, so that
 * the vendor's prompt cache holds.
 */
export function toTurns({ messages, situation }: Pick<GenerateInput, 'messages' | 'situation'>): HistoryTurn[] {
  const turns: HistoryTurn[] = [];
  const usedIds = new Set<string>();
  for (const [index, message] of messages.entries()) {
    if (message.role === 'tool') continue;
    const text = message.text.trim() === '' ? '' : message.text;
    if (message.role === 'user') {
      // What came with a message stands below the words of who sent it.
      const whole = [text, message.attached].filter(Boolean).join('\n\n');
      if (whole) turns.push({ role: 'user', text: whole, ...(message.images?.length && { images: message.images }) });
      continue;
    }
    const results = resultsAfter(messages, index);
    const calls = (message.calls ?? []).map((call): AnsweredCall => {
      const found = results.findIndex((result) => result.callId === call.id);
      const [result] = found === -1 ? [] : results.splice(found, 1);
      return {
        ...call,
        givenId: call.id,
        id: uniqueId(call.id, usedIds),
        result: result ? { text: result.text.trim() || '(empty)', isError: result.isError } : NO_RESULT,
      };
    });
    if (text || calls.length > 0) turns.push({ role: 'assistant', text, calls });
  }
  if (turns[0]?.role !== 'user') turns.unshift({ role: 'user', text: '(Earlier messages were left out.)' });
  const newest = newestOfPerson(turns);
  const asked = turns[newest];
  if (situation?.trim() && asked?.role === 'user')
    turns[newest] = { ...asked, text: `${asked.text}\n\n(Not from the person, but from Abetworks:\n${situation})` };
  return turns;
}

/** Where the newest words of a person stand. */
export const newestOfPerson = (turns: readonly HistoryTurn[]): number =>
  turns.findLastIndex(({ role }) => role === 'user');

/** The tool messages that belong to the assistant message at `index`: those before the next assistant message. */
function resultsAfter(messages: readonly ModelMessage[], index: number): Extract<ModelMessage, { role: 'tool' }>[] {
  const rest = messages.slice(index + 1);
  const end = rest.findIndex((message) => message.role === 'assistant');
  return (end === -1 ? rest : rest.slice(0, end)).filter((message) => message.role === 'tool');
}

// Anthropic allows [A-Za-z0-9_-], OpenAI 40 characters; both refuse an id used twice.
function uniqueId(id: string, used: Set<string>): string {
  let unique = /^[A-Za-z0-9_-]{1,40}$/.test(id) ? id : `call_${used.size + 1}`;
  if (used.has(unique)) unique = `call_${used.size + 1}`;
  while (used.has(unique)) unique += '_';
  used.add(unique);
  return unique;
}
