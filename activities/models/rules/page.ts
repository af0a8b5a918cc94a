/** A piece of the user's own text, by position. */
export interface Span {
  start: number;
  end: number;
}

/** A person's text of which parts are used up, so that no word fills two slots. */
export interface Page {
  readonly text: string;
  readonly taken: readonly Span[];
  take(span: Span): void;
  isFree(span: Span): boolean;
  /** The text with used parts blanked: same length, same positions. */
  rest(): string;
}

// No text that reaches us holds it (see `cleanText`).
const BLANK = '\uE000';

export function createPage(text: string): Page {
  const taken: Span[] = [];
  let rest = text;
  return {
    text,
    taken,
    take: (span) => {
      taken.push(span);
      rest = blank(rest, span);
    },
    isFree: ({ start, end }) => !rest.slice(start, end).includes(BLANK),
    rest: () => rest,
  };
}

/** Blanks a part so that no recogniser reads across it. */
export const blank = (text: string, { start, end }: Span): string =>
  text.slice(0, start) + BLANK.repeat(Math.max(0, end - start)) + text.slice(end);

/** What a person wrote, without control characters, broken Unicode and a leading mention of the bot. */
export const cleanText = (text: string): string =>
  text
    .toWellFormed()
    .replaceAll(/[^\P{Cc}\n\t]|\uE000/gu, ' ')
    .replace(/^(?:\s*<@[\w!&]+>[,:]?)+/, '')
    .trim();
