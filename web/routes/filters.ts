import { zText } from '#core/text.ts';
import { z } from './define.ts';

const DAY_MS = 86_400_000;
const ERROR = 'must be a date such as 2026-11-21, or a moment such as 2026-11-21T09:30:00Z, from 1970 to 2999';

/** A date, or a moment. A date stands for its first moment, or with `isEnd` for the first one after it, in UTC. */
const zMoment = (isEnd: boolean) =>
  z
    .string()
    .max(40)
    .transform((text, context) => {
      const isDate = /^\d{4}-\d{2}-\d{2}$/.test(text);
      const schema = isDate ? z.iso.date() : z.iso.datetime({ offset: true });
      const moment = new Date(text);
      const year = moment.getUTCFullYear();
      if (!schema.safeParse(text).success || !(year >= 1970 && year < 3000)) {
        context.addIssue(ERROR);
        return z.NEVER;
      }
      return isDate && isEnd ? new Date(moment.getTime() + DAY_MS) : moment;
    });

/** `from` that moment on, before `to`; a date in `to` is meant whole. */
export const zFrom = zMoment(false).optional().openapi({ type: 'string', description: 'A date or a moment, in UTC' });
export const zTo = zMoment(true)
  .optional()
  .openapi({ type: 'string', description: 'A date, which is meant whole, or a moment it comes before' });

/** A short text to look for. */
export const zWord = (max = 200) => zText(max).optional().openapi({ type: 'string', minLength: 1, maxLength: max });
