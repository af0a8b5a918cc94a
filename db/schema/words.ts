import { EFFECTS } from '#core/tools.ts';

export const ACTION_EFFECTS = EFFECTS;
export const RUN_STATUSES = ['running', 'waiting', 'done', 'failed', 'stopped'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];
export const MODEL_CALL_STATUSES = ['started', 'done', 'failed'] as const;
/** proposed → running → done | failed; or refused (bad arguments, unknown tool), denied, ambiguous (asks a person). */
export const CALL_STATUSES = ['proposed', 'running', 'done', 'failed', 'refused', 'denied', 'ambiguous'] as const;
export type CallStatus = (typeof CALL_STATUSES)[number];
export const APPROVAL_STATUSES = ['pending', 'approved', 'denied', 'expired', 'cancelled', 'superseded'] as const;
export type ApprovalStatus = (typeof APPROVAL_STATUSES)[number];
/** RULES E1. */
export const EFFECT_STATES = ['intended', 'confirmed', 'refused', 'not_sent', 'ambiguous', 'resolved'] as const;
export type EffectState = (typeof EFFECT_STATES)[number];
