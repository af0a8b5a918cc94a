import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { UserError } from '#core/errors.ts';
import { isListed } from '#core/policy.ts';
import { reachOf, type Reach } from './address.ts';
import { EgressError } from './error.ts';

/** One place a request would go. The guard and the client read this one parsed URL, so they cannot disagree about it. */
export interface Target {
  readonly url: URL;
  /** A name, or an address without brackets; no final dot. */
  readonly host: string;
  readonly port: number;
  /** `host:port`, as people write it and lists hold it. */
  readonly name: string;
  /** An operator listed exactly this host and port. */
  readonly allowed: boolean;
}

export interface Guard {
  /** Parses and checks what can be told without asking DNS. Throws `EgressError` `blocked`. */
  readonly target: (input: string | URL) => Target;
  /** Checks every address the host stands for; one bad one refuses all. Throws `EgressError` `blocked`. */
  readonly checkAddresses: (target: Target, addresses: readonly string[]) => void;
}

/**
 * Builds the guard. `allow`: `host:port` entries reachable although private; `hosts`: when given, the only ones; `orgHosts`: the org's own list on
 * top of both, empty for none. Throws `UserError` for a bad entry.
 */
export function createGuard(
  allow: readonly string[],
  hosts: readonly string[] | undefined,
  orgHosts: readonly string[] = [],
): Guard {
  const allowed = new Set(allow.map((entry) => listEntry(entry, 'needs a port')));
  const only = hosts && new Set(hosts.map((entry) => listEntry(entry, 'port optional')));

  function target(input: string | URL): Target {
    const url = parse(input);
    const bare = url.hostname.replace(/\.+$/, '');
    const port = Number(url.port) || defaultPort(url);
    const host = bare.replace(/^\[|\]$/g, '');
    const name = `${bare}:${port}`;
    const found: Target = { url, host, port, name, allowed: allowed.has(name) };
    if (only && !only.has(name) && !(url.port === '' && only.has(bare))) throw notThisConnection(name, [...only]);
    if (!isListed(orgHosts, name)) throw notThisOrg(name);
    if (isIP(host)) checkAddresses(found, [host]);
    else if (!found.allowed && isInnerName(host)) throw inward(found, 'private');
    return found;
  }

  function checkAddresses(target: Target, addresses: readonly string[]): void {
    if (addresses.some((address) => !isIP(address))) throw inward(target, 'special');
    if (target.allowed) return;
    const own = ownAddresses();
    const worst = addresses.map((address) => reachOf(address, own)).find((reach) => reach !== 'public');
    if (worst !== undefined) throw inward(target, worst);
  }

  return { target, checkAddresses };
}

function parse(input: string | URL): URL {
  const url = URL.parse(String(input));
  if (url === null) throw new EgressError('blocked', 'That is not a web address. Write it as https://host/path.');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new EgressError('blocked', `Only http and https addresses may be called, not ${url.protocol}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new EgressError(
      'blocked',
      `The address of ${url.host} holds a user name or password. Put them into the connection's credential instead.`,
    );
  }
  return url;
}

const defaultPort = (url: URL): number => (url.protocol === 'https:' ? 443 : 80);

/** Names that mean "in here" wherever they are asked; a name without a dot is never a public one. */
const isInnerName = (host: string): boolean =>
  !host.includes('.') || /\.(localhost|localdomain|local|internal|intranet|lan|corp|home|home\.arpa)$/.test(host);

/** This machine's addresses: its own doors may stand behind a public one too. */
const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));

/** An entry in the spelling `Target.name` uses (v6 in brackets, lower case, punycode). */
function listEntry(entry: string, rule: 'needs a port' | 'port optional'): string {
  const [, host = entry.trim(), port] = /^(.+):(\d{1,5})$/.exec(entry.trim()) ?? [];
  const url = URL.parse(`http://${host}`);
  const bare = url?.hostname.replace(/\.+$/, '');
  const isHost = url !== null && /^[\w.:[\]-]+$/.test(url.hostname) && url.href === `http://${url.hostname}/`;
  if (!bare || !isHost || (rule === 'needs a port' && port === undefined)) {
    throw new UserError(`"${entry}" is not ${rule === 'needs a port' ? 'host:port' : 'a host or host:port'}.`);
  }
  return port === undefined ? bare : `${bare}:${Number(port)}`;
}

function notThisConnection(name: string, hosts: readonly string[]): EgressError {
  return new EgressError(
    'blocked',
    `${name} does not belong to this connection (${hosts.join(', ')}), so it was not called.`,
  );
}

function notThisOrg(name: string): EgressError {
  return new EgressError(
    'blocked',
    `${name} is not on your organisation's list of hosts, so it was not called. An owner or admin can add it under Settings.`,
  );
}

function inward({ name }: Target, reach: Reach): EgressError {
  return new EgressError(
    'blocked',
    reach === 'private'
      ? `${name} is inside the network, where requests may not go. If it should be reached, whoever runs this server adds "${name}" to ABETWORKS_EGRESS_ALLOW.`
      : `${name} is not a public address, so it was not called. Use the public address of the system you mean.`,
  );
}
