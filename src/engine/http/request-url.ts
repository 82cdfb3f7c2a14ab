import { NodeError } from '../extension/node-handler.js';

/**
 * Parses the URL of a request.
 * @throws NodeError `invalid_config`, `host_not_allowed`
 */
export function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (!url) throw new NodeError('invalid_config', notAUrl(text));
  assertAllowedUrl(url);
  return url;
}

/** Schemes that messages show. Any other one may be the beginning of a secret that was put in the place of a URL. */
const SCHEMES = new Set(['file:', 'ftp:', 'data:', 'blob:', 'javascript:', 'mailto:', 'ws:', 'wss:']);

/** @throws NodeError `host_not_allowed` */
export function assertAllowedUrl(url: URL): void {
  const problem = disallowed(url);
  if (problem !== undefined) throw new NodeError('host_not_allowed', problem);
}

/** Explains why no request to a URL can be made, whatever hosts are allowed; undefined if one can. */
export function urlProblem(text: string): string | undefined {
  const url = URL.parse(text);
  return url ? disallowed(url) : notAUrl(text);
}

function disallowed({ protocol, username, password }: URL): string | undefined {
  if (protocol !== 'http:' && protocol !== 'https:')
    return `${SCHEMES.has(protocol) ? protocol : 'Its scheme'} is not allowed: use http:// or https://.`;
  if (username || password)
    return 'A URL may not hold a user name or password: send an Authorization header.';
  return undefined;
}

const notAUrl = (text: string): string =>
  `${quoted(text)} is not a URL: give one such as https://api.example.com/items.`;

/** Leaves out the parts that may be secret in a URL of any shape: a password before an @, a token after a ?. */
const quoted = (text: string): string =>
  text.includes('@')
    ? 'The given text'
    : `"${text
        .replace(/[?#].*/s, '?…')
        .slice(0, 200)
        .toWellFormed()}"`;
