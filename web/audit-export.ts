import { stringify } from 'csv-stringify/sync';
import { type AuditFilters, type AuditRow, readAuditAfter } from '#db/audit-list.ts';
import type { Database } from '#db/client.ts';

export type ExportFormat = 'csv' | 'jsonl';
export const EXPORT_FORMATS = ['csv', 'jsonl'] as const;
export const EXPORT_TYPES = {
  csv: 'text/csv; charset=utf-8; header=present',
  jsonl: 'application/jsonl; charset=utf-8',
} as const satisfies Record<ExportFormat, string>;

const BATCH = 2_000;
const COLUMNS = ['seq', 'at', 'actor', 'action', 'targetType', 'targetId', 'details', 'previousHash', 'hash'] as const;

/**
 * The audit log as a download of any size, oldest first: a batch is read, in a transaction of its own, when the reader has taken the one
 * before, so memory stays the same. Rows that are added meanwhile come at the end.
 */
export function exportAudit(
  db: Database,
  orgId: string,
  filters: AuditFilters,
  format: ExportFormat,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const toLines = LINES[format];
  let seq = 0;
  return new ReadableStream({
    start: (controller) => {
      if (format === 'csv') controller.enqueue(encoder.encode(stringify([[...COLUMNS]])));
    },
    pull: async (controller) => {
      const rows = await db.withOrg(orgId, (org) => readAuditAfter(org, filters, { seq, limit: BATCH }));
      if (rows.length > 0) controller.enqueue(encoder.encode(toLines(rows)));
      seq = rows.at(-1)?.seq ?? seq;
      if (rows.length < BATCH) controller.close();
    },
  });
}

const LINES: Record<ExportFormat, (rows: AuditRow[]) => string> = {
  // A spreadsheet would run a cell that begins with =, +, - or @: the quote before it makes it text.
  csv: (rows) => stringify(rows, { columns: [...COLUMNS], escape_formulas: true }),
  jsonl: (rows) => rows.map((row) => `${JSON.stringify(lineOf(row))}\n`).join(''),
};

function lineOf({ seq, at, actor, action, targetType, targetId, details, previousHash, hash }: AuditRow): object {
  const parsed: unknown = JSON.parse(details);
  return { seq, at, actor, action, targetType, targetId, details: parsed, previousHash, hash };
}
