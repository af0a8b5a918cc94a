import { ACCEPT_ENCODING } from './egress/body.ts';
import { readAsk, withoutIdentity, type Ask, type EgressInit } from './egress/ask.ts';
import { openSocket, pinAddresses, systemResolve, type Resolve } from './egress/connect.ts';
import { EgressError } from './egress/error.ts';
import { exchange, type EgressResponse } from './egress/exchange.ts';
import { createGuard, type Target } from './egress/target.ts';

export { EgressError, type EgressErrorKind } from './egress/error.ts';
export type { EgressInit } from './egress/ask.ts';
export type { Resolve } from './egress/connect.ts';
export type { EgressResponse } from './egress/exchange.ts';

export interface EgressOptions {
  /** `host:port` entries that may be reached although private (ABETWORKS_EGRESS_ALLOW); compared with the host and port of the URL, as written. */
  readonly allow?: readonly string[];
  /** The whole exchange, look-up and redirects included. Default 20 000, shorter than an effect's lease (RULES E4). */
  readonly timeoutMs?: number;
  /** After decompression. Default 5 MiB. */
  readonly maxResponseBytes?: number;
  /** Every address of a name. Default: the system's look-up. */
  readonly resolve?: Resolve;
  /** When given, the only places allowed: `host:port`, or `host` for the scheme's own port. A connection's hosts. */
  readonly hosts?: readonly string[];
  /** The org's list of hosts (`OrgSettings.egressHosts`); empty: any. Holds beside the rest, redirects included. */
  readonly orgHosts?: readonly string[];
}

/** Sends one request. Throws only `EgressError`; its `kind` says whether anything was sent. */
export type EgressFetch = (url: string | URL, init?: EgressInit) => Promise<EgressResponse>;

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * The only way out to places that users name. Refuses everything that is not public, however it is spelled, resolved or redirected to; never uses
 * a proxy; sends each request at most once. Throws `UserError` for a malformed `allow` or `hosts` entry.
 */
export function createEgress(options: EgressOptions = {}): EgressFetch {
  const { timeoutMs = 20_000, maxResponseBytes = 5 * 1024 * 1024, resolve = systemResolve } = options;
  const guard = createGuard(options.allow ?? [], options.hosts, options.orgHosts);

  async function once(target: Target, ask: Ask, signal: AbortSignal): Promise<EgressResponse> {
    const addresses = await pinAddresses(target, guard, resolve, signal);
    const socket = await openSocket(target, addresses, signal);
    return exchange(target, socket, ask, { signal, maxResponseBytes });
  }

  async function follow(target: Target, ask: Ask, mode: EgressInit['redirect'], signal: AbortSignal) {
    let at = target;
    let asking = ask;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const answer = await once(at, asking, signal).catch((error: unknown) => {
        throw hop === 0 ? error : afterRedirect(error);
      });
      const location = answer.headers.get('location');
      if (!REDIRECTS.has(answer.status) || location === null || mode === 'manual') return answer;
      const next = nextTarget(at, asking, location, mode);
      if (next.url.origin !== at.url.origin) asking = withoutIdentity(asking);
      at = next;
    }
    throw new EgressError(
      'blocked',
      `${target.name} redirects more than ${MAX_REDIRECTS} times. Use the final address.`,
    );
  }

  function nextTarget(from: Target, { method, body }: Ask, location: string, mode: EgressInit['redirect']): Target {
    // The request has arrived, and what a redirect says about its effect differs from server to server: nothing is sent again.
    const isRead = (method === 'GET' || method === 'HEAD') && body === undefined;
    if (!isRead || mode === 'error') {
      throw new EgressError(
        'unclear',
        `${from.name} answered ${method} with a redirect, which is not followed. Use the final address.`,
      );
    }
    try {
      const next = guard.target(URL.parse(location, from.url.href) ?? location);
      if (from.url.protocol === 'https:' && next.url.protocol === 'http:') {
        throw new EgressError('blocked', `${next.name} is not encrypted, so it was not called.`);
      }
      return next;
    } catch (error) {
      if (!(error instanceof EgressError)) throw error;
      throw new EgressError(error.kind, `${from.name} redirects elsewhere. ${error.message}`, error);
    }
  }

  return async (url, init = {}) => {
    const target = guard.target(url);
    const ask = readAsk(init, { accept: '*/*', 'accept-encoding': ACCEPT_ENCODING, 'user-agent': 'abetworks' });
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
    const signal = init.signal ? AbortSignal.any([init.signal, stop.signal]) : stop.signal;
    try {
      return await follow(target, ask, init.redirect ?? 'follow', signal);
    } finally {
      clearTimeout(timer);
    }
  };
}

/** Something was sent before: "certainly nothing was written" is no longer true. */
const afterRedirect = (error: unknown): unknown =>
  error instanceof EgressError && error.kind === 'not_sent' ? new EgressError('unclear', error.message, error) : error;
