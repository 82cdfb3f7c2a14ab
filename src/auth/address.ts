import type { Request } from 'express';
import ipaddr from 'ipaddr.js';

/**
 * Whom limits by address count a caller as: its IPv4 address, or the /64 of its IPv6 address, which one
 * subscriber has all of. What a proxy passes on and is no address does not count; the proxy's own does.
 */
export function addressOf(request: Pick<Request, 'ip' | 'socket'>): string {
  return groupOf(request.ip) ?? groupOf(request.socket.remoteAddress) ?? 'unknown';
}

function groupOf(text: string | undefined): string | undefined {
  if (text === undefined || !ipaddr.isValid(text)) return undefined;
  // An IPv4 address inside an IPv6 one is the former.
  const address = ipaddr.process(text);
  if (address instanceof ipaddr.IPv4) return address.toString();
  const network = address.parts.slice(0, 4).map((part) => part.toString(16));
  return `${network.join(':')}::/64`;
}
