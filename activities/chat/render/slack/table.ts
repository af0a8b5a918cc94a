import type { TableBlock } from '@slack/types';
import { context } from './elements.ts';
import { TABLE_COLUMNS, TABLE_ROWS, TABLE_SIZE } from './limits.ts';
import { costOf, splitText } from './measure.ts';
import { fencePieces, type Piece } from './pieces.ts';

export type Align = 'left' | 'center' | 'right';
export interface Table {
  /** The first is the header; all are equally long. */
  rows: string[][];
  aligns: Align[];
}
/** Every native table takes a message of its own; the ones after these are drawn with characters. */
const NATIVE_TABLES = 5;
/** A row of the widest table fits. */
const CELL_COST = 400;

/** A table as Slack's own; with too many rows or columns, the first of them and a file with everything. `number` counts the tables of a message from 0. */
export function tablePieces({ rows, aligns }: Table, number: number): Piece[] {
  const columns = rows[0]?.length ?? 0;
  if (columns === 0) return [];
  if (number >= NATIVE_TABLES) return fencePieces(drawn(rows));
  const small = rows.map((row) => row.slice(0, TABLE_COLUMNS).map(cellText));
  const shown = fitting(small);
  const table: TableBlock = {
    type: 'table',
    rows: shown.map((row) => row.map((text) => ({ type: 'raw_text', text }))),
    column_settings: aligns.slice(0, TABLE_COLUMNS).map((align) => ({ align, is_wrapped: true })),
  };
  const isWhole =
    shown.length === rows.length &&
    columns <= TABLE_COLUMNS &&
    rows.every((row) => row.every((text) => costOf(text) <= CELL_COST));
  if (isWhole) return [{ blocks: [table], hasTable: true }];
  const name = number === 0 ? 'table.csv' : `table-${number + 1}.csv`;
  const size = `${rows.length - 1} rows and ${columns} columns`;
  return [
    {
      blocks: [context(`This is the beginning of a table of ${size}. All of it is in ${name}.`), table],
      hasTable: true,
    },
    { file: { name, title: `The whole table (${size})`, text: csvOf(rows) } },
  ];
}

/** Slack refuses an empty cell. */
const cellText = (text: string): string => {
  const [start = '', ...rest] = splitText(text, CELL_COST);
  if (start.trim() === '') return ' ';
  return rest.length === 0 ? start : `${start}…`;
};

function fitting(rows: string[][]): string[][] {
  let left = TABLE_SIZE;
  const end = rows.slice(0, TABLE_ROWS).findIndex((row) => {
    left -= row.reduce((sum, text) => sum + costOf(text) + 28, 4);
    return left < 0;
  });
  return rows.slice(0, end === -1 ? TABLE_ROWS : Math.max(1, end));
}

/** RFC 4180. A cell that a spreadsheet would take for a formula starts with an apostrophe: the text may come from anywhere. */
export const csvOf = (rows: readonly string[][]): string =>
  rows.map((row) => `${row.map(csvCell).join(',')}\r\n`).join('');

function csvCell(text: string): string {
  const safe = /^[=+\-@\t]/.test(text) && !/^[+-]?\d+([.,]\d+)*%?$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const drawn = (rows: string[][]): string => {
  const widths = rows[0]?.map((_, at) => Math.min(30, Math.max(...rows.map((row) => row[at]?.length ?? 0)))) ?? [];
  return rows
    .map((row) =>
      row
        .map((text, at) => text.padEnd(widths[at] ?? 0))
        .join(' | ')
        .trimEnd(),
    )
    .join('\n');
};
