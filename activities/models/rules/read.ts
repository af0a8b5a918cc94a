import { Validator } from '@cfworker/json-schema';
import { isStorable } from '#core/text.ts';
import { type Json, zJson } from '#core/tools.ts';
import { findDates } from './dates.ts';
import { findEmails, findMoney, findUrls, readNumber } from './find.ts';
import type { Slot } from './slots.ts';

type Reading = { isRead: true; value: Json } | { isRead: false; problem: string };

/** Reads what a person said for one slot, and only that: the whole text is the value. `problem` is a sentence for them. */
export function readAs(slot: Slot, said: string, clock: () => Date): Reading {
  const text = unquote(said.trim());
  const value = readKind(slot, text, clock);
  if (value === undefined) return { isRead: false, problem: `“${shorten(text)}” is not ${PROBLEM[slot.kind]}.` };
  if (!isAllowed(slot, value))
    return { isRead: false, problem: `“${shorten(text)}” is not allowed for ${slot.label}.` };
  return { isRead: true, value };
}

const PROBLEM: Record<Slot['kind'], string> = {
  text: 'a text',
  number: 'a number I can read in one way only',
  integer: 'a whole number',
  boolean: 'a yes or no',
  choice: 'one of the choices',
  date: 'a date',
  'date-time': 'a date with a time',
  email: 'an e-mail address',
  url: 'a web address',
  list: 'a list I can read',
  json: 'JSON I can read',
};

function readKind(slot: Slot, text: string, clock: () => Date): Json | undefined {
  if (slot.kind === 'text') return text === '' ? undefined : text;
  if (slot.kind === 'number' || slot.kind === 'integer') {
    const money = findMoney(text)[0];
    const isAllMoney = money?.start === 0 && money.end === text.length;
    return (isAllMoney ? money.value.amount : readNumber(text)) ?? undefined;
  }
  if (slot.kind === 'boolean') return readBoolean(text);
  if (slot.kind === 'choice')
    return slot.options.find((option) => String(option).toLowerCase() === plain(text).toLowerCase());
  if (slot.kind === 'date' || slot.kind === 'date-time') {
    const found = findDates(text, slot.kind, clock);
    return found.length === 1 ? found[0]?.value : undefined;
  }
  if (slot.kind === 'email') return whole(findEmails(plain(text)), plain(text));
  if (slot.kind === 'url') return whole(findUrls(text), text);
  return slot.kind === 'list' ? readList(slot, text, clock) : readJson(text);
}

function readList(slot: Slot, text: string, clock: () => Date): Json | undefined {
  if (text.startsWith('[')) return readJson(text);
  const { item } = slot;
  const parts = text
    .split(/\s*[,;\n]\s*(?:and\s+)?|\s+and\s+/)
    .map((part) => part.trim())
    .filter(Boolean);
  if (!item || item.kind === 'json' || item.kind === 'list' || parts.length === 0) return undefined;
  const values = parts.map((part) => readAs(item, part, clock));
  return values.every((it) => it.isRead) ? values.map((it) => (it.isRead ? it.value : null)) : undefined;
}

function readJson(text: string): Json | undefined {
  try {
    return zJson.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function readBoolean(text: string): boolean | undefined {
  if (/^(?:yes|y|true|on|yep|yeah|sure|1)[.!]?$/i.test(text)) return true;
  return /^(?:no|n|false|off|nope|0)[.!]?$/i.test(text) ? false : undefined;
}

/** Whether the slot's own schema takes the value; a schema we cannot check is left to the tool's own check. */
export function isAllowed(slot: Slot, value: Json): boolean {
  if (!isStorable(JSON.stringify(value)) || (typeof value === 'string' && !isStorable(value))) return false;
  if (slot.kind === 'integer' && !Number.isSafeInteger(value)) return false;
  try {
    const { $ref: _, ...schema } = slot.schema;
    return new Validator(schema).validate(value).valid;
  } catch {
    return true;
  }
}

const whole = (found: { value: string; end: number }[], text: string): string | undefined =>
  found.length === 1 && found[0]?.value === text ? text : undefined;

const plain = (text: string): string => text.replace(/[.!]$/, '');

function unquote(text: string): string {
  const inner = /^(?:"([^"]*)"|“([^”]*)”|'([^']*)'|`([^`]*)`)[.]?$/.exec(text);
  return (inner && (inner[1] ?? inner[2] ?? inner[3] ?? inner[4])) ?? text;
}

const shorten = (text: string): string => {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > 60 ? `${line.slice(0, 60).toWellFormed()}…` : line;
};
