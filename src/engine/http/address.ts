import ipaddr from 'ipaddr.js';

const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');
/** NAT64 (RFC 6052): how an IPv6-only network addresses an IPv4 host. The last four bytes are the IPv4 address. */
const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96');
/** 6to4 relays (RFC 7526); ipaddr.js classifies them as ordinary unicast addresses. */
const RELAYS_6TO4 = ipaddr.IPv4.parseCIDR('192.88.99.0/24');

/**
 * Whether an address belongs to the public internet. Loopback, private, link-local, shared, multicast, documentation and
 * reserved ranges do not (IANA special-purpose registries, RFC 6890). Neither does an IPv6 address that embeds such an
 * IPv4 address.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  // process() turns ::ffff:127.0.0.1 into the IPv4 address 127.0.0.1.
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return parsed.range() === 'unicast' && !parsed.match(RELAYS_6TO4);
  if (parsed.match(NAT64)) return isPublicAddress(parsed.toByteArray().slice(12).join('.'));
  return parsed.match(GLOBAL_UNICAST) && parsed.range() === 'unicast';
}

/** Whether `address` equals `entry`, or lies in `entry` if that is a CIDR range; false if `entry` is neither. */
export function addressMatches(entry: string, address: string): boolean {
  const parsed = ipaddr.process(address);
  if (ipaddr.isValidCIDR(entry)) {
    const [network, bits] = ipaddr.parseCIDR(entry);
    return parsed.kind() === network.kind() && parsed.match([network, bits] as [never, number]);
  }
  return ipaddr.isValid(entry) && ipaddr.process(entry).toNormalizedString() === parsed.toNormalizedString();
}
