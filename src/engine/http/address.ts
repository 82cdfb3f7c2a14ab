import ipaddr from 'ipaddr.js';

const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');
/** NAT64 (RFC 6052): how an IPv6-only network names an IPv4 host; the last four bytes are its address. */
const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96');
/** 6to4 relays (RFC 7526), which ipaddr.js takes for ordinary addresses. */
const RELAYS = ipaddr.IPv4.parseCIDR('192.88.99.0/24');

/**
 * Whether an address belongs to the public internet. Loopback, private, link-local, shared, multicast,
 * documentation and reserved ranges do not (IANA special-purpose registries, RFC 6890), and neither does
 * an IPv6 address that carries such an IPv4 one.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  // process() makes ::ffff:127.0.0.1 the 127.0.0.1 that it is.
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return parsed.range() === 'unicast' && !parsed.match(RELAYS);
  if (parsed.match(NAT64)) return isPublicAddress(parsed.toByteArray().slice(12).join('.'));
  return parsed.match(GLOBAL_UNICAST) && parsed.range() === 'unicast';
}

/** Whether `address` is `entry`, an address, or in it, a CIDR range; false when `entry` is neither. */
export function addressMatches(entry: string, address: string): boolean {
  const parsed = ipaddr.process(address);
  if (ipaddr.isValidCIDR(entry)) {
    const [network, bits] = ipaddr.parseCIDR(entry);
    return parsed.kind() === network.kind() && parsed.match([network, bits] as [never, number]);
  }
  return ipaddr.isValid(entry) && ipaddr.process(entry).toNormalizedString() === parsed.toNormalizedString();
}
