import { Headers } from 'undici';
import { EgressError } from './error.ts';

/** What the caller may say about a request. */
export interface EgressInit {
  /** Default GET. */
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal;
  /** `follow` (default): GET and HEAD without a body only, at most 5 times. `manual`: the 3xx answer is given. `error`: a redirect is an error. */
  readonly redirect?: 'follow' | 'error' | 'manual';
}

/** A request whose method and headers are known to be sendable. */
export interface Ask {
  readonly method: string;
  readonly headers: Headers;
  readonly body: string | Uint8Array | undefined;
}

/** They belong to the connection: a caller who sets them could reach another site behind the same address, or a second request in one. */
const OURS = /^(host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|proxy-.*)$/;
/** The headers that say nothing about who asks. */
const BASIC = ['accept', 'accept-encoding', 'accept-language', 'user-agent'];

/** Checks a request before anything is opened for it, so that a malformed one is never half sent. Throws `EgressError` `blocked`. */
export function readAsk(init: EgressInit, defaults: Record<string, string>): Ask {
  const method = (init.method ?? 'GET').toUpperCase();
  if (!/^[A-Z]+$/.test(method) || method === 'CONNECT' || method === 'TRACE') {
    throw new EgressError(
      'blocked',
      `The method ${JSON.stringify(method)} cannot be used. Use GET, POST, PUT, PATCH or DELETE.`,
    );
  }
  return { method, headers: readHeaders(init.headers ?? {}, defaults), body: init.body };
}

/** The same request without anything that tells who asks, for another origin. */
export function withoutIdentity(ask: Ask): Ask {
  const kept = BASIC.flatMap((name): [string, string][] => {
    const value = ask.headers.get(name);
    return value === null ? [] : [[name, value]];
  });
  return { ...ask, headers: new Headers(kept) };
}

function readHeaders(given: Record<string, string>, defaults: Record<string, string>): Headers {
  const headers = new Headers(defaults);
  for (const [name, value] of Object.entries(given)) {
    if (OURS.test(name.toLowerCase())) {
      throw new EgressError('blocked', `The header ${name} is set by the connection itself. Remove it.`);
    }
    try {
      headers.set(name, value);
    } catch {
      // Neither the value nor the cause: it may be a secret.
      throw new EgressError('blocked', `The header ${JSON.stringify(name)} holds characters that cannot be sent.`);
    }
  }
  headers.delete('content-length'); // counted from the body
  return headers;
}
