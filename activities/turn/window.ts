import type { Said } from '#db/runs.ts';

// How much of a thread a turn reads as it was said. The newest summary stands for what came before.
// Prompts at 200 messages stay within 1.5 times those at 20: 26 messages are 1.3 times 20, and a summary is a fifth of 20 messages.

/** The most that is read as it was said; what is older and in no summary yet is left out. */
export const WINDOW = { messages: 26, length: 60_000 } as const;
/** More than this since the last summary, and a new one is made. */
const DUE = { messages: 20, length: 30_000 } as const;
/** What a new summary leaves as it was said. */
export const KEPT = { messages: 10, length: 15_000 } as const;
/** Characters of a summary. */
const SUMMARY = { least: 1_000, most: 4_000, share: 0.2 } as const;

/** The newest of these messages within a number and a length in characters: at least the last one. */
export function newestOf(said: readonly Said[], most: { messages: number; length: number }): Said[] {
  let from = said.length;
  let length = 0;
  while (from > 0 && said.length - from < most.messages) {
    length += said[from - 1]?.message.text.length ?? 0;
    if (length > most.length && from < said.length) break;
    from -= 1;
  }
  return said.slice(from);
}

export const lengthOf = (said: readonly Said[]): number =>
  said.reduce((sum, { message }) => sum + message.text.length, 0);

export const isDue = (messages: number, length: number): boolean => messages > DUE.messages || length > DUE.length;

/** How long a summary may be, in characters: in proportion to what the thread's messages are long. */
export function summaryLength(said: readonly Said[]): number {
  const share = SUMMARY.share * lengthOf(said.slice(-DUE.messages));
  return Math.round(Math.min(SUMMARY.most, Math.max(SUMMARY.least, share)));
}
