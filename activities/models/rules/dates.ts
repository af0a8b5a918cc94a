import { parse } from 'chrono-node/en';
import type { Found } from './find.ts';

/** `now` stands for "today" in "tomorrow"; everything is read as UTC unless the person names a zone. */
type Clock = () => Date;

/**
 * Days (YYYY-MM-DD) or moments (ISO 8601, UTC) a person named. A month alone is no day, and a day without an hour is no
 * moment: those are left out, so that they are asked about.
 */
export function findDates(text: string, kind: 'date' | 'date-time', clock: Clock): Found[] {
  // Dates stand near the beginning of a request; a long text is read no further.
  const found = parse(text.slice(0, 2_000), { instant: clock(), timezone: 'UTC' }, { forwardDate: true });
  return found
    .filter(({ start }) => (['day', 'weekday'] as const).some((part) => start.isCertain(part)))
    .filter(({ start }) => kind === 'date' || start.isCertain('hour'))
    .map(({ index, text, start }) => ({
      value: kind === 'date' ? dayOf(start) : start.date().toISOString(),
      start: index,
      end: index + text.length,
    }));
}

// From the parts that were said, so that no time zone shifts the day.
function dayOf(start: { get(part: 'year' | 'month' | 'day'): number | null }): string {
  const [year = 0, month = 0, day = 0] = (['year', 'month', 'day'] as const).map((part) => start.get(part) ?? 0);
  return `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
}
