import type { z } from 'zod';
import { PlatformFailure } from '#core/errors.ts';

/** What Slack answered, narrowed. Throws `PlatformFailure` unclear: an answer that says `ok` and nothing else leaves open what was done. */
export function readAnswer<T extends z.ZodType>(schema: T, answer: unknown): z.output<T> {
  const read = schema.safeParse(answer);
  if (!read.success)
    throw new PlatformFailure('unclear', 'odd_answer', { detail: read.error.issues[0]?.message ?? '' });
  return read.data;
}
