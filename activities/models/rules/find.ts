import type { Span } from './page.ts';

/** Something recognised in a person's text, with its place. */
export interface Found<T = string> extends Span {
  value: T;
}

const all = (text: string, pattern: RegExp, group = 0): Found[] =>
  [...text.matchAll(pattern)].map((match) => ({
    value: match[group] ?? match[0],
    start: match.index,
    end: match.index + match[0].length,
  }));

export const findEmails = (text: string): Found[] =>
  all(text, /(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z\d](?:[A-Za-z\d-]{0,62}\.){1,8}[A-Za-z]{2,24}(?![\w-])/g);

export const findUrls = (text: string): Found[] =>
  all(text, /\bhttps?:\/\/[^\s<>"'`|\uE000]+/g).map((found) => {
    const value = found.value.replace(/[.,;:!?)\]]+$/, '');
    return { ...found, value, end: found.start + value.length };
  });

/** Text in quotes: the person's own way to say where a value begins and ends. */
export const findQuoted = (text: string): Found[] =>
  [/"([^"\n]{1,5000})"/g, /“([^”\n]{1,5000})”/g, /`([^`\n]{1,5000})`/g, /(?<![\w'])'([^'\n]{1,5000})'(?!\w)/g]
    .flatMap((pattern) => all(text, pattern, 1))
    .sort((a, b) => a.start - b.start);

