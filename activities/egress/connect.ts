import { lookup } from 'node:dns/promises';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { sameAddress } from './address.ts';
import { EgressError, reasonOf } from './error.ts';
import type { Guard, Target } from './target.ts';

/** Gives every address of a name; rejects when there is none. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** A host with several addresses gets this long on each but the last. */
const NEXT_ADDRESS_AFTER_MS = 1_000;

/** The system's own look-up, hosts file included. */
export const systemResolve: Resolve = async (host) => {
  const found = await lookup(host, { all: true, order: 'verbatim' });
  return found.map(({ address }) => address);
};

/**
 * Asks for the addresses once and checks all of them; what is connected to later is one of these, so a second, different DNS answer has nobody to fool.
 * Throws `EgressError`: `blocked`, or `not_sent` when the name has no address.
 */
export async function pinAddresses(
  target: Target,
  guard: Guard,
  resolve: Resolve,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (isIP(target.host)) return [target.host];
  const addresses = await orAborted(resolve(target.host), signal).catch((error: unknown) => {
    throw new EgressError('not_sent', `The name ${target.host} could not be looked up (${reasonOf(error)}).`, error);
  });
  if (addresses.length === 0) throw new EgressError('not_sent', `The name ${target.host} has no address.`);
  guard.checkAddresses(target, addresses);
  return addresses;
}

/**
 * A fresh connection to one of the checked addresses, with TLS verified for https. Nothing of the request is written here, so every failure is
 * certainly before sending. Throws `EgressError`: `not_sent`, or `blocked` when the far end is not the checked address.
 */
export async function openSocket(target: Target, addresses: readonly string[], signal: AbortSignal): Promise<Socket> {
  try {
    const socket = await firstToAnswer(target, addresses, signal);
    return target.url.protocol === 'https:' ? await startTls(socket, target) : socket;
  } catch (error) {
    if (error instanceof EgressError) throw error;
    const reason = reasonOf(signal.aborted ? signal.reason : error);
    throw new EgressError('not_sent', `No connection to ${target.name} could be made (${reason}).`, error);
  }
}

async function firstToAnswer(target: Target, addresses: readonly string[], signal: AbortSignal): Promise<Socket> {
  let failure: unknown;
  for (const [index, address] of addresses.entries()) {
    const isLast = index === addresses.length - 1;
    try {
      return await openTcp(target, address, signal, isLast ? undefined : NEXT_ADDRESS_AFTER_MS);
    } catch (error) {
      if (error instanceof EgressError || signal.aborted) throw error;
      failure = error;
    }
  }
  throw failure;
}

function openTcp(target: Target, address: string, signal: AbortSignal, withinMs: number | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    // `host` is a literal address: nothing is looked up again. The signal stays with the socket and ends it.
    const socket = connect({ host: address, port: target.port, noDelay: true, signal });
    const timer = withinMs && setTimeout(() => socket.destroy(new Error('connect timeout')), withinMs);
    socket.on('error', reject); // stays: an error nobody listens to would end the process
    socket.once('close', () => clearTimeout(timer));
    socket.once('connect', () => {
      clearTimeout(timer);
      if (sameAddress(socket.remoteAddress, address)) return resolve(socket);
      socket.destroy();
      reject(new EgressError('blocked', `${target.name} answered from an address that was not checked.`));
    });
  });
}

function startTls(socket: Socket, { host }: Target): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const secure = connectTls({
      socket,
      host,
      ...(isIP(host) ? {} : { servername: host }),
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: true, // whatever NODE_TLS_REJECT_UNAUTHORIZED says
    });
    secure.on('error', (error) => {
      socket.destroy();
      reject(error);
    });
    socket.once('close', () => {
      secure.destroy();
      reject(new Error('closed during the TLS handshake'));
    });
    secure.once('secureConnect', () => resolve(secure));
  });
}

/** A look-up cannot be taken back, only left behind. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
