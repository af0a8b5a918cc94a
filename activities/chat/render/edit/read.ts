import { escapeInvisible } from '#core/text.ts';
import type { Json, JsonObject } from '#core/tools.ts';
import type { Control, Leaf } from './fields.ts';

/** What was typed into the form, as arguments; or, by field name, what is wrong with it. */
export type Read = { input: JsonObject; problems: null } | { input: null; problems: Map<string, string> };

class Unreadable extends Error {}

/** Reads what `controlsOf` asked for. An optional field that is empty is left out, unless it was there and empty before; so is an object that was not there. */
export function readControls(controls: readonly Control[], typed: (name: string) => string): Read {
  const problems = new Map<string, string>();
  const read = (control: Control): Json | undefined => {
    if (control.kind === 'group') {
      if (!control.isPresent && namesIn(control).every((name) => typed(name) === '')) return undefined;
      const inner = control.controls.flatMap((one): [string, Json][] => {
        const value = read(one);
        return value === undefined ? [] : [[one.label, value]];
      });
      return Object.fromEntries(inner);
    }
    try {
      return readLeaf(control, typed(control.name).replaceAll('\r\n', '\n'));
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      problems.set(control.name, error.message);
      return undefined;
    }
  };
  const [only] = controls;
  // The arguments as a whole, as JSON.
  const isWhole = only?.path.length === 0;
  const values = controls.map((control) => [control.label, read(control)] as const);
  if (problems.size > 0) return { input: null, problems };
  const input: Json | undefined = isWhole
    ? values[0]?.[1]
    : Object.fromEntries(values.filter((entry): entry is [string, Json] => entry[1] !== undefined));
  if (typeof input === 'object' && input !== null && !Array.isArray(input)) return { input, problems: null };
  return { input: null, problems: new Map([[only?.name ?? '', 'must be a JSON object']]) };
}

const namesIn = (control: Control): string[] =>
  control.kind === 'group' ? control.controls.flatMap(namesIn) : [control.name];

function readLeaf(leaf: Leaf, text: string): Json | undefined {
  if (text === '') return emptyOf(leaf);
  switch (leaf.kind) {
    case 'number':
      // Left as it was shown, it is what it was, however many digits it has.
      return typeof leaf.value === 'number' && text.trim() === `${leaf.value}` ? leaf.value : readNumber(text);
    case 'choice':
      return readChoice(leaf, text);
    case 'list':
      return text
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map((line) => readItem(leaf, line.trim()));
    case 'json':
      return readJson(text);
    default:
      return text;
  }
}

/** Nothing was typed: a text or list that was there is empty, unless it may be left out; what must be there and was not is missing. */
function emptyOf({ kind, value, isRequired, isNullable }: Leaf): Json | undefined {
  if (isNullable && (value === null || isRequired)) return null;
  if (kind === 'list' && value !== undefined) return [];
  if ((kind === 'text' || kind === 'lines') && value !== undefined && (isRequired || value === '')) return '';
  if (isRequired) throw new Unreadable(kind === 'choice' ? 'choose one' : 'is missing');
  return undefined;
}

function readNumber(text: string): number {
  const number = Number(text.trim());
  if (!/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text.trim()) || !Number.isFinite(number))
    throw new Unreadable('must be a number, such as 12 or 4.50');
  if (/^-?\d+$/.test(text.trim()) && !Number.isSafeInteger(number))
    throw new Unreadable('has too many digits to be sent exactly');
  return number;
}

function readChoice({ choices }: Leaf, text: string): Json {
  const chosen = choices.find((one) => JSON.stringify(one) === text);
  if (chosen === undefined) throw new Unreadable('choose one of the list');
  return chosen;
}

function readItem({ type, value }: Leaf, line: string): Json {
  if (type === 'string') return line;
  const same = Array.isArray(value) ? value.find((one) => typeof one === 'number' && `${one}` === line) : undefined;
  if (same !== undefined) return same;
  if (type !== 'boolean') return readNumber(line);
  if (line !== 'true' && line !== 'false') throw new Unreadable('each line must be true or false');
  return line === 'true';
}

const JSON_DEPTH = 30;

function readJson(text: string): Json {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (error) {
    throw new Unreadable(
      `is not valid JSON: ${escapeInvisible(error instanceof Error ? error.message : '').slice(0, 200)}`,
    );
  }
  if (depthOf(value) > JSON_DEPTH) throw new Unreadable(`is nested more than ${JSON_DEPTH} levels deep`);
  return value;
}

/** Level by level: a text can be nested deeper than the stack. */
function depthOf(value: Json): number {
  let level: Json[] = [value];
  let depth = 0;
  for (; level.length > 0 && depth <= JSON_DEPTH + 1; depth += 1)
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []));
  return depth;
}

/** A leaf as its control shows it first. */
export function shownIn({ kind, value }: Leaf): string {
  if (kind === 'json') return value === undefined ? '' : visibleJson(value);
  if (value === undefined || value === null) return '';
  if (typeof value === 'string' && kind !== 'choice') return value;
  if (kind === 'list' && Array.isArray(value)) return value.map(String).join('\n');
  return JSON.stringify(value);
}

/** JSON in which invisible and direction characters are escapes, so that who edits sees them. */
const visibleJson = (value: Json): string =>
  JSON.stringify(value, null, 2)
    .split('\n')
    .map((line) =>
      Array.from(line, (char) => (char === '\\' || escapeInvisible(char) === char ? char : unicodeEscapes(char))).join(
        '',
      ),
    )
    .join('\n');
const unicodeEscapes = (char: string): string =>
  Array.from({ length: char.length }, (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');
