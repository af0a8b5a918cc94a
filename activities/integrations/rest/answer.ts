import { cut, isStorable } from '#core/text.ts';
import type { Json, JsonObject } from '#core/tools.ts';
import { isObject } from './schema.ts';

/** Characters of an answer that are kept; a longer one is kept as text, cut. */
const ANSWER_LENGTH = 100_000;
const DEPTH = 64;
const ID_LENGTH = 200;

/** What an answer's text says: JSON where it is JSON, else text; storable either way, `hide` applied to every text in it. */
export function readAnswer(text: string, hide: (text: string) => string): { output: Json; json: Json | undefined } {
  const json = parseJson(text);
  const read = json === undefined ? undefined : storable(json, hide, 0);
  if (read !== undefined && text.length <= ANSWER_LENGTH) return { output: read, json: read };
  return { output: cut(clean(hide(text)), ANSWER_LENGTH), json: read };
}

/**
 * The other side's id of what was made, for the receipt; `path` is what was called. The first that is a short text or a number: `id`, `number`, `uuid`,
 * `key`, `reference`; the field named after the path's last noun (`/invoices` → `invoice_id`, `invoiceNumber`), or the only field that ends in id or
 * number; the same inside `data`, `result`, `item` or the only field; the last step of the `Location` header. A wrong receipt is worse than none.
 */
export function externalIdOf(json: Json | undefined, location: string | null, path: string): string | undefined {
  const noun = path.split('/').findLast((step) => /^[A-Za-z]/.test(step)) ?? '';
  return idIn(json, noun.toLowerCase().replace(/(ies|e?s)$/, ''), 0) ?? lastStep(location);
}

function idIn(json: Json | undefined, noun: string, depth: number): string | undefined {
  if (!isObject(json) || depth > 2) return undefined;
  const entries = Object.entries(json);
  const named = ['id', 'number', 'uuid', 'key', 'reference'].map((name) =>
    entries.find(([key]) => key.toLowerCase() === name),
  );
  const ending = entries.filter(([key]) => /(_id|Id|ID|_number|Number|_no|_uuid|Uuid)$/.test(key));
  const own = ending.filter(([key]) => noun !== '' && key.toLowerCase().startsWith(noun));
  for (const entry of [...named, ...own, ...(ending.length === 1 ? ending : [])]) {
    const id = scalarId(entry?.[1]);
    if (id !== undefined) return id;
  }
  const inside =
    ['data', 'result', 'item'].map((name) => json[name]).find(isObject) ??
    (entries.length === 1 ? entries[0]?.[1] : undefined);
  return idIn(inside, noun, depth + 1);
}

function scalarId(value: Json | undefined): string | undefined {
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  return text !== '' && text.length <= ID_LENGTH ? text : undefined;
}

function lastStep(location: string | null): string | undefined {
  const url = location === null ? null : URL.parse(location, 'http://localhost');
  const step = url?.pathname.split('/').findLast((part) => part !== '');
  return step === undefined ? undefined : scalarId(safeDecode(step));
}

function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''), keepNumbers) as Json;
  } catch {
    return undefined;
  }
}

/** An id like 12345678901234567890 would come out changed as a number: it is kept as its digits, and 1e999 as its text. */
function keepNumbers(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || context?.source === undefined) return value;
  if (!Number.isFinite(value)) return context.source;
  return /^-?\d+$/.test(context.source) && !Number.isSafeInteger(value) ? context.source : value;
}

/** JSON that the database takes; undefined when it is nested too deep to be worth it. */
function storable(value: Json, hide: (text: string) => string, depth: number): Json | undefined {
  if (depth > DEPTH) return undefined;
  if (typeof value === 'string') return clean(hide(value));
  if (Array.isArray(value)) {
    const items = value.map((item) => storable(item, hide, depth + 1));
    return items.includes(undefined) ? undefined : items.filter((item) => item !== undefined);
  }
  if (!isObject(value)) return value;
  const copied: JsonObject = {};
  for (const [name, inner] of Object.entries(value)) {
    const read = storable(inner, hide, depth + 1);
    if (read === undefined) return undefined;
    if (name !== '__proto__') copied[clean(hide(name))] = read;
  }
  return copied;
}

const clean = (text: string): string => (isStorable(text) ? text : text.toWellFormed().replaceAll('\u0000', '\uFFFD'));

function safeDecode(text: string): string {
  try {
    return clean(decodeURIComponent(text));
  } catch {
    return text;
  }
}
