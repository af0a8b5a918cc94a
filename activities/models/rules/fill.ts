import type { Json } from '#core/tools.ts';
import { aliasesOf, findAliases, isGeneric } from './aliases.ts';
import { findDates } from './dates.ts';
import {
  findCurrencies,
  findEmails,
  findExpression,
  findIds,
  findMoney,
  findNumbers,
  findQuoted,
  findUrls,
} from './find.ts';
import type { Found } from './find.ts';
import { blank, createPage } from './page.ts';
import type { Span } from './page.ts';
import { takePairs } from './pairs.ts';
import { fillMessages, fillNames } from './phrases.ts';
import { isAllowed } from './read.ts';
import type { Slot, Values } from './slots.ts';
import { escapeRegExp, stem } from './words.ts';

export interface FillAbout {
  /** Stems of what the tool works on: "invoice" of `erp_createInvoice`. */
  nouns: readonly string[];
  isWrite: boolean;
  /** The verb that chose the tool: it is no value. */
  verb?: Span | undefined;
}

export interface Filled {
  values: Values;
  taken: readonly Span[];
}

const EXPRESSION = /^(?:expression|formula|equation|calculation|math)$/;
const MONEY = /^(?:amount|total|price|sum|value|cost|fee|balance|budget|subtotal|gross|net)$/;
const MINOR_UNITS = /^(?:cents|minor|nanos|pence|micros|millis)$/;
const CURRENCY = /^(?:currency|ccy)$/;
const MAIL = /^(?:email|emails|mail|to|cc|bcc|recipient|recipients|attendees|invitee)$/;
const LINK = /^(?:url|uri|link|website|webhook|href)$/;

/**
 * The values that a person's own text gives for a tool's slots. Careful rather than clever: a value is used when its
 * name stands before it, or when it is the only one of its kind and only one slot could take it. Everything else stays
 * empty and is asked about.
 */
