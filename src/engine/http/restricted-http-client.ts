import { type LookupFunction, isIPv6 } from 'node:net';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Agent, buildConnector } from 'undici';
import { Settings } from '../../config/settings.js';
import type { ShapeLimits } from '../extension/output-shape.js';
import { NodeError, TransientError } from '../extension/node-handler.js';
import { HostPolicy } from './host-policy.js';
import type { HttpAnswer } from './http-answer.js';
import { connectionFailure } from './http-failure.js';
import { type Hop, nextHop } from './redirect.js';
import { ACCEPTED_ENCODINGS, readBody } from './response-body.js';

/** One request; redirects are followed. */
export interface HttpRequest {
  method: string;
  url: string;
  headers?: Readonly<Record<string, string>>;
  body?: string | undefined;
  /** For everything together, redirects and body included; HTTP_TIMEOUT_MS when left out. */
  timeoutMs?: number | undefined;
  signal: AbortSignal;
}

const MOST_REDIRECTS = 5;

/**
 * The only way nodes reach HTTP. Every connection, that of a redirect too, goes to an address that
 * HostPolicy has approved, and no answer is longer than HTTP_RESPONSE_MAX_BYTES.
 */
@Injectable()
export class RestrictedHttpClient implements OnApplicationShutdown {
  private readonly agent: Agent;

  constructor(
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'HTTP_RESPONSE_MAX_BYTES' | 'HTTP_TIMEOUT_MS'> & ShapeLimits,
    private readonly hosts: HostPolicy,
  ) {
    // An open connection may be used again without asking: what is allowed doesn't change while we run.
    this.agent = new Agent({
      connect: (options, callback) => void this.connect(options, callback),
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** What an answer may be, for those who parse it. */
  get limits(): ShapeLimits {
    return this.settings;
  }

  /**
   * Any status but that of a redirect is an answer, not an error.
   * @throws NodeError `invalid_config`, `host_not_allowed`, `redirect_not_allowed`, `too_many_redirects`,
   *   `response_too_large`, `host_not_found`, `http_tls_failed`;
   *   TransientError `http_connect_failed`, `http_connection_lost`, `http_timeout`; the reason of `signal`
   */
  async request({
    method,
    url,
    headers = {},
    body,
    timeoutMs = this.settings.HTTP_TIMEOUT_MS,
    signal,
  }: HttpRequest): Promise<HttpAnswer> {
    const lowered = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
    );
    let hop: Hop = {
      url: parseUrl(url),
      method,
      headers: { 'accept-encoding': ACCEPTED_ENCODINGS, ...lowered },
      body,
    };
    const timeout = AbortSignal.timeout(timeoutMs);
    const either = AbortSignal.any([signal, timeout]);
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      try {
        const answer = await this.exchange(hop, either);
        const next = nextHop(hop, answer.status, answer.headers['location']);
        if (!next) return answer;
        assertAllowedUrl(next.url);
        hop = next;
      } catch (error) {
        signal.throwIfAborted();
        if (timeout.aborted)
          throw new TransientError('http_timeout', `${hop.url.host} did not answer within ${timeoutMs} ms.`);
        throw connectionFailure(hop.url.host, error);
      }
    }
    throw new NodeError(
      'too_many_redirects',
      `${parseUrl(url).host} redirects more than ${MOST_REDIRECTS} times.`,
    );
  }

  /** Not sooner: what is under way when the server is told to stop is handed back first, and must not fail for it. */
  async onApplicationShutdown(): Promise<void> {
    await this.agent.destroy();
  }

  private async exchange({ url, method, headers, body }: Hop, signal: AbortSignal): Promise<HttpAnswer> {
    const response = await this.agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers,
      body: body ?? null,
      signal,
    });
    const flat = Object.fromEntries(
      Object.entries(response.headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(', ') : (value ?? ''),
      ]),
    );
    // No body follows, whatever its headers say of the one that would.
    const empty = method === 'HEAD' || response.statusCode === 204 || response.statusCode === 304;
    if (empty) await response.body.dump();
    const text = empty ? '' : await readBody(response.body, flat, this.settings.HTTP_RESPONSE_MAX_BYTES);
    return { status: response.statusCode, headers: flat, body: text };
  }

  /** The one place where connections are made. */
  private async connect(options: buildConnector.Options, callback: buildConnector.Callback): Promise<void> {
    try {
      const port = Number(options.port) || (options.protocol === 'https:' ? 443 : 80);
      const addresses = await this.hosts.addressesOf(options.hostname, port);
      // The socket is given the name, which TLS verifies, and these addresses instead of a look-up.
      buildConnector({ allowH2: false, lookup: pinned(addresses) })(options, callback);
    } catch (error) {
      callback(error as Error, null);
    }
  }
}

const pinned =
  (addresses: readonly string[]): LookupFunction =>
  (_name, options, callback) => {
    const found = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
    const [first] = found;
    if (options.all || !first) callback(null, found);
    else callback(null, first.address, first.family);
  };

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (!url) throw new NodeError('invalid_config', notAUrl(text));
  assertAllowedUrl(url);
  return url;
}

const notAUrl = (text: string): string =>
  `${quoted(text)} is not a URL: give one such as https://api.example.com/items.`;

/** Why requests to a URL can never be made, whatever hosts are allowed; nothing when they can. */
export function urlProblem(text: string): string | undefined {
  const url = URL.parse(text);
  return url ? disallowed(url) : notAUrl(text);
}

/** Before an @ there may be a password, after a ? a token, in a URL of whatever shape. */
const quoted = (text: string): string =>
  text.includes('@')
    ? 'What is given'
    : `"${text
        .replace(/[?#].*/s, '?…')
        .slice(0, 200)
        .toWellFormed()}"`;

function assertAllowedUrl(url: URL): void {
  const problem = disallowed(url);
  if (problem !== undefined) throw new NodeError('host_not_allowed', problem);
}

function disallowed({ protocol, username, password }: URL): string | undefined {
  if (protocol !== 'http:' && protocol !== 'https:')
    return `${protocol} is not allowed: use http:// or https://.`;
  if (username || password)
    return 'A URL may not hold a user name or password: send an Authorization header.';
  return undefined;
}
