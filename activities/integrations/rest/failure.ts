import { EgressError } from '#activities/egress/error.ts';
import { CallFailed, type ConnectionResponse } from '#activities/integrations/connector.ts';
import { cut, escapeInvisible } from '#core/text.ts';
import type { Json } from '#core/tools.ts';
import { isObject, listOf } from './schema.ts';

const RETRY_MAX_MS = 60 * 60_000;

/** Who answered, and whether asking again is safe. */
export interface Asked {
  /** The connection's name. */
  name: string;
  isRead: boolean;
}

/** An answer that is not 2xx, classified (RULES E5). A read changed nothing, so whatever left it open is safe to send again. */
export function failureOf(
  response: ConnectionResponse,
  json: Json | undefined,
  text: string,
  asked: Asked,
): CallFailed {
  const { status } = response;
  const said = quoteOf(json, text, response.headers.get('content-type'));
  const message = `${sentenceOf(status, asked.name)}${said}`;
  const retryAfterMs = retryAfter(response.headers.get('retry-after'));
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (status === 429) return new CallFailed(message, { kind: 'not_sent', status, ...wait });
  if (status === 408 || status >= 500) {
    return new CallFailed(message, { kind: asked.isRead ? 'not_sent' : 'unclear', status, ...wait });
  }
  return new CallFailed(message, { kind: 'refused', status });
}

/** What egress threw, in the ledger's words; anything else rises as it is. */
export function callError(error: unknown, { isRead }: Asked): unknown {
  if (!(error instanceof EgressError)) return error;
  const { kind, message } = error;
  if (kind === 'blocked') return new CallFailed(message, { kind: 'refused', cause: error });
  // It was answered, but not in a way we can read: a write may well have happened, and a read would only be as long again.
  if (kind === 'too_large') return new CallFailed(message, { kind: isRead ? 'refused' : 'unclear', cause: error });
  return new CallFailed(message, {
    kind: kind === 'unclear' && !isRead ? 'unclear' : 'not_sent',
    isUnreachable: kind === 'not_sent',
    cause: error,
  });
}

function sentenceOf(status: number, name: string): string {
  if (status >= 500) return `${name} had an error of its own (${status}).`;
  if (status >= 300 && status < 400)
    return `${name} answered with a redirect (${status}), which is not followed. Check the base address.`;
  switch (status) {
    case 400:
    case 422:
      return `${name} did not accept the arguments (${status}).`;
    case 401:
    case 403:
      return `${name} refused the credential (${status}): rotate it under Connections, or give it the right to do this.`;
    case 404:
    case 410:
      return `${name} does not have what this asks for (${status}): check the id, then the base address.`;
    case 405:
      return `${name} does not offer this call (405): check the action's method and path.`;
    case 408:
      return `${name} gave up waiting for the request (408).`;
    case 409:
    case 412:
      return `${name} says this conflicts with what it already has (${status}).`;
    case 413:
      return `${name} says the request is too large (413).`;
    case 415:
      return `${name} does not take a body of this type (415).`;
    case 429:
      return `${name} asks us to slow down (429).`;
    default:
      return `${name} refused the request (${status}).`;
  }
}

/** Its own words, short and harmless to show. */
function quoteOf(json: Json | undefined, text: string, contentType: string | null): string {
  const said = json === undefined ? plainText(text, contentType) : messageIn(json, 0);
  const short = cut(escapeInvisible((said ?? '').replaceAll(/\s+/g, ' ').trim()), 200);
  return short === '' ? '' : ` It said: “${short}”`;
}

const MESSAGES = ['detail', 'message', 'error_description', 'error', 'title', 'reason', 'errors', 'fault'];

function messageIn(json: Json | undefined, depth: number): string | undefined {
  if (typeof json === 'string') return json;
  if (depth > 3) return undefined;
  if (Array.isArray(json)) return messageIn(listOf(json)[0], depth + 1);
  if (!isObject(json)) return undefined;
  for (const name of MESSAGES) {
    const found = messageIn(json[name], depth + 1);
    if (found !== undefined && found.trim() !== '') return found;
  }
  return undefined;
}

const plainText = (text: string, contentType: string | null): string | undefined =>
  contentType?.toLowerCase().startsWith('text/plain') === true ? text : undefined;

/** Seconds or a date; at most an hour. */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d{1,9}$/.test(value.trim()) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), RETRY_MAX_MS) : undefined;
}
