import { isObject, type Json } from './words.ts';

/** Collects what Slack would complain about while a tree of blocks is walked. */
export interface Complaints {
  surface: 'message' | 'modal' | 'home';
  messages: string[];
  say: (what: string, path: string) => void;
  /** Characters of all texts seen. */
  characters: number;
  markdownCharacters: number;
  tableCharacters: number;
}
export function createComplaints(surface: Complaints['surface']): Complaints {
  const messages: string[] = [];
  const say = (what: string, path: string) => void messages.push(`[ERROR] ${what} [json-pointer:${path}]`);
  return { surface, messages, say, characters: 0, markdownCharacters: 0, tableCharacters: 0 };
}

/** Slack refuses properties it does not know. */
export function only(on: Complaints, value: Json, path: string, keys: string): void {
  const known = new Set([...keys.split(' '), 'type', 'block_id', 'action_id']);
  for (const key of Object.keys(value))
    if (!known.has(key) && value[key] !== undefined) on.say(`invalid additional property: ${key}`, path);
}

export function string(on: Complaints, value: unknown, path: string, max: number, min = 0): void {
  if (typeof value !== 'string') return on.say('must be a string', path);
  on.characters += value.length;
  if (value.length > max) on.say(`must be less than ${max + 1} characters`, path);
  if (value.length < min) on.say(`must be more than ${min - 1} characters`, path);
}
export function optionalString(on: Complaints, value: unknown, path: string, max: number): void {
  if (value !== undefined && value !== null) string(on, value, path, max);
}

/** Not shown, so not part of the message's characters. */
export function token(on: Complaints, value: unknown, path: string, max: number): void {
  if (value === undefined) return;
  if (typeof value !== 'string') return on.say('must be a string', path);
  if (value.length > max) on.say(`must be less than ${max + 1} characters`, path);
}

export function oneOf(on: Complaints, value: unknown, path: string, allowed: string[]): void {
  if (value !== undefined && !(typeof value === 'string' && allowed.includes(value)))
    on.say(`must be one of ${allowed.join(', ')}`, path);
}

export function list(on: Complaints, value: unknown, path: string, max: number, min = 1): Json[] {
  if (!Array.isArray(value)) {
    on.say('must be an array', path);
    return [];
  }
  if (value.length > max) on.say(`no more than ${max} items allowed`, path);
  if (value.length < min) on.say(`must provide at least ${min} items`, path);
  return value.filter(isObject);
}

/** A text object; `kind` 'plain_text' or 'mrkdwn' when only that one is allowed. */
export function text(on: Complaints, value: unknown, path: string, max: number, kind?: string): void {
  if (!isObject(value)) return on.say('must be a text object', path);
  oneOf(on, value['type'], `${path}/type`, kind ? [kind] : ['plain_text', 'mrkdwn']);
  only(on, value, path, value['type'] === 'plain_text' ? 'text emoji' : 'text verbatim');
  string(on, value['text'], `${path}/text`, max, 1);
}
export function optionalText(on: Complaints, value: unknown, path: string, max: number, kind?: string): void {
  if (value !== undefined && value !== null) text(on, value, path, max, kind);
}