export function fill(text: string, slots: readonly Slot[], about: FillAbout, clock: () => Date): Filled {
  const page = createPage(text);
  if (about.verb) page.take(about.verb);
  const values = new Map<string, Json>();
  const aliases = aliasesOf(slots, about.nouns);
  for (const { slot, value } of takePairs(page, aliases, clock)) values.set(slot.label, value);

  const names = findAliases(text, aliases);
  // What stands in quotes is one value: nothing is picked out of it.
  const outside = (): string => findQuoted(page.rest()).reduce((rest, span) => blank(rest, span), page.rest());
  const open = (isFitting: (slot: Slot) => boolean): Slot[] =>
    slots.filter((slot) => !values.has(slot.label) && isFitting(slot));
  const set = (slot: Slot, value: Json, span: Span): boolean => {
    if (values.has(slot.label) || !page.isFree(span) || !isAllowed(slot, value)) return false;
    values.set(slot.label, value);
    page.take(span);
    return true;
  };

  takeExpression();
  assign(findUrls(page.rest()), (slot) => slot.kind === 'url' || (isText(slot) && has(slot, LINK)));
  takeEmails();
  takeMoney();
  assign(findQuoted(page.rest()), isFreeText);
  takeIds();
  for (const kind of ['date-time', 'date'] as const)
    if (open((slot) => slot.kind === kind).length > 0)
      assign(findDates(outside(), kind, clock), (slot) => slot.kind === kind);
  takeChoices();
  takeFlags();
  takeNumbers();
  const work = { page, names, open, set, isWrite: about.isWrite };
  fillNames(work);
  assign(findQuoted(page.rest()), isFreeText);
  fillMessages(work);
  return { values, taken: page.taken.slice(about.verb ? 1 : 0) };

  /** Values go to the slot named before them; the last one left goes to the last slot left. */
  function assign<T extends Json>(found: readonly Found<T>[], isFitting: (slot: Slot) => boolean): void {
    for (const slot of open(isFitting)) {
      const named = found.filter((it) => namedBefore(it) === slot && page.isFree(it));
      if (named.length === 1 && named[0]) set(slot, named[0].value, named[0]);
    }
    const left = found.filter((it) => page.isFree(it) && !namedBefore(it));
    const takers = open((slot) => isFitting(slot) && (slot.isRequired || !about.isWrite));
    if (left.length === 1 && left[0] && takers.length === 1 && takers[0]) set(takers[0], left[0].value, left[0]);
  }

  function namedBefore(found: Span): Slot | undefined {
    const name = names.findLast((hit) => hit.end <= found.start && !hit.value.isWeak);
    if (!name || name.value.isNoun) return undefined;
    const between = text.slice(name.end, found.start);
    return between.length < 20 &&
      /^[\s:=#"“'`]*(?:(?:is|of|to|as|at|on|by|the|was|should be)\b)?[\s:=#"“'`]*$/i.test(between)
      ? name.value.slot
      : undefined;
  }

  function takeExpression(): void {
    const [slot] = open((slot) => isText(slot) && has(slot, EXPRESSION));
    const found = slot && findExpression(page.rest());
    if (slot && found) set(slot, found.value, found);
  }

  function takeEmails(): void {
    const found = findEmails(page.rest());
    assign(found, (slot) => slot.kind === 'email' || (isText(slot) && has(slot, MAIL)));
    const left = found.filter((it) => page.isFree(it));
    const lists = open(
      (slot) =>
        slot.kind === 'list' && (slot.item?.kind === 'email' || (has(slot, MAIL) && slot.item?.kind === 'text')),
    );
    if (left.length === 0 || lists.length !== 1 || !lists[0]) return;
    const [first] = left;
    if (
      first &&
      set(
        lists[0],
        left.map((it) => it.value),
        first,
      )
    )
      for (const it of left) page.take(it);
  }

  function takeMoney(): void {
    const found = findMoney(outside());
    const currencies = [...new Set(found.map((it) => it.value.currency))];
    const isAmount = (slot: Slot): boolean =>
      (slot.kind === 'number' || slot.kind === 'integer') && !has(slot, MINOR_UNITS);
    const hasNamedAmount = open((slot) => isAmount(slot) && has(slot, MONEY)).length > 0;
    const amounts = found.flatMap((it) => (it.value.amount === null ? [] : [{ ...it, value: it.value.amount }]));
    if (amounts.length === found.length)
      assign(amounts, (slot) => isAmount(slot) && (!hasNamedAmount || has(slot, MONEY)));
    // What was said with a currency is money and nothing else.
    for (const it of found) if (page.isFree(it)) page.take(it);
    const bare = found.length === 0 ? findCurrencies(outside()) : [];
    const code = currencies.length === 1 ? currencies[0] : bare.length === 1 ? bare[0]?.value : undefined;
    const takers = open((slot) => (isText(slot) || slot.kind === 'choice') && has(slot, CURRENCY));
    if (!code || takers.length !== 1 || !takers[0]) return;
    const value = takers[0].kind === 'choice' ? optionFor(takers[0], code) : code;
    if (value !== undefined && isAllowed(takers[0], value)) values.set(takers[0].label, value);
    if (bare[0]) page.take(bare[0]);
  }

  function takeIds(): void {
    const found = [...findIds(outside()), ...numbersAfterNoun()].filter((it) => page.isFree(it));
    const fitting = (slot: Slot) => isIdSlot(slot, about.nouns);
    // Two ids that could both be meant are asked about.
    for (const slot of open(fitting)) {
      const proven = found.filter((it) => page.isFree(it) && isAbout(it, slot));
      const [only] = proven;
      if (only && proven.length === 1 && open(fitting).filter((it) => isAbout(only, it)).length === 1)
        setId(slot, only);
    }
    const left = found.filter((it) => page.isFree(it));
    const takers = open((slot) => fitting(slot) && (slot.isRequired || !about.isWrite));
    if (left.length === 1 && left[0] && takers.length === 1 && takers[0]) setId(takers[0], left[0]);
  }

  function setId(slot: Slot, it: Found): void {
    if (slot.kind === 'text') set(slot, it.value, it);
    else if (/^\d{1,15}$/.test(it.value)) set(slot, Number(it.value), it);
  }

  /** "invoice 77", "ticket no. 12": a plain number that its noun makes an id. */
  function numbersAfterNoun(): Found[] {
    const words = [
      ...new Set([...about.nouns, ...slots.flatMap((slot) => (isIdSlot(slot, about.nouns) ? slot.words : []))]),
    ];
    if (words.length === 0) return [];
    const noun = `(?:${words.map((word) => escapeRegExp(word)).join('|')})`;
    const pattern = new RegExp(
      String.raw`(?<![\p{L}\p{N}])${noun}\s{1,3}(?:(?:no\.?|nr\.?|number|id|is)\s{1,3})?(\d{1,15})(?![\w:/@%-]|[.,]\d)`,
      'giu',
    );
    return [...outside().matchAll(pattern)].map((match) => {
      const end = match.index + match[0].length;
      return { value: match[1] ?? '', start: end - (match[1]?.length ?? 0), end };
    });
  }

  /** The word before an id, or the letters it begins with, say what it belongs to. */
  function isAbout(it: Found, slot: Slot): boolean {
    const own = slot.words.map(stem).filter((word) => !isGeneric(word));
    const subjects = own.length > 0 ? own : about.nouns;
    const before = /(\p{L}+)(?:\s{1,3}(?:no\.?|nr\.?|number|id|is))?[\s#:]{1,3}$/iu.exec(
      text.slice(Math.max(0, it.start - 60), it.start),
    );
    const letters = /^[A-Za-z]{2,}/.exec(it.value)?.[0].toLowerCase();
    return subjects.some(
      (word) => word === stem(before?.[1] ?? '') || (letters !== undefined && word.startsWith(letters)),
    );
  }

  function takeChoices(): void {
    for (const slot of open((slot) => slot.kind === 'choice')) {
      const found = slot.options
        .filter((option) => typeof option === 'string')
        .flatMap((option) => {
          const words = option
            .split(/[\s_-]+/)
            .filter(Boolean)
            .map(escapeRegExp)
            .join(String.raw`[\s_-]`);
          const pattern = new RegExp(String.raw`(?<![\p{L}\p{N}_-])${words}(?![\p{L}\p{N}_-])`, 'giu');
          const match = option.length > 1 && words ? pattern.exec(page.rest()) : null;
          return match ? [{ value: option, start: match.index, end: match.index + match[0].length }] : [];
        });
      const named = found.filter((it) => namedBefore(it) === slot);
      const chosen = named.length === 1 ? named : found;
      if (chosen.length === 1 && chosen[0]) set(slot, chosen[0].value, chosen[0]);
    }
  }

  function takeFlags(): void {
    for (const { value: alias, start, end } of names) {
      const { slot } = alias;
      if (slot.kind !== 'boolean' || alias.isNoun || alias.isWeak || !page.isFree({ start, end })) continue;
      const before = text.slice(Math.max(0, start - 12), start);
      const after = /^\s{1,3}(?:is\s{1,3})?(yes|no|true|false|on|off)\b/i.exec(text.slice(end, end + 16));
      const isNegated = /\b(?:not|no|without|non|isn't)[\s-]{1,2}$/i.test(before);
      const isTrue = after ? /yes|true|on/i.test(after[1] ?? '') : true;
      set(slot, isNegated ? !isTrue : isTrue, { start, end: end + (after?.[0].length ?? 0) });
    }
  }

  function takeNumbers(): void {
    const found = findNumbers(outside());
    const sure = found.flatMap((it) => (it.value === null ? [] : [{ ...it, value: it.value }]));
    if (sure.length === found.length)
      assign(sure, (slot) => (slot.kind === 'number' || slot.kind === 'integer') && !isIdSlot(slot, about.nouns));
  }
}

const isFreeText = (slot: Slot): boolean => isText(slot) && !has(slot, EXPRESSION);
const isText = (slot: Slot): boolean => slot.kind === 'text';
const has = (slot: Slot, pattern: RegExp): boolean => slot.words.some((word) => pattern.test(word));

const optionFor = (slot: Slot, text: string): Json | undefined =>
  slot.options.find((option) => String(option).toLowerCase() === text.toLowerCase());

/** A slot that names one thing: `id`, `invoiceNumber`, `invoice` of an invoice tool. */
function isIdSlot(slot: Slot, nouns: readonly string[]): boolean {
  if (slot.kind !== 'text' && slot.kind !== 'integer' && slot.kind !== 'number') return false;
  if (slot.words.some((word) => /^(?:currency|country|zip|postal|phone|language|quantity|count)$/.test(word)))
    return false;
  return (
    slot.words.some(isGeneric) || (slot.words.length > 0 && slot.words.every((word) => nouns.includes(stem(word))))
  );
}
