import type { AuditVerdict } from '#db/audit.ts';
import type { AuditRow } from '#db/audit-list.ts';
import { z, zSequencePage, zUuid } from './define.ts';
import { zFrom, zTo, zWord } from './filters.ts';

export const zAuditRow = z
  .object({
    seq: z.int(),
    at: z.string().openapi({ format: 'date-time' }),
    actor: z.string(),
    action: z.string(),
    target: z.object({ type: z.string(), id: z.string() }),
    details: z.record(z.string(), z.unknown()),
    previousHash: z.string(),
    hash: z.string(),
  })
  .openapi('AuditRow');

export const auditJson = (row: AuditRow) => ({
  seq: row.seq,
  at: row.at,
  actor: row.actor,
  action: row.action,
  target: { type: row.targetType, id: row.targetId },
  details: z.record(z.string(), z.unknown()).parse(JSON.parse(row.details)),
  previousHash: row.previousHash,
  hash: row.hash,
});

/** What to leave out of the log; the same for a list and for a download. */
export const zAuditFilters = z.object({
  actor: z
    .union([z.literal('system'), zUuid])
    .optional()
    .openapi({
      anyOf: [
        { type: 'string', enum: ['system'] },
        { type: 'string', format: 'uuid' },
      ],
      description: 'A member’s id, or system',
    }),
  action: zWord(),
  targetId: zWord(),
  from: zFrom,
  to: zTo,
});
export const zAuditQuery = zSequencePage.extend(zAuditFilters.shape);

export const zVerdict = z
  .object({
    isIntact: z.boolean(),
    /** Rows that hold, counted from the first, and the hash of the last of them. */
    rows: z.int(),
    hash: z.string(),
    /** The first row that does not hold, and why. */
    badSeq: z.int().nullable(),
    why: z.string().nullable(),
  })
  .openapi('AuditVerdict');

export const verdictJson = ({ rows, hash, badSeq, why }: AuditVerdict) => ({
  isIntact: badSeq === null,
  rows,
  hash,
  badSeq,
  why,
});
