/** Limits of one run (RULES R4). */
export const RUN_LIMITS = {
  turns: 12,
  toolCalls: 25,
  parallelCalls: 4,
  machineTimeMs: 15 * 60_000,
  /** Characters of one request. */
  textLength: 20_000,
  /** Characters of one tool result that a model sees; the whole is kept. */
  toolResultLength: 20_000,
  /** Characters of one tool call's arguments. */
  toolInputLength: 100_000,
  /** Characters of transcript handed to a model, newest first. */
  contextLength: 200_000,
  outputTokens: 4_096,
  tokens: 400_000,
  costNanos: 5_000_000_000,
  /** Tools that reach one turn (RULES S5). */
  tools: 40,
} as const;

/** Effect ledger times (RULES E4): the HTTP timeout must end before the lease does. */
export const EFFECT_LEASE_MS = 30_000;
export const HTTP_TIMEOUT_MS = 20_000;

/** How long a run holds its thread without a sign of life (RULES R2). */
export const CLAIM_LEASE_MS = 30_000;
