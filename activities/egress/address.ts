import { isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** `private`: an operator may have a reason to allow it. `special`: nobody has. `public`: open to everyone. */
export type Reach = 'public' | 'private' | 'special';

const PRIVATE_RANGES = new Set(['private', 'loopback', 'uniqueLocal', 'carrierGradeNat']);
/** Azure's platform address: looks public, answers only from inside a machine there with its settings and secrets. */
const AZURE_PLATFORM = '168.63.129.16';

/**
 * Tells where an IP address (v4 dotted or v6, no brackets) leads. Whatever is not plainly public is not `public`: text that is no address,
 * zone ids, tunnels and mappings around a private v4 address, and `own`, the addresses of this machine.
 */
export function reachOf(address: string, own: readonly string[] = []): Reach {
  if (address.includes('%') || !ipaddr.isValid(address)) return 'special';
  if (own.some((mine) => sameAddress(mine, address))) return 'private';
  // One spelling first: ipaddr.js takes ::127.0.0.1 for ::ffff:127.0.0.1, the network does not.
  const parsed = ipaddr.parse(isIPv6(address) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address);
  return parsed instanceof ipaddr.IPv6 ? reachOfV6(parsed) : reachOfV4(parsed);
}

/** True when both texts name one address; v4 and its v4-mapped v6 form are one. */
export function sameAddress(one: string | undefined, other: string): boolean {
  if (one === undefined || !ipaddr.isValid(one) || !ipaddr.isValid(other)) return false;
  return ipaddr.process(one).toNormalizedString() === ipaddr.process(other).toNormalizedString();
}

function reachOfV4(address: ipaddr.IPv4): Reach {
  if (address.toString() === AZURE_PLATFORM) return 'special';
  const range = address.range();
  if (range === 'unicast') return 'public';
  return PRIVATE_RANGES.has(range) ? 'private' : 'special';
}

function reachOfV6(address: ipaddr.IPv6): Reach {
  if (address.isIPv4MappedAddress()) return reachOfV4(address.toIPv4Address());
  const { parts } = address;
  // NAT64: networks without v4 reach all of the v4 internet, and its inner part, through this prefix.
  if (parts[0] === 0x64 && parts[1] === 0xff9b && parts.slice(2, 6).every((part) => part === 0)) return lastV4(address);
  const range = address.range();
  if (PRIVATE_RANGES.has(range)) return 'private';
  // ISATAP: a tunnel end takes the v4 address out of any prefix.
  if ((parts[4] === 0 || parts[4] === 0x200) && parts[5] === 0x5efe && lastV4(address) !== 'public') return 'special';
  // Only 2000::/3 was ever given out to the public; everything else is special by definition.
  const globalUnicast = ((parts[0] ?? 0) & 0xe000) === 0x2000;
  return range === 'unicast' && globalUnicast ? 'public' : 'special';
}

function lastV4({ parts }: ipaddr.IPv6): Reach {
  const [high = 0, low = 0] = parts.slice(6);
  return reachOfV4(new ipaddr.IPv4([high >> 8, high & 255, low >> 8, low & 255]));
}
