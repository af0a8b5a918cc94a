import type { Socket } from 'node:net';
import { Client, Headers } from 'undici';
import { readBody, TooLarge } from './body.ts';
import { EgressError, reasonOf } from './error.ts';
import type { Ask } from './ask.ts';
import type { Target } from './target.ts';

/** An answer, its body already read, unpacked and within the limit. */
export interface EgressResponse {
  readonly status: number;
  readonly headers: Headers;
  /** Where it came from, after redirects. */
  readonly url: string;
  readonly text: () => string;
  /** The body as JSON; throws `SyntaxError` when it is none. */
  readonly json: () => unknown;
  readonly bytes: () => Uint8Array;
}

/**
 * One request and its answer on an open connection, which is closed afterwards: a kept one could be closed by the far end just as we write, and
 * nobody could say whether that request arrived. Throws `EgressError`: `unclear` from the first byte on, or `too_large`.
 */
export async function exchange(
  target: Target,
  socket: Socket,
  ask: Ask,
  limits: { signal: AbortSignal; maxResponseBytes: number },
): Promise<EgressResponse> {
  if (socket.destroyed) throw new EgressError('not_sent', `${target.name} closed the connection at once.`);
  const client = clientOn(target, socket);
  try {
    const answer = await client.request({
      method: ask.method,
      path: target.url.pathname + target.url.search,
      headers: Object.fromEntries(ask.headers),
      body: ask.body ?? null,
      idempotent: false,
      signal: limits.signal,
    });
    const headers = headersOf(answer.headers);
    const isEmpty = ask.method === 'HEAD' || answer.statusCode === 204 || answer.statusCode === 304;
    const encoding = isEmpty ? null : headers.get('content-encoding');
    const body = await readBody(answer.body, encoding, limits.maxResponseBytes);
    return response(answer.statusCode, headers, target.url, body);
  } catch (error) {
    throw failure(error, target, limits);
  } finally {
    socket.destroy();
    client.destroy().catch(() => undefined);
  }
}

/** A client for this one socket: it cannot connect again, so it cannot send again. */
function clientOn(target: Target, socket: Socket): Client {
  let used = false;
  return new Client(target.url.origin, {
    pipelining: 0, // sends "connection: close"
    headersTimeout: 0, // the caller's signal bounds the whole exchange
    bodyTimeout: 0,
    connect: (_options, done) => {
      const again = used;
      used = true;
      // Not at once: the client looks for its socket only after this function has returned.
      queueMicrotask(() => (again ? done(new Error('the connection was lost'), null) : done(null, socket)));
    },
  });
}

function failure(
  error: unknown,
  { name }: Target,
  limits: { signal: AbortSignal; maxResponseBytes: number },
): EgressError {
  if (error instanceof TooLarge) {
    const size = `${limits.maxResponseBytes} bytes`;
    return new EgressError('too_large', `${name} answered with more than ${size}, which is more than is read.`, error);
  }
  const reason = reasonOf(limits.signal.aborted ? limits.signal.reason : error);
  return new EgressError('unclear', `${name} gave no full answer (${reason}); the request may have arrived.`, error);
}

function headersOf(raw: Record<string, string | string[] | undefined>): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(raw)) {
    for (const one of [value ?? []].flat()) headers.append(name, one);
  }
  return headers;
}

function response(status: number, headers: Headers, url: URL, body: Buffer): EgressResponse {
  const text = (): string => new TextDecoder().decode(body);
  return { status, headers, url: url.href, text, json: () => JSON.parse(text()) as unknown, bytes: () => body };
}
