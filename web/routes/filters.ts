import { z, zField } from './define.ts';

const DAY_MS = 86_400_000;
const ERROR = 'must be a date such as 2026-11-21, or a moment such as 2026-11-21T09:30:00Z';
// Nothing is older or newer, and further off the database's calendar and ours differ.
const FIRST_MS = Date.UTC(1970);
const LAST_MS = Date.UTC(3000);

/** A date, or a moment. A date stands for its first moment, or with `isEnd` for the first one after it, in UTC. */
const zMoment = (isEnd: boolean) =>
  z
    .string()
    .max(40)
    .transform((text, context) => {
      const isDate = /^\d{4}-\d{2}-\d{2}$/.test(text);
      const schema = isDate ? z.iso.date() : z.iso.datetime({ offset: true });
      if (!schema.safeParse(text).success) {
        context.addIssue(ERROR);
        return z.NEVER;
      }
      const moment = Date.parse(text) + (isDate && isEnd ? DAY_MS : 0);
      return new Date(Math.min(Math.max(moment, FIRST_MS), LAST_MS));
    });

const formats = {
  anyOf: [
    { type: 'string' as const, format: 'date' },
    { type: 'string' as const, format: 'date-time' },
  ],
};
/** `from` that moment on, before `to`; a date in `to` is meant whole. */
export const zFrom = zMoment(false)
  .optional()
  .openapi({ ...formats, description: 'A date or a moment, in UTC' });
export const zTo = zMoment(true)
  .optional()
  .openapi({ ...formats, description: 'A date, which is meant whole, or a moment it comes before' });

/** A short text to look for. */
export const zWord = (max = 200) => zField(max).optional();
