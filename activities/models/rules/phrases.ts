import type { Json } from '#core/tools.ts';
import { isWeak } from './aliases.ts';
import type { Alias } from './aliases.ts';
import type { Found } from './find.ts';
import type { Page, Span } from './page.ts';
import type { Slot } from './slots.ts';

interface PhraseWork {
  page: Page;
  names: readonly Found<Alias>[];
  open: (isFitting: (slot: Slot) => boolean) => Slot[];
  set: (slot: Slot, value: Json, span: Span) => boolean;
  isWrite: boolean;
}

const PARTY =
  /^(?:customer|client|company|vendor|supplier|recipient|person|user|member|employee|contact|city|location|place|country)$/;
const MESSAGE = /^(?:text|message|body|content|comment|note|question|prompt)$/;
const SEARCH = /^(?:query|q|search|keyword|keywords|term|topic|question)$/;
// They point at something said elsewhere: a value must be in the words themselves.
const POINTERS = /^(?:it|this|that|them|these|those|him|her|me|us|same|all|everything|one|above|there)$/i;

/** A name and the words after it, `#channel`, "for Acme Corp". */
export function fillNames(work: PhraseWork): void {
  const { page, open, set } = work;
  takeNamed();
  takeSigned();
  takeParty();

  /** "customer Acme Corp", "title is Broken printer": up to a comma, a preposition or the next name. */
  function takeNamed(): void {
    for (const [index, name] of work.names.entries()) {
      const { slot, isNoun, isWeak: isWeakName } = name.value;
      if (slot.kind !== 'text' || isNoun || isWeakName || !page.isFree(name)) continue;
      const rest = page.rest().slice(0, work.names[index + 1]?.start);
      const lead = /^\s{1,3}(?:(?:is|of|as|should be)\s{1,3})?/.exec(rest.slice(name.end));
      if (!lead) continue;
      const start = name.end + lead[0].length;
      const words = leadingWords(rest.slice(start));
      if (!words || POINTERS.test(words)) continue;
      if (set(slot, words, { start, end: start + words.length })) page.take(name);
    }
  }

  function takeSigned(): void {
    for (const [sign, words] of [
      ['#', /^(?:channel|room)$/],
      ['@', /^(?:user|assignee|member|person|owner)$/],
    ] as const) {
      const slots = open((slot) => slot.kind === 'text' && slot.words.some((word) => words.test(word)));
      const found = [...page.rest().matchAll(new RegExp(String.raw`(?<![\w&])${sign}[A-Za-z][\w.-]{0,79}`, 'g'))];
      const [slot] = slots;
      const [match] = found;
      if (slots.length === 1 && slot && found.length === 1 && match)
        set(slot, match[0].replace(/[.-]+$/, ''), { start: match.index, end: match.index + match[0].length });
    }
  }

  function takeParty(): void {
    const slots = open(
      (slot) => slot.isRequired && slot.kind === 'text' && slot.words.some((word) => PARTY.test(word)),
    );
    const pattern =
      /(?<![\p{L}\p{N}])(?:for|to|in|with)\s{1,3}(\p{Lu}[\p{L}\p{N}&'’.-]*(?:\s\p{Lu}[\p{L}\p{N}&'’.-]*){0,5})/gu;
    const found = [...page.rest().matchAll(pattern)];
    const [slot] = slots;
    const [match] = found;
    if (slots.length !== 1 || !slot || found.length !== 1 || !match) return;
    const value = (match[1] ?? '').replace(/[.'’-]+$/, '');
    const start = match.index + match[0].length - (match[1]?.length ?? 0);
    set(slot, value, { start, end: start + value.length });
  }
}

/** Free text without a name: what follows a colon, and what a search is for. */
export function fillMessages({ page, open, set, isWrite }: PhraseWork): void {
  takeMessage();
  if (!isWrite) takeSearch();

  /** "send a mail to bob@example.com: lunch at noon": what follows the colon is meant word for word. */
  function takeMessage(): void {
    const slots = open((slot) => slot.kind === 'text' && slot.words.some((word) => MESSAGE.test(word)));
    const colon = /:\s{1,3}|\b(?:saying|that says)\s{1,3}/.exec(page.rest());
    const [slot] = slots;
    if (slots.length !== 1 || !slot || !colon) return;
    const start = colon.index + colon[0].length;
    const value = page.text.slice(start).trimEnd();
    if (value.trim()) set(slot, value, { start, end: start + value.length });
  }

  function takeSearch(): void {
    const slots = open(
      (slot) => slot.isRequired && slot.kind === 'text' && slot.words.some((word) => SEARCH.test(word)),
    );
    const lead = /\b(?:for|about|on)\s{1,3}(?=\S)/.exec(page.rest());
    const [slot] = slots;
    if (slots.length !== 1 || !slot || !lead) return;
    const start = lead.index + lead[0].length;
    const value = page.text.slice(start).replace(/[\s?.!]+$/, '');
    if (value) set(slot, value, { start, end: start + value.length });
  }
}

function leadingWords(text: string): string {
  let end = 0;
  for (const match of text.slice(0, 120).matchAll(/\s{0,2}([^\s,;\n\uE000]+)/g)) {
    const word = match[1] ?? '';
    if (match.index !== end || isWeak(word) || /^\p{P}+$/u.test(word)) break;
    end += match[0].length;
    if (/[.!?:]$/.test(word)) break;
  }
  return text
    .slice(0, end)
    .trim()
    .replace(/[.!?:]+$/, '');
}
