import { lookup as dnsLookup } from 'node:dns/promises';
import ipaddr from 'ipaddr.js';
import { NodeError } from '../node-handler.js';

/** Resolves a name to addresses; replaceable in tests. */
export type Resolve = (hostname: string) => Promise<string[]>;

const resolveName: Resolve = async (hostname) =>
  (await dnsLookup(hostname, { all: true })).map(({ address }) => address);

/** IPv6 prefixes that carry an IPv4 address: NAT64 (RFC 6052), 6to4 (RFC 3056), Teredo (RFC 4380). */
const TRANSLATED = ['64:ff9b::/96', '64:ff9b:1::/48', '2002::/16', '2001::/32'].map((cidr) =>
  ipaddr.IPv6.parseCIDR(cidr),
);

/** Whether an address belongs to the public internet; anything special-purpose does not. */
export function isPublic(address: string): boolean {
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv6 && TRANSLATED.some((range) => parsed.match(range))) return false;
  return parsed.range() === 'unicast';
}

/**
 * Decides where nodes may connect to. A name is resolved once and the address returned is the one to
 * use, so a second answer of a hostile name server changes nothing.
 *
 * @param allowed HTTP_ALLOWED_HOSTS: `api.example.com`, `*.example.com`, `host:port`, an address or a
 *   CIDR range. When there are some, nothing else is reachable, and being named they may be private.
 */
export class AddressPolicy {
  constructor(
    private readonly allowed: readonly string[],
    private readonly resolve: Resolve = resolveName,
  ) {}

  /**
   * @returns the address to connect to
   * @throws NodeError `host_not_allowed`
   */
  async admit(url: URL): Promise<string> {
    if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refuse(url, 'only http and https are');
    if (url.username || url.password) throw refuse(url, 'user and password in a URL are not: use a header');
    const hostname = url.hostname.replace(/^\[|\]$/g, '');
    const named = this.allowed.some((entry) => matchesName(entry, hostname, url));
    const addresses = ipaddr.isValid(hostname) ? [hostname] : await this.resolve(hostname).catch(() => []);
    const [address] = addresses;
    if (address === undefined) throw new NodeError('host_not_found', `The name ${hostname} has no address.`);
    if (named) return address;
    if (this.allowed.length > 0) {
      const inRange = addresses.every((candidate) =>
        this.allowed.some((entry) => matchesAddress(entry, candidate)),
      );
      if (!inRange) throw refuse(url, 'HTTP_ALLOWED_HOSTS does not name it');
    } else if (!addresses.every(isPublic)) {
      throw refuse(url, 'it is not on the public internet; HTTP_ALLOWED_HOSTS can name it');
    }
    return address;
  }
}

const refuse = (url: URL, why: string) =>
  new NodeError('host_not_allowed', `${url.protocol}//${url.host} may not be reached: ${why}.`);

function matchesName(entry: string, hostname: string, url: URL): boolean {
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const pattern = entry.toLowerCase();
  if (pattern.startsWith('*.')) return hostname.endsWith(pattern.slice(1));
  return pattern === hostname || pattern === `${hostname}:${port}` || pattern === `[${hostname}]:${port}`;
}

function matchesAddress(entry: string, address: string): boolean {
  if (ipaddr.isValidCIDR(entry)) {
    const [network, bits] = ipaddr.parseCIDR(entry);
    const parsed = ipaddr.process(address);
    return parsed.kind() === network.kind() && parsed.match([network, bits] as [never, number]);
  }
  return (
    ipaddr.isValid(entry) &&
    ipaddr.process(entry).toNormalizedString() === ipaddr.process(address).toNormalizedString()
  );
}
