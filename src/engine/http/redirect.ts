import { NodeError } from '../extension/node-handler.js';

/** One request in a chain of redirects. */
export interface Hop {
  url: URL;
  method: string;
  /** Names in lower case. */
  headers: Record<string, string>;
  body: string | undefined;
  /** Whether the request carries a secret, and may not be sent to another origin. */
  staysAtOrigin?: boolean;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** The only headers that are sent to another origin: any other header may carry a credential, whatever its name. */
const CROSS_ORIGIN_HEADERS = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'content-type',
  'user-agent',
]);

/**
 * Determines the next request after a response.
 * @returns null if the response is not a redirect
 * @throws NodeError `redirect_not_allowed`, `secret_not_allowed`
 */
export function nextHop(hop: Hop, status: number, location: string | undefined): Hop | null {
  if (!REDIRECTS.has(status) || location === undefined) return null;
  const url = URL.parse(location, hop.url.href);
  if (!url)
    throw new NodeError('redirect_not_allowed', `${hop.url.host} redirects to an address that is not a URL.`);
  if (hop.staysAtOrigin && url.origin !== hop.url.origin)
    throw new NodeError(
      'secret_not_allowed',
      `${hop.url.host} redirects to another origin, and the request carries a secret, so it was not sent there. Give the address to which it redirects.`,
    );
  if (hop.url.protocol === 'https:' && url.protocol === 'http:') {
    throw new NodeError(
      'redirect_not_allowed',
      `${hop.url.host} redirects from https to http, which would send the request unencrypted.`,
    );
  }
  let { method, headers, body } = hop;
  // RFC 9110, section 15.4: these redirects are followed with GET.
  if ((status === 303 && method !== 'HEAD') || ((status === 301 || status === 302) && method === 'POST')) {
    method = 'GET';
    body = undefined;
    headers = without(headers, (name) => name === 'content-type');
  }
  if (url.origin !== hop.url.origin) headers = without(headers, (name) => !CROSS_ORIGIN_HEADERS.has(name));
  return { ...hop, url, method, headers, body };
}

const without = (headers: Record<string, string>, drop: (name: string) => boolean): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !drop(name)));
