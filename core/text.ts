import { z } from 'zod';

/** PostgreSQL refuses NUL in text (22021) and lone surrogates in jsonb (22P02): both are the sender's mistake, so they are refused at the door. */
export const isStorable = (text: string): boolean => !text.includes('\u0000') && text.isWellFormed();

/** Makes any text storable: for what others answer, which cannot be sent back to them. */
export const storable = (text: string): string => text.replaceAll('\u0000', '\ufffd').toWellFormed();

/** Text from outside, storable, at most `max` UTF-16 units, not blank; trimmed. */
export const zText = (max: number) =>
  z
    .string()
    .regex(/\S/, 'must not be empty')
    .max(max, `must be at most ${max} characters`)
    .refine(isStorable, 'holds a NUL character or broken Unicode')
    .transform((text) => text.trim());

// Invisible, direction-changing or look-alike-blank characters (RULES A1); the last four are not covered by the Unicode properties.
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\p{Cc}\u00a0\u2028\u2029\u2800]/gu;

/** Makes every invisible or direction character visible as `\u{…}`, and doubles backslashes, so that the text can be read back exactly. */
export const escapeInvisible = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll(INVISIBLE, (found) => `\\u{${(found.codePointAt(0) ?? 0).toString(16)}}`);

/** The reverse of `escapeInvisible`. */
export const unescapeInvisible = (text: string): string =>
  text.replaceAll(/\\(?:\\|u\{([0-9a-f]+)\})/gu, (_, hex: string | undefined) =>
    hex === undefined ? '\\' : String.fromCodePoint(Number.parseInt(hex, 16)),
  );

/** Cuts at `max` characters, never through the middle of one, and says how many were left out. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const kept = text.slice(0, max).replace(/[\ud800-\udbff]$/, '');
  return `${kept}… (${text.length - kept.length} more characters)`;
}

/** Its lines, by everything that a reader may take for a line's end. */
export const linesOf = (text: string): string[] => text.split(/\r\n|[\n\v\f\r\u0085\u2028\u2029]/);
