import type { ErrorHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { StatusCode } from 'hono/utils/http-status';
import type { Logger } from 'pino';
import { errorText, UserError } from '#core/errors.ts';
import { escapeHtml } from './html.ts';
import type { WebEnv } from './env.ts';

/** RFC 9457. `type` is about:blank: the status and the detail say it all. */
interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  requestId: string;
  /** The field at fault, as a path. */
  field?: string;
  [extension: string]: unknown;
}

const TITLES: Record<number, string> = {
  400: 'Bad request',
  401: 'Not signed in',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  410: 'Gone',
  413: 'Too large',
  415: 'Unsupported media type',
  422: 'Invalid input',
  429: 'Too many tries',
  500: 'Internal error',
  502: 'The other side failed',
  503: 'Not ready',
};

/** A problem with members of its own, such as who decided, or with headers, such as Allow. */
export class ProblemError extends UserError {
  readonly extensions: Record<string, unknown>;
  readonly headers: Record<string, string>;
  constructor(
    status: number,
    detail: string,
    {
      extensions = {},
      headers = {},
      field,
    }: { extensions?: Record<string, unknown>; headers?: Record<string, string>; field?: string } = {},
  ) {
    super(detail, { status, ...(field !== undefined && { field }) });
    this.name = 'ProblemError';
    this.extensions = extensions;
    this.headers = headers;
  }
}

/** The document and headers for anything thrown. Internals stay inside: what is not a `UserError` is a plain 500. */
function describeError(error: unknown, requestId: string): { problem: Problem; headers: Record<string, string> } {
  const from = (status: number, detail: string, extra: Record<string, unknown> = {}): Problem => ({
    ...extra,
    type: 'about:blank',
    title: TITLES[status] ?? 'Error',
    status,
    detail,
    requestId,
  });
  if (error instanceof UserError) {
    const own = error instanceof ProblemError ? error : undefined;
    const field = error.field === undefined ? {} : { field: error.field };
    return {
      problem: from(error.status, error.message, { ...own?.extensions, ...field }),
      headers: own?.headers ?? {},
    };
  }
  if (error instanceof HTTPException && error.status < 500)
    return { problem: from(error.status, error.message || 'The request is not valid.'), headers: {} };
  return {
    problem: from(500, 'Something failed on our side. Try again; if it stays, give your admin the request id.'),
    headers: {},
  };
}

/** One place that turns what was thrown into an answer: HTML for a page in a browser, else a problem document. */
export const createErrorHandler =
  (log: Logger): ErrorHandler<WebEnv> =>
  (error, c) => {
    const { problem, headers } = describeError(error, c.get('requestId'));
    if (problem.status >= 500) log.error({ requestId: problem.requestId, error: errorText(error) }, 'request failed');
    const isPage = !c.req.path.startsWith('/api/') && (c.req.header('accept') ?? '').includes('text/html');
    const body = isPage ? page(problem) : JSON.stringify(problem);
    const type = isPage ? 'text/html; charset=utf-8' : 'application/problem+json';
    return c.newResponse(body, problem.status as StatusCode, { ...headers, 'content-type': type });
  };

const page = ({ title, detail, requestId }: Problem): string =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escapeHtml(title)}</title><h1>${escapeHtml(title)}</h1><p>${escapeHtml(detail)}</p><p><small>Request ${escapeHtml(requestId)}</small></p><p><a href="/">Back to the start</a></p></html>`;
