import { type AnyColumn, asc, desc, sql, type SQL } from 'drizzle-orm';
import { UserError } from '#core/errors.ts';

/** Which part of a list: `limit` rows from where `cursor` points. */
export interface PageOf {
  limit: number;
  cursor?: string | undefined;
}
export interface Page<T> {
  items: T[];
  /** Null on the last page. */
  nextCursor: string | null;
}

/** A page of a list that a reader walks both ways. */
export interface TwoWayPage<T> extends Page<T> {
  /** Leads back to newer rows; null on the first page. */
  newerCursor: string | null;
}

// A cursor is a direction (o: to older rows, n: back to newer ones) and a key in hexadecimal digits: whatever has this shape is a valid place.
/** Cursors of lists by (created_at, id): milliseconds, then the id. */
export const TIME_CURSOR = /^[on]0[0-9a-f]{43}$/;
/** Cursors of lists by a sequence number, up to 2^31 - 1. */
export const SEQUENCE_CURSOR = /^[on][0-7][0-9a-f]{7}$/;
export const BAD_CURSOR = 'is not one that this list gave. Leave it out to start from the beginning.';

const timeKey = ({ createdAt, id }: Keyed): string =>
  `${createdAt.getTime().toString(16).padStart(12, '0')}${id.replaceAll('-', '')}`;
const sequenceKey = (seq: number): string => seq.toString(16).padStart(8, '0');
const badCursor = (): UserError => new UserError(`cursor: ${BAD_CURSOR}`, { status: 422, field: 'cursor' });

function readTimeCursor(cursor: string): { isBack: boolean; moment: string; id: string } {
  if (!TIME_CURSOR.test(cursor)) throw badCursor();
  return {
    isBack: cursor.startsWith('n'),
    moment: new Date(Number.parseInt(cursor.slice(1, 13), 16)).toISOString(),
    id: cursor.slice(13),
  };
}

interface Keyed {
  createdAt: Date;
  id: string;
}

/** Newest first by (created_at, id): what to put in `where` and `orderBy`. Throws `UserError` for a foreign cursor. */
export function newestFirst(
  columns: { createdAt: AnyColumn; id: AnyColumn },
  cursor: string | undefined,
): { after: SQL | undefined; order: SQL[] } {
  const order = [desc(columns.createdAt), desc(columns.id)];
  if (cursor === undefined) return { after: undefined, order };
  const { moment, id } = readTimeCursor(cursor);
  return { after: sql`(${columns.createdAt}, ${columns.id}) < (${moment}::timestamptz, ${id}::uuid)`, order };
}

/** Cuts rows read with `limit + 1` into a page. */
export function pageOf<T>(rows: T[], limit: number, keyOf: (row: T) => Keyed): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  if (rows.length <= limit || last === undefined) return { items, nextCursor: null };
  return { items, nextCursor: `o${timeKey(keyOf(last))}` };
}

/** One step of a list that is walked both ways, keyed by what `key` gives. `take` cuts rows read with `limit + 1` in `order`. */
export interface Step {
  isBack: boolean;
  where: SQL | undefined;
  order: SQL[];
  take<T>(rows: T[], limit: number, keyOf: (row: T) => Keyed): TwoWayPage<T>;
}

/** As `newestFirst`, both ways: a cursor leads to older rows or back to newer ones. Throws `UserError` for a foreign cursor. */
export function eitherWay(columns: { createdAt: AnyColumn; id: AnyColumn }, cursor: string | undefined): Step {
  const isBack = cursor?.startsWith('n') ?? false;
  const step = {
    isBack,
    take: <T>(rows: T[], limit: number, keyOf: (row: T) => Keyed) =>
      takeStep(rows, limit, { isBack, isFirst: cursor === undefined }, (row) => timeKey(keyOf(row))),
  };
  if (cursor === undefined || !isBack) {
    const { after, order } = newestFirst(columns, cursor);
    return { ...step, where: after, order };
  }
  const { moment, id } = readTimeCursor(cursor);
  return {
    ...step,
    where: sql`(${columns.createdAt}, ${columns.id}) > (${moment}::timestamptz, ${id}::uuid)`,
    order: [asc(columns.createdAt), asc(columns.id)],
  };
}

/** Rows read with `limit + 1`, in the order of their reading, as a page with the newest first. */
export function takeStep<T>(
  rows: T[],
  limit: number,
  { isBack, isFirst }: { isBack: boolean; isFirst: boolean },
  keyOf: (row: T) => string,
): TwoWayPage<T> {
  const isMore = rows.length > limit;
  const cut = rows.slice(0, limit);
  const items = isBack ? cut.toReversed() : cut;
  const [newest, oldest] = [items[0], items.at(-1)];
  const hasOlder = isBack || isMore;
  const hasNewer = isBack ? isMore : !isFirst;
  return {
    items,
    nextCursor: hasOlder && oldest !== undefined ? `o${keyOf(oldest)}` : null,
    newerCursor: hasNewer && newest !== undefined ? `n${keyOf(newest)}` : null,
  };
}

/** Where a cursor of a list by sequence number leads. Throws `UserError` for a foreign cursor. */
export function sequenceStep(cursor: string | undefined): { isBack: boolean; seq: number | undefined } {
  if (cursor === undefined) return { isBack: false, seq: undefined };
  if (!SEQUENCE_CURSOR.test(cursor)) throw badCursor();
  return { isBack: cursor.startsWith('n'), seq: Number.parseInt(cursor.slice(1), 16) };
}
export const sequenceCursor = (seq: number): string => `o${sequenceKey(seq)}`;
/** The key of a row for `takeStep`, in a list by sequence number. */
export const bySequence = (row: { seq: number }): string => sequenceKey(row.seq);

/** Reads each way to see a row by itself, since no index serves them together, and merges what comes: each row once, in the step's order. */
export async function newestOf<T extends Keyed>(
  { isBack }: Pick<Step, 'isBack'>,
  ways: readonly (SQL | undefined)[],
  limit: number,
  read: (way: SQL | undefined) => PromiseLike<T[]>,
): Promise<T[]> {
  const found = new Map<string, T>();
  for (const way of ways) for (const row of await read(way)) found.set(row.id, row);
  const sign = isBack ? 1 : -1;
  const byKey = (a: T, b: T): number =>
    sign * (a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1));
  return [...found.values()].sort(byKey).slice(0, limit);
}
