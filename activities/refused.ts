import type { Logger } from 'pino';
import { UserError } from '#core/errors.ts';

/** Waits for the post of a question. What no repetition helps fails its run, which then says why; the operator hears of it here, once. */
export async function orAlert<T>(log: Logger, words: object, posting: Promise<T>): Promise<T> {
  try {
    return await posting;
  } catch (error) {
    if (error instanceof UserError) log.error({ ...words, error: error.message, alert: true }, 'a card was not posted');
    throw error;
  }
}
