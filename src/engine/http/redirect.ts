import { NodeError } from '../extension/node-handler.js';

/** One request on its way through redirects. */
export interface Hop {
  url: URL;
  method: string;
  /** Names in lower case. */
  headers: Record<string, string>;
  body: string | undefined;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** All that goes along to another origin. Any other header may carry a credential, under whichever name. */
const HARMLESS = new Set(['accept', 'accept-encoding', 'accept-language', 'content-type', 'user-agent']);

/**
 * Where an answer sends the request next; null when it is no redirect.
 * @throws NodeError `redirect_not_allowed`
 */
export function nextHop(hop: Hop, status: number, location: string | undefined): Hop | null {
  if (!REDIRECTS.has(status) || location === undefined) return null;
  const url = URL.parse(location, hop.url.href);
  if (!url)
    throw new NodeError('redirect_not_allowed', `${hop.url.host} redirects to something that is no URL.`);
  if (hop.url.protocol === 'https:' && url.protocol === 'http:') {
    throw new NodeError(
      'redirect_not_allowed',
      `${hop.url.host} redirects from https to http, where others could read along.`,
    );
  }
  let { method, headers, body } = hop;
  // RFC 9110, section 15.4: these are followed with GET.
  if ((status === 303 && method !== 'HEAD') || ((status === 301 || status === 302) && method === 'POST')) {
    method = 'GET';
    body = undefined;
    headers = without(headers, (name) => name === 'content-type');
  }
  if (url.origin !== hop.url.origin) headers = without(headers, (name) => !HARMLESS.has(name));
  return { url, method, headers, body };
}

const without = (headers: Record<string, string>, drop: (name: string) => boolean): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !drop(name)));
