/** The text of these bytes, whatever they are called: UTF-8, UTF-16 by its mark, or Latin-1 as Windows has it. Null: they are no text. */
export function decodeText(bytes: Uint8Array): string | null {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return textOnly(new TextDecoder('utf-16le').decode(bytes));
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return textOnly(new TextDecoder('utf-16be').decode(bytes));
  const utf8 = new TextDecoder().decode(bytes);
  const broken = count(utf8, /\ufffd/g);
  if (broken === 0) return textOnly(utf8);
  // Mostly right: a few bytes were damaged. Else it is an encoding of one byte a letter.
  const isUtf8 = count(utf8, /[\u0080-\ufffc\u{10000}-\u{10ffff}]/gu) > 10 * broken;
  return textOnly(isUtf8 ? utf8 : new TextDecoder('windows-1252').decode(bytes));
}

const count = (text: string, pattern: RegExp): number => {
  let found = 0;
  for (const _ of text.matchAll(pattern)) found += 1;
  return found;
};

/** A text has no NUL and next to no other control characters; what else is binary. */
function textOnly(text: string): string | null {
  if (text.includes('\u0000')) return null;
  const odd = count(text, /[^\P{Cc}\t\n\v\f\r\u0085]|\ufffd/gu);
  return odd > Math.max(2, text.length / 100) ? null : text;
}
