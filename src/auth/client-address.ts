import type { Request } from 'express';
import ipaddr from 'ipaddr.js';

/**
 * Returns the address under which limits count a caller: its IPv4 address, or the /64 network of its IPv6 address, because
 * one subscriber usually has the whole /64. If a proxy passes on something that is not an address, the proxy's own address
 * counts.
 */
export function addressOf(request: Pick<Request, 'ip' | 'socket'>): string {
  return groupOf(request.ip) ?? groupOf(request.socket.remoteAddress) ?? 'unknown';
}

/** Caches results, because each request needs its address two or three times and most requests come from few addresses. */
const cache = new Map<string, string | undefined>();
const MAX_CACHED = 1_000;
/** The longest form, an IPv4 address inside an IPv6 address, has 45 characters. The rest is for a zone. */
const MAX_LENGTH = 64;

function groupOf(text: string | undefined): string | undefined {
  if (text === undefined || text.length > MAX_LENGTH) return undefined;
  if (cache.has(text)) return cache.get(text);
  const group = computeGroup(text);
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(text, group);
  return group;
}

function computeGroup(text: string): string | undefined {
  if (!ipaddr.isValid(text)) return undefined;
  // `process` turns an IPv4 address inside an IPv6 address into the IPv4 address.
  const address = ipaddr.process(text);
  if (address instanceof ipaddr.IPv4) return address.toString();
  const network = address.parts.slice(0, 4).map((part) => part.toString(16));
  return `${network.join(':')}::/64`;
}
