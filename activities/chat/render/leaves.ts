import type { Json } from '#core/tools.ts';
import { escapeInvisible } from '#core/text.ts';

/** One value of a payload: where it is, and what it is. Empty objects and lists are values too. */
export interface Leaf {
  path: string;
  value: Json;
}

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** Every value inside, in order, with its path: `lines[0].amount`; a key that is not a plain word is quoted, `["a.b"]`. */
export function leaves(value: Json, path = ''): Leaf[] {
  if (Array.isArray(value) && value.length > 0)
    return value.flatMap((item, index) => leaves(item, `${path}[${index}]`));
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0)
    return Object.entries(value).flatMap(([key, item]) => leaves(item, childPath(path, key)));
  return [{ path, value }];
}

function childPath(path: string, key: string): string {
  if (!PLAIN_KEY.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}

/**
 * A value as people read it, yet exact: strings bare, unless they would read as something else ("5", "true", ""), then quoted.
 * Invisible characters and spaces at an end are escaped; a line break shows as ↵ and a new line. Nothing is lost: it can be read back.
 */
export const showValue = (value: Json): string =>
  showText(typeof value === 'string' && !isJson(value) ? value : JSON.stringify(value));

/** Text that can be nothing else, such as a request's body. */
export const showText = (text: string): string =>
  text
    .split('\n')
    .map((line) => escapeInvisible(line).replaceAll(/^ +| +$/g, (spaces) => '\\u{20}'.repeat(spaces.length)))
    .join('↵\n');

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return text === '';
  }
}
