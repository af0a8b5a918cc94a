import type { JsonObject } from '#core/tools.ts';
import { buildInput, kindInWords } from './slots.ts';
import type { Slot, Values } from './slots.ts';
import type { KnownTool } from './tool.ts';

/** Where a dialogue stands after a person's message. */
export type Step =
  | { kind: 'call'; tool: string; input: JsonObject }
  | { kind: 'ask'; known: KnownTool; values: Values; slot: Slot; problem: string | null }
  | { kind: 'say'; text: string; suggestions: readonly string[] };

/** Calls the tool when every required slot is filled; otherwise asks for the first that is not. */
export function decide(known: KnownTool, values: Values, problem: string | null = null): Step {
  const slot = known.slots.find((it) => it.isRequired && !values.has(it.label));
  if (slot) return { kind: 'ask', known, values, slot, problem };
  return { kind: 'call', tool: known.tool.name, input: buildInput(known.tool.input, known.slots, values) };
}

/** The question for one slot. `readQuestion` knows it again in the history. */
export function question(step: Extract<Step, { kind: 'ask' }>): string {
  const { known, slot, values, problem } = step;
  const soFar = [...values]
    .map(([label, value]) => `${label} ${short(typeof value === 'string' ? value : JSON.stringify(value))}`)
    .join(', ');
  return [
    ...(problem ? [problem] : []),
    `I need the **${slot.label}** (${kindInWords(slot)}) for \`${known.tool.name}\`.`,
    ...(soFar ? [`So far: ${soFar}.`] : []),
    'Say “cancel” to drop it.',
  ].join(' ');
}

/** Whether an assistant's text is a question of ours. Which tool and what is filled is worked out anew from the person's own words. */
export const isQuestion = (text: string): boolean =>
  /^\*Rule-based mode\.\*[^]*I need the \*\*[^*]+\*\* \([^\n]*\) for `[^`\n]+`\./.test(text);

export function answersFor(slot: Slot): string[] {
  if (slot.kind === 'choice') return slot.options.slice(0, 10).map(String);
  return slot.kind === 'boolean' ? ['yes', 'no'] : [];
}

const short = (text: string): string =>
  (text.length > 60 ? `${text.slice(0, 60).toWellFormed()}…` : text).replaceAll(/\s+/g, ' ');
