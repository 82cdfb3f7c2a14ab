import type { Request } from 'express';

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Whether a page of another origin made the browser send a request that may change something. Such a request is dangerous if
 * the browser itself adds what identifies the caller, such as a client certificate or a Kerberos ticket: any page could then
 * act for its visitor (CSRF). Programs send neither of the headers that are read here.
 * @param trusted origins whose pages may do so
 */
export function isCrossSite(
  request: Pick<Request, 'method' | 'headers'>,
  trusted: readonly string[],
): boolean {
  const { origin, host, 'sec-fetch-site': site } = request.headers;
  if (SAFE_METHODS.has(request.method) || (origin !== undefined && trusted.includes(origin))) return false;
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  // Browsers before 2023 send Origin alone. It is the text "null" for pages without an origin.
  return origin !== undefined && URL.parse(origin)?.host !== host;
}
