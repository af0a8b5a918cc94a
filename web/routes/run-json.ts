import { RUN_STATUSES } from '#db/schema/words.ts';
import type { RunRow } from '#db/run-list.ts';
import { iso, isoOrNull, z, zPage, zTime, zUuid } from './define.ts';
import { zFrom, zTo, zWord } from './filters.ts';

export const zRun = z
  .object({
    id: zUuid,
    status: z.enum(RUN_STATUSES),
    threadId: zUuid,
    number: z.int(),
    platform: z.enum(['slack', 'discord', 'web']),
    /** Null: somebody else's private request (RULES D3). */
    text: z.string().nullable(),
    statusText: z.string().nullable(),
    requestedBy: zUuid,
    requestedByName: z.string(),
    /** Where outside text in its context came from. Its writes wait for a person (RULES T2). */
    taint: z.string().nullable(),
    /** The run it repeats. */
    againOf: zUuid.nullable(),
    createdAt: zTime,
    endedAt: zTime.nullable(),
    /** From asking to the end; null while it goes on. */
    durationMs: z.int().nullable(),
    /** Null: the cost of a model call is not known. */
    costNanos: z.int().nullable(),
    costUsd: z.number().nullable(),
  })
  .openapi('Run');

export const runJson = ({ run, text, requestedByName }: RunRow, costNanos: number | null) => ({
  id: run.id,
  status: run.status,
  threadId: run.threadId,
  number: run.number,
  platform: run.platform,
  text,
  statusText: run.statusText,
  requestedBy: run.requestedBy,
  requestedByName,
  taint: run.taint,
  againOf: run.againOf,
  createdAt: iso(run.createdAt),
  endedAt: isoOrNull(run.endedAt),
  durationMs: run.endedAt === null ? null : run.endedAt.getTime() - run.createdAt.getTime(),
  costNanos,
  costUsd: costNanos === null ? null : costNanos / 1e9,
});

export const zRunQuery = zPage.extend({
  status: z.enum(RUN_STATUSES).optional(),
  threadId: zUuid.optional(),
  requestedBy: zUuid.optional().openapi({ description: 'A member’s id' }),
  platform: z.enum(['slack', 'discord', 'web']).optional(),
  from: zFrom,
  to: zTo,
  q: zWord(),
});
