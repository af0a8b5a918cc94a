import { createHash, randomBytes } from 'node:crypto';

/** Wire JSON. */
// oxlint-disable-next-line typescript/no-explicit-any -- tests look at whatever came
export type Json = Record<string, any>;

let lastMicros = 0;
/** A message's ts: seconds and microseconds of the real time, never the same twice in this process. */
export function nextTs(): string {
  // Never a whole millisecond, so that no clock reading equals it.
  lastMicros = Math.max(lastMicros + 1, Date.now() * 1000 + 1 + (Math.floor(performance.now() * 1000) % 999));
  return `${Math.floor(lastMicros / 1e6)}.${String(lastMicros % 1e6).padStart(6, '0')}`;
}

/** An id that reads like its name and is the same for the same team and name: `U0ANA7F3A9C`. */
export function idFor(letter: string, team: string, name: string): string {
  const word = name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '');
  const digest = createHash('sha256').update(`${team}/${letter}/${name}`).digest('hex').toUpperCase();
  return `${letter}0${word.slice(0, 8)}${digest.slice(0, 6)}`;
}

export const randomId = (prefix: string): string => prefix + randomBytes(5).toString('hex').toUpperCase();
export const randomWord = (): string => randomBytes(12).toString('base64url');

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** An answer of the Web API. */
export const failure = (error: string, more: Json = {}): Json => ({ ok: false, error, ...more });
export const success = (more: Json = {}): Json => ({ ok: true, ...more });

export const omit = (value: Json, ...keys: string[]): Json =>
  Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key)));
