import { type AnyColumn, desc, sql, type SQL } from 'drizzle-orm';
import { UserError } from '#core/errors.ts';
import { isId } from '#core/ids.ts';

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

const encode = (parts: readonly string[]): string => Buffer.from(parts.join(' ')).toString('base64url');
const decode = (cursor: string): string[] => Buffer.from(cursor, 'base64url').toString('utf8').split(' ');
const badCursor = (): UserError =>
  new UserError('cursor: is not one that this list gave. Leave it out to start from the beginning.', {
    status: 422,
    field: 'cursor',
  });

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
  const [at = '', id = ''] = decode(cursor);
  if (!/^\d{1,14}$/.test(at) || !isId(id)) throw badCursor();
  const moment = new Date(Number(at)).toISOString();
  return { after: sql`(${columns.createdAt}, ${columns.id}) < (${moment}::timestamptz, ${id}::uuid)`, order };
}

/** Cuts rows read with `limit + 1` into a page. */
export function pageOf<T>(rows: T[], limit: number, keyOf: (row: T) => Keyed): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  if (rows.length <= limit || last === undefined) return { items, nextCursor: null };
  const { createdAt, id } = keyOf(last);
  return { items, nextCursor: encode([`${createdAt.getTime()}`, id]) };
}

/** Lists ordered by a sequence number page by it. Throws `UserError` for a foreign cursor. */
export function sequenceBefore(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined;
  const [seq = ''] = decode(cursor);
  if (!/^\d{1,15}$/.test(seq)) throw badCursor();
  return Number(seq);
}
export const sequenceCursor = (seq: number): string => encode([`${seq}`]);
