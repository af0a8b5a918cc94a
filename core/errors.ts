/** An error whose message is written for the person who caused it: shown as it is, never retried. Say what is wrong and the next step. */
export class UserError extends Error {
  readonly status: number;
  /** Names the field at fault, when there is one. */
  readonly field: string | undefined;
  constructor(message: string, options: { status?: number; field?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'UserError';
    this.status = options.status ?? 400;
    this.field = options.field;
  }
}

/** 404: the same words for an id that never was and for another org's (RULES D2). */
export const notFound = (noun: string): UserError =>
  new UserError(`There is no such ${noun}, or you may not see it.`, { status: 404 });

/** 403 with the reason a person can act on. */
export const forbidden = (message: string): UserError => new UserError(message, { status: 403 });

/** The text of anything thrown, for logs and cards; never the parameters of a query (drizzle puts them into its message). */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Its class gives itself no name.
  if (!('query' in error && 'params' in error)) return error.message;
  return error.cause instanceof Error ? `database: ${error.cause.message}` : 'database query failed';
}

/**
 * A chat platform did not do what was asked. `not_sent`: it never got there. `unclear`: it may have been done. `limited`: too many calls, try again after
 * `retryAfterMs`. `refused`: it said no; `code` is its word for why.
 */
export class PlatformFailure extends Error {
  readonly kind: 'not_sent' | 'unclear' | 'limited' | 'refused';
  readonly code: string;
  readonly retryAfterMs: number | undefined;
  constructor(
    kind: PlatformFailure['kind'],
    code: string,
    options: { retryAfterMs?: number; cause?: unknown; detail?: string } = {},
  ) {
    super(
      `${code}${options.detail ? `: ${options.detail}` : ''}`,
      options.cause === undefined ? {} : { cause: options.cause },
    );
    this.name = 'PlatformFailure';
    this.kind = kind;
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}
