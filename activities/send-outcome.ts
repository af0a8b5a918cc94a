import { errorText, UserError } from '#core/errors.ts';
import { EgressError } from './egress.ts';
import { CallFailed, type ActionResult } from './integrations/connector.ts';

/** How one attempt to send ended, in the ledger's words (RULES E5). */
export type SendOutcome =
  | { kind: 'confirmed'; result: ActionResult }
  | { kind: 'refused'; text: string }
  /** `isUnreachable`: nobody answers there at all. */
  | { kind: 'not_sent'; text: string; retryAfterMs?: number; isUnreachable?: boolean }
  | { kind: 'ambiguous'; text: string };

/** Runs a send and classifies its end. Anything unknown counts as unclear: it may have been sent. */
export async function outcomeOf(send: () => Promise<ActionResult>): Promise<SendOutcome> {
  try {
    return { kind: 'confirmed', result: await send() };
  } catch (error) {
    return classify(error);
  }
}

function classify(error: unknown): Exclude<SendOutcome, { kind: 'confirmed' }> {
  const text = errorText(error);
  if (error instanceof CallFailed) {
    if (error.kind === 'not_sent')
      return {
        kind: 'not_sent',
        text,
        isUnreachable: error.isUnreachable,
        ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
      };
    return { kind: error.kind === 'refused' ? 'refused' : 'ambiguous', text };
  }
  if (error instanceof EgressError) {
    if (error.kind === 'blocked') return { kind: 'refused', text };
    return error.kind === 'not_sent' ? { kind: 'not_sent', text, isUnreachable: true } : { kind: 'ambiguous', text };
  }
  // Thrown by our own checks before anything went out.
  if (error instanceof UserError) return { kind: 'refused', text };
  return { kind: 'ambiguous', text };
}

/** What an attempt after an unclear one says about itself says nothing about the one before: only a confirmation ends the doubt (RULES E5). */
export function afterUnclear(
  outcome: SendOutcome,
  wasUnclear: boolean,
): Exclude<SendOutcome, { kind: 'ambiguous' }> | { kind: 'ambiguous'; text: string; isResendable: boolean } {
  if (outcome.kind === 'ambiguous') return { ...outcome, isResendable: true };
  if (!wasUnclear || outcome.kind === 'confirmed') return outcome;
  return {
    kind: 'ambiguous',
    text: `An earlier attempt may have gone through. The last one: ${outcome.text}`,
    isResendable: outcome.kind === 'not_sent',
  };
}
