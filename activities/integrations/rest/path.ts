import type { JsonObject } from '#core/tools.ts';
import { UserError } from '#core/errors.ts';

const VARIABLE = /\{([^{}]+)\}/g;

/** The names in `/invoices/{id}`. */
export const variablesOf = (path: string): string[] => [
  ...new Set([...path.matchAll(VARIABLE)].map((match) => match[1] ?? '')),
];

/** Why a path template cannot be used, or null. */
export function problemOfPath(path: string): string | null {
  if (!path.startsWith('/')) return 'must start with /';
  if (path.length > 500) return 'must be at most 500 characters';
  if (/[?#\\]|\p{Cc}/u.test(path) || !path.isWellFormed()) return 'must not hold ?, #, \\ or control characters';
  if (/[{}]/.test(path.replaceAll(VARIABLE, ''))) return 'has a { without its }';
  if (path.split('/').some(isDots)) return 'must not hold . or .. as a step';
  return null;
}

/** The template as an address may hold it, its variables as they were. */
export const encodedPath = (path: string): string =>
  path
    .split(/(\{[^{}]+\})/)
    .map((part) => (part.startsWith('{') ? part : encodeURI(part).replaceAll(/%25([0-9A-Fa-f]{2})/g, '%$1')))
    .join('');

/** Fills the template. Each value stays within its step: `/` is encoded, and a value that is or hides `.` or `..` is refused. Throws `UserError`. */
export function fillPath(path: string, values: ReadonlyMap<string, { arg: string; text: string }>): string {
  const filled = path.replaceAll(VARIABLE, (_, name: string) => {
    const value = values.get(name);
    if (value === undefined || value.text === '') throw unfit(value?.arg ?? name, 'must not be empty');
    if (decoded(value.text).split(/[/\\]/).some(isDots))
      throw unfit(value.arg, 'must not hold . or .. as a step of the path');
    return encodeURIComponent(value.text);
  });
  // Two values can make one step: "{a}{b}".
  if (filled.split('/').some(isDots))
    throw unfit(variablesOf(path)[0] ?? 'path', 'must not hold . or .. as a step of the path');
  return filled;
}

/** True when the address is under the base address: same origin, same start of the path, no name or password in it. */
export function isUnder(baseUrl: string, address: string): boolean {
  const base = new URL(baseUrl);
  const url = URL.parse(address);
  if (url === null || url.origin !== base.origin || url.username !== '' || url.password !== '') return false;
  const start = base.pathname.replace(/\/+$/, '');
  return url.pathname === start || url.pathname.startsWith(`${start}/`);
}

/** A scalar as an address holds it. */
export const scalarText = (value: JsonObject[string]): string =>
  typeof value === 'object' ? JSON.stringify(value) : String(value);

const isDots = (step: string): boolean => /^\.{1,2}$/.test(decoded(step).trim());

/** Percent-decoded as often as a chain of servers might. */
function decoded(text: string): string {
  let current = text;
  for (let round = 0; round < 5; round++) {
    const next = current.replaceAll(/%(2e|2f|5c|25)/gi, (found) =>
      String.fromCharCode(Number.parseInt(found.slice(1), 16)),
    );
    if (next === current) return current;
    current = next;
  }
  return current;
}

const unfit = (field: string, problem: string): UserError =>
  new UserError(`${field}: ${problem}`, { status: 422, field });
