import type { ApprovalRow } from '#db/lists.ts';
import { APPROVAL_STATUSES } from '#db/schema/words.ts';
import { zPayload, type Payload } from '#core/tools.ts';
import { iso, isoOrNull, z, zTime, zUuid } from './define.ts';

export const zApproval = z
  .object({
    id: zUuid,
    runId: zUuid,
    threadId: zUuid,
    tool: z.string(),
    summary: z.string(),
    /** What would run, parsed for reading. */
    payload: z.record(z.string(), z.unknown()),
    /** The very text that `payloadSha256` is the sha256 of (RULES A1). */
    payloadText: z.string(),
    payloadSha256: z.string(),
    reason: z.string(),
    origins: z.array(z.object({ path: z.string(), origin: z.string() })),
    requestedBy: zUuid,
    requestedByName: z.string(),
    /** The request that this one took the place of after an edit, and the one that took its place (RULES A4). */
    supersedes: zUuid.nullable(),
    supersededBy: zUuid.nullable(),
    /** Members who edited it: they count as requesters. */
    editedBy: z.array(zUuid),
    status: z.enum(APPROVAL_STATUSES),
    decidedBy: zUuid.nullable(),
    decidedByName: z.string().nullable(),
    decidedAt: zTime.nullable(),
    comment: z.string().nullable(),
    expiresAt: zTime,
    useBefore: zTime.nullable(),
    createdAt: zTime,
  })
  .openapi('Approval');

/** One approval, with the JSON Schema that edited arguments must fit; null when its tool has gone. */
export const zApprovalDetail = zApproval
  .extend({ inputSchema: z.record(z.string(), z.unknown()).nullable() })
  .openapi('ApprovalDetail');

export const approvalJson = ({ approval, requestedByName, decidedByName, supersededBy }: ApprovalRow) => ({
  id: approval.id,
  runId: approval.runId,
  threadId: approval.threadId,
  tool: approval.tool,
  summary: approval.summary,
  payload: readPayload(approval.payload),
  payloadText: approval.payload,
  payloadSha256: approval.payloadSha256,
  reason: approval.reason,
  origins: approval.origins,
  requestedBy: approval.requestedBy,
  requestedByName,
  supersedes: approval.supersedes,
  supersededBy,
  editedBy: approval.editedBy,
  status: approval.status,
  decidedBy: approval.decidedBy,
  decidedByName,
  decidedAt: isoOrNull(approval.decidedAt),
  comment: approval.comment,
  expiresAt: iso(approval.expiresAt),
  useBefore: isoOrNull(approval.useBefore),
  createdAt: iso(approval.createdAt),
});

/** Stored by us, but the list must not fall over one bad row. */
export function readPayload(text: string): Payload | Record<string, never> {
  try {
    return zPayload.parse(JSON.parse(text));
  } catch {
    return {};
  }
}
