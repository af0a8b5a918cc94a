import type { Json } from '#core/tools.ts';

/** Text somebody outside wrote (RULES T1). */
export interface OutsideText {
  text: string;
  origin: string;
  /** Ids of the connections it can come from; null stands for anything else, such as another person. */
  from: ReadonlySet<string | null>;
  /** A picture: what it says cannot be looked through, so whatever is nobody else's counts as taken from it. */
  isUnreadable?: true;
}
export interface Carried {
  /** Where in the arguments, such as `customer.email`. */
  path: string;
  origin: string;
}

/** An argument this long that stands in outside text as a whole was taken from it. */
const WHOLE = 4;
/** So many characters in a row within a longer argument were taken from it too. */
const PART = 6;
/** About half a second of looking. */
const MAX_LOOKS = 20_000_000;

/**
 * Arguments that carry outside text, each with its origin (RULES T2, T3). What also stands in `own`, such as the requester's words or the tool's own
 * schema, is not carried from outside. Finds quotations, whole or in part; what was re-coded on the way is not recognised.
 * `names`: the names of fields are looked at too.
 */
export function carriedIn(
  input: Json,
  outside: readonly OutsideText[],
  { own = [], names = false }: { own?: readonly string[]; names?: boolean } = {},
): Carried[] {
  if (outside.length === 0) return [];
  const leaves = leavesOf(input, '', names);
  // Looking costs leaves × length and holds up everybody: what is too much to look through counts as carried.
  const length = outside.reduce((sum, one) => sum + one.text.length, 0);
  if (leaves.length * length > MAX_LOOKS) return outside.slice(0, 1).map(({ origin }) => ({ path: '(all)', origin }));
  const ownText = own.map(folded).join('\n');
  const ownParts = partsOf(ownText);
  const texts = outside.map(({ text, origin }) => ({ text: folded(text), origin }));
  const picture = outside.find(({ isUnreadable }) => isUnreadable)?.origin;
  const originOf = (argument: string): string | undefined => {
    const text = folded(argument);
    if (text.length < WHOLE || ownText.includes(text)) return undefined;
    const whole = texts.find((one) => one.text.includes(text));
    if (whole) return whole.origin;
    const parts = new Set([...partsOf(text)].filter((part) => !ownParts.has(part)));
    if (text.length < PART) return picture;
    return parts.size === 0 ? undefined : (texts.find((one) => sharesPart(one.text, parts))?.origin ?? picture);
  };
  return leaves.flatMap(({ path, text }) => {
    const origin = originOf(text);
    return origin === undefined ? [] : [{ path, origin }];
  });
}

const folded = (text: string): string => text.toLowerCase().replaceAll(/\s+/g, ' ').trim();

function partsOf(text: string): Set<string> {
  const parts = new Set<string>();
  for (let at = 0; at + PART <= text.length; at += 1) parts.add(text.slice(at, at + PART));
  return parts;
}

function sharesPart(text: string, parts: ReadonlySet<string>): boolean {
  for (let at = 0; at + PART <= text.length; at += 1) if (parts.has(text.slice(at, at + PART))) return true;
  return false;
}

/** Every text and number with its path; with `names`, the names of fields as well. */
function leavesOf(input: Json, path: string, names: boolean): { path: string; text: string }[] {
  if (typeof input === 'string' || typeof input === 'number') return [{ path, text: String(input) }];
  if (input === null || typeof input !== 'object') return [];
  return Object.entries(input).flatMap(([name, value]) => {
    const inner = path ? `${path}.${name}` : name;
    return [...(names && !Array.isArray(input) ? [{ path: inner, text: name }] : []), ...leavesOf(value, inner, names)];
  });
}
