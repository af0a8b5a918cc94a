import type { Found } from './find.ts';
import type { Slot } from './slots.ts';
import { escapeRegExp, splitName, stem } from './words.ts';

/** Ordinary words that are also property names; alone they name nothing. */
const WEAK = new Set(
  'to from for on at by in of with via the a an and or is are as it this that if then into over about please'.split(
    ' ',
  ),
);
/** Names too general to tell one thing from another: they speak about the tool's own noun. */
const GENERIC = new Set([
  'id',
  'number',
  'no',
  'num',
  'nr',
  'ref',
  'reference',
  'key',
  'code',
  'identifier',
  'uuid',
  'sku',
  'slug',
]);

export const isWeak = (word: string): boolean => WEAK.has(word.toLowerCase());
export const isGeneric = (word: string): boolean => GENERIC.has(word);

/** One slot's names, as a person may write them, each with a pattern that finds it. */
export interface Alias {
  slot: Slot;
  pattern: RegExp;
  /** It is the name of what the tool works on ("invoice"): not proof that a value for the slot follows. */
  isNoun: boolean;
  /** A preposition or the like: counts only with `:` or `=` after it. */
  isWeak: boolean;
}

/** The longest names first, so that "invoice number" is seen before "number". */
export function aliasesOf(slots: readonly Slot[], nouns: readonly string[]): Alias[] {
  const counts = new Map<string, number>();
  for (const word of slots.flatMap((slot) => [...new Set(slot.words)])) counts.set(word, (counts.get(word) ?? 0) + 1);
  const named = slots.flatMap((slot) => {
    const unique = slot.words.filter((word) => counts.get(word) === 1 && word.length > 2);
    const names = [
      slot.words,
      ...(slot.path.length > 1 ? [slot.path.flatMap(splitName)] : []),
      ...unique.map((it) => [it]),
    ];
    if (slot.words.includes('number')) names.push(['no'], ['nr']);
    if (slot.words.at(-1) === 'name' || slot.words.at(-1) === 'title') names.push(['named'], ['titled'], ['called']);
    return names.filter((words) => words.length > 0).map((words) => ({ slot, words }));
  });
  return named
    .sort((a, b) => b.words.join(' ').length - a.words.join(' ').length)
    .map(({ slot, words }) => ({
      slot,
      pattern: new RegExp(
        String.raw`(?<![\p{L}\p{N}_.])${words.map(escapeRegExp).join(String.raw`[ _.-]?`)}(?![\p{L}\p{N}_])`,
        'giu',
      ),
      isNoun: words.every((word) => nouns.includes(stem(word))),
      isWeak: words.length === 1 && isWeak(words[0] ?? ''),
    }));
}

/** Every place in the text where a slot is named; where two names overlap, the longer one stands. */
export function findAliases(text: string, aliases: readonly Alias[]): Found<Alias>[] {
  const found: Found<Alias>[] = [];
  for (const alias of aliases)
    for (const match of text.matchAll(alias.pattern)) {
      const hit = { value: alias, start: match.index, end: match.index + match[0].length };
      if (found.every((other) => hit.end <= other.start || hit.start >= other.end)) found.push(hit);
    }
  return found.sort((a, b) => a.start - b.start);
}
