import type { EffectRow } from '#db/effect-list.ts';
import { EFFECT_STATES } from '#db/schema/words.ts';
import { readPayload } from './approval-json.ts';
import { iso, isoOrNull, z, zPage, zTime, zUuid } from './define.ts';
import { zFrom, zTo, zWord } from './filters.ts';

export const zEffect = z
  .object({
    id: zUuid,
    runId: zUuid,
    approvalId: zUuid.nullable(),
    connectionId: zUuid.nullable(),
    tool: z.string(),
    summary: z.string(),
    payload: z.record(z.string(), z.unknown()),
    payloadSha256: z.string(),
    state: z.enum(EFFECT_STATES),
    attempts: z.int(),
    externalId: z.string().nullable(),
    receipt: z.string().nullable(),
    error: z.string().nullable(),
    resolution: z.enum(['sent', 'not_sent']).nullable(),
    resolvedBy: zUuid.nullable(),
    resolvedAt: zTime.nullable(),
    confirmedAt: zTime.nullable(),
    createdAt: zTime,
  })
  .openapi('Effect');

export const effectJson = (effect: EffectRow) => ({
  id: effect.id,
  runId: effect.runId,
  approvalId: effect.approvalId,
  connectionId: effect.connectionId,
  tool: effect.tool,
  summary: effect.summary,
  payload: readPayload(effect.payload),
  payloadSha256: effect.payloadSha256,
  state: effect.state,
  attempts: effect.attempts,
  externalId: effect.externalId,
  receipt: effect.receipt,
  error: effect.error,
  resolution: effect.resolution,
  resolvedBy: effect.resolvedBy,
  resolvedAt: isoOrNull(effect.resolvedAt),
  confirmedAt: isoOrNull(effect.confirmedAt),
  createdAt: iso(effect.createdAt),
});

export const zEffectQuery = zPage.extend({
  runId: zUuid.optional(),
  state: z.enum(EFFECT_STATES).optional(),
  tool: zWord(),
  connectionId: zUuid.optional(),
  externalId: zWord(500),
  from: zFrom,
  to: zTo,
});