/** INV-77, PO/2026/12, INV77, #12 (without the sign), UUIDs. */
export const findIds = (text: string): Found[] =>
  [
    ...all(text, /(?<![\w-])[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}(?![\w-])/gi),
    ...all(
      text,
      /(?<![\w/.@#-])(?=[A-Za-z]{1,12}[-_/])(?=[A-Za-z_/-]{2,20}\d)[A-Za-z\d]+(?:[-_/][A-Za-z\d]+){1,5}(?![\w@])/g,
    ),
    ...all(text, /(?<![\w/.@#-])[A-Z]{2,8}\d{1,20}(?![\w@-])/g),
    ...all(text, /(?<![\w&])#(\d{1,20})(?!\w)/g, 1),
  ]
    .sort((a, b) => a.start - b.start || b.end - a.end)
    .filter((found, index, list) => list.slice(0, index).every((other) => other.end <= found.start));

const NUMBER = String.raw`-?\d{1,3}(?:[,.]\d{3})+(?:[.,]\d{1,2})?|-?\d{1,15}(?:[.,]\d{1,9})?`;

/** Numbers that stand alone: not part of a word, an id, a time or a date. The value is null where two readings are possible ("1.234"). */
export const findNumbers = (text: string): Found<number | null>[] =>
  all(text, new RegExp(String.raw`(?<![\w.,:/#@-])(?:${NUMBER})(?![\w:/@-]|[.,]\d)`, 'g')).map((found) => ({
    ...found,
    value: readNumber(found.value),
  }));

/**
 * "4200", "4,200.50", "4.200,50", "4,5" → a number; null when it is none, or could be two: "4.200" is 4.2 here and
 * 4200 there, so it is asked about rather than guessed.
 */
export function readNumber(text: string): number | null {
  const trimmed = text.trim();
  if (/^-?\d{1,15}$/.test(trimmed)) return Number(trimmed);
  if (/^-?\d{1,3}(,\d{3})+(\.\d{1,9})?$/.test(trimmed)) return Number(trimmed.replaceAll(',', ''));
  if (/^-?\d{1,3}(\.\d{3})+,\d{1,9}$/.test(trimmed) || /^-?\d{1,3}(\.\d{3}){2,}$/.test(trimmed))
    return Number(trimmed.replaceAll('.', '').replace(',', '.'));
  if (/^-?(?!0\d)[1-9]\d{0,2}\.\d{3}$/.test(trimmed)) return null;
  if (/^-?\d{1,15}\.\d{1,9}$/.test(trimmed)) return Number(trimmed);
  return /^-?\d{1,15},\d{1,2}$/.test(trimmed) ? Number(trimmed.replace(',', '.')) : null;
}

const SIGNS: Record<string, string> = { '€': 'EUR', $: 'USD', '£': 'GBP', '₹': 'INR' };
const NAMES: Record<string, string> = {
  euro: 'EUR',
  euros: 'EUR',
  dollar: 'USD',
  dollars: 'USD',
  pound: 'GBP',
  pounds: 'GBP',
};
const CODES = new Set(Intl.supportedValuesOf('currency'));

export interface Money {
  amount: number | null;
  currency: string;
}

const readCurrency = (text: string): string | undefined =>
  SIGNS[text] ?? NAMES[text.toLowerCase()] ?? (CODES.has(text.toUpperCase()) ? text.toUpperCase() : undefined);

/** "4200 EUR", "EUR 4,200.50", "€20", "30 euros". */
export function findMoney(text: string): Found<Money>[] {
  const word = String.raw`[A-Za-z]{3,7}|[€$£₹]`;
  const after = new RegExp(String.raw`(?<![\w.,:/#@-])(${NUMBER})[ \u00a0]{0,2}(${word})(?!\w)`, 'g');
  const before = new RegExp(String.raw`(?<![\w])(${word})[ \u00a0]{0,2}(${NUMBER})(?![\w:/@-]|[.,]\d)`, 'g');
  return [
    ...[...text.matchAll(after)].map((match) => toMoney(match, match[1], match[2])),
    ...[...text.matchAll(before)].map((match) => toMoney(match, match[2], match[1])),
  ]
    .filter((found) => found !== null)
    .sort((a, b) => a.start - b.start)
    .filter((found, index, list) => (list[index - 1]?.end ?? 0) <= found.start);
}

function toMoney(match: RegExpExecArray, amount = '', sign = ''): Found<Money> | null {
  const currency = readCurrency(sign);
  if (!currency) return null;
  return { value: { amount: readNumber(amount), currency }, start: match.index, end: match.index + match[0].length };
}

/** A currency said by itself. Lower-case codes are too often plain words ("all", "try"). */
export const findCurrencies = (text: string): Found[] =>
  all(text, /(?<![\w-])[A-Z]{3}(?![\w-])/g).filter((found) => CODES.has(found.value));

const FUNCTIONS = 'sqrt|abs|sin|cos|tan|log|exp|round|floor|ceil|min|max|mod|pi';
const EXPRESSION = new RegExp(
  String.raw`(?:\d|[-+*/^%().,×÷ ]|\b(?:${FUNCTIONS}|plus|minus|times|divided by)\b)+`,
  'gi',
);

/** The longest calculation in the text, in the signs calculators know: "12*(3+4)", "2 plus 2" → "2 + 2". */
export function findExpression(text: string): Found | null {
  const found = [...text.matchAll(EXPRESSION)]
    .map((match) => {
      const value = match[0].replace(/[\s.,]+$/, '');
      const lead = value.length - value.replace(/^[\s.,]+/, '').length;
      return { value: value.slice(lead), start: match.index + lead, end: match.index + value.length };
    })
    .filter(
      ({ value }) => /\d/.test(value) && /\d\)?\s*(?:[-+*/^%×÷]|plus|minus|times|divided|mod)|[a-z]{2,}\(/i.test(value),
    )
    // A date or a phone number is not a calculation.
    .filter(({ value }) => !/^\d{1,4}([-/])\d{1,2}\1\d{1,4}$/.test(value) && !/^\+\d/.test(value))
    .sort((a, b) => b.value.length - a.value.length)[0];
  if (!found) return null;
  const value = found.value
    .replaceAll(/\bplus\b/gi, '+')
    .replaceAll(/\bminus\b/gi, '-')
    .replaceAll(/\btimes\b|×/gi, '*')
    .replaceAll(/\bdivided by\b|÷/gi, '/')
    // "1,234" has a thousands comma, unless a function's arguments are meant.
    .replaceAll(/(\d),(?=\d{3}(?!\d))/g, /\(/.test(found.value) ? '$1,' : '$1');
  return { ...found, value };
}
