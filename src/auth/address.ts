import type { Request } from 'express';
import ipaddr from 'ipaddr.js';

/**
 * Whom limits by address count a caller as: its IPv4 address, or the /64 of its IPv6 address, which one
 * subscriber has all of. What a proxy passes on and is no address does not count; the proxy's own does.
 */
export function addressOf(request: Pick<Request, 'ip' | 'socket'>): string {
  return groupOf(request.ip) ?? groupOf(request.socket.remoteAddress) ?? 'unknown';
}

/** What was worked out lately: each request asks two times or three, and most come from few places. */
const known = new Map<string, string | undefined>();
const MOST_KNOWN = 1_000;
/** The longest there is, an IPv4 address inside an IPv6 one, leaves room for a zone. */
const LONGEST = 64;

function groupOf(text: string | undefined): string | undefined {
  if (text === undefined || text.length > LONGEST) return undefined;
  if (known.has(text)) return known.get(text);
  const group = workOut(text);
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(text, group);
  return group;
}

function workOut(text: string): string | undefined {
  if (!ipaddr.isValid(text)) return undefined;
  // An IPv4 address inside an IPv6 one is the former.
  const address = ipaddr.process(text);
  if (address instanceof ipaddr.IPv4) return address.toString();
  const network = address.parts.slice(0, 4).map((part) => part.toString(16));
  return `${network.join(':')}::/64`;
}
