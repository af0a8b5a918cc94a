/**
 * How far an outside call came, for the effect ledger (RULES E5):
 * - `blocked`: the guard refused before anything was sent there. After a redirect, a GET or HEAD may have reached the first place; a write never has.
 * - `not_sent`: no name, no connection, no TLS: not one byte of the request was written.
 * - `unclear`: anything that went wrong once the connection stood; the request may have arrived.
 * - `too_large`: it was sent and answered; the answer was longer than we read.
 */
export type EgressErrorKind = 'blocked' | 'not_sent' | 'unclear' | 'too_large';

/** An outside call that gave no usable answer. The message is a sentence for the person; it names hosts, never paths, headers or bodies. */
export class EgressError extends Error {
  readonly kind: EgressErrorKind;
  constructor(kind: EgressErrorKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'EgressError';
    this.kind = kind;
  }
}

/** The short reason in a network error: its code when it has one, else its message. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
