import type { ChatBudget, Outgoing } from '#core/chat.ts';

/** What a page carries. A longer card sends the reader to the full view before they may approve (RULES A1). */
export const WEB_BUDGET: ChatBudget = { textLength: 12_000, blocks: 60, buttons: 8, fieldLength: 1_500 };

/** `fits` has the last word: what a platform cannot carry as one message is cut further. */
export interface CardBudget extends ChatBudget {
  fits?: (card: Outgoing) => boolean;
}

const SMALLEST_FIELD = 24;
/** The next budget to try, or null: there is nothing left to cut. */
export const smaller = (budget: CardBudget): CardBudget | null =>
  budget.fieldLength <= SMALLEST_FIELD
    ? null
    : {
        ...budget,
        textLength: Math.floor(budget.textLength * 0.6),
        fieldLength: Math.floor(budget.fieldLength * 0.6),
        blocks: Math.floor(budget.blocks * 0.9),
      };

/** The full view: nothing is cut. */
export const NO_BUDGET: ChatBudget = {
  textLength: Number.POSITIVE_INFINITY,
  blocks: Number.POSITIVE_INFINITY,
  buttons: Number.POSITIVE_INFINITY,
  fieldLength: Number.POSITIVE_INFINITY,
};

interface Item {
  name: string;
  value: string;
}

/** As many items as fit, long ones cut and the cut said; `isCut` when anything is missing. */
export function fitItems(items: Item[], budget: { textLength: number; fieldLength: number; items: number }) {
  const shown: Item[] = [];
  let left = budget.textLength;
  let isCut = false;
  for (const [index, item] of items.entries()) {
    if (shown.length >= budget.items || left <= item.name.length) {
      return { shown: [...shown, leftOut(items.slice(index))], isCut: true };
    }
    const name = cutAt(item.name, budget.fieldLength);
    const value = cutAt(item.value, Math.min(budget.fieldLength, left - item.name.length));
    isCut ||= name !== item.name || value !== item.value;
    shown.push({ name, value });
    left -= name.length + value.length;
  }
  return { shown, isCut };
}

const leftOut = (rest: Item[]): Item => ({
  name: `${rest.length} more ${rest.length === 1 ? 'value' : 'values'}`,
  value: `${rest.reduce((sum, item) => sum + item.name.length + item.value.length, 0)} more characters, in the full view`,
});

/** Never cuts a character in two; says how many are missing. */
function cutAt(text: string, max: number): string {
  if (text.length <= max) return text;
  const end = Math.max(0, max);
  const kept = text.slice(0, end).isWellFormed() ? text.slice(0, end) : text.slice(0, end - 1);
  return `${kept}… (${text.length - kept.length} more characters)`;
}

/** Lines up to a length, and how many are missing. */
export function fitLines(lines: readonly string[], max: number): { text: string; isCut: boolean } {
  let left = max;
  const end = lines.findIndex((line, index) => (left -= line.length + 1) < 0 && index > 0);
  if (end === -1) return { text: lines.join('\n'), isCut: false };
  return { text: [...lines.slice(0, end), `${lines.length - end} more like these`].join('\n'), isCut: true };
}
