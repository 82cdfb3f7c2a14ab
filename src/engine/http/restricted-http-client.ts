import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Dispatcher } from 'undici';
import { abortable } from '../../common/abortable.js';
import { Settings } from '../../config/settings.js';
import type { ShapeLimits } from '../extension/output-shape.js';
import { NodeError, TransientError } from '../extension/node-handler.js';
import { withLowerCaseNames } from './header-names.js';
import { HostPolicy } from './host-policy.js';
import { connectionFailure } from './http-failure.js';
import type { HttpBytes, HttpResponse } from './http-response.js';
import type { ProxySettings } from './outbound-proxy.js';
import { type Hop, nextHop } from './redirect.js';
import { assertAllowedUrl, parseUrl } from './request-url.js';
import { ACCEPTED_ENCODINGS, readBeginning, readBody } from './response-body.js';
import { restrictedDispatcher } from './restricted-dispatcher.js';
import { decodeText } from './text-encoding.js';

/** One request. */
export interface HttpRequest {
  method: string;
  url: string;
  headers?: Readonly<Record<string, string>>;
  body?: string | undefined;
  /** Whether it carries a secret: a redirect to another origin then fails as `secret_not_allowed`. */
  staysAtOrigin?: boolean;
  /** Limit for the whole exchange, redirects and body included; HTTP_TIMEOUT_MS by default. */
  timeoutMs?: number | undefined;
  /** Limit for the decompressed body; HTTP_RESPONSE_MAX_BYTES by default. */
  maxBytes?: number | undefined;
  signal: AbortSignal;
}

const MAX_REDIRECTS = 5;

/**
 * The only HTTP client of nodes. Every connection, also that of a redirect, goes to an address that HostPolicy has
 * approved, through the operator's proxy if there is one. No response is longer than HTTP_RESPONSE_MAX_BYTES.
 */
@Injectable()
export class RestrictedHttpClient implements OnApplicationShutdown {
  private readonly dispatcher: Dispatcher;

  constructor(
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'HTTP_RESPONSE_MAX_BYTES' | 'HTTP_TIMEOUT_MS'> &
      ShapeLimits &
      ProxySettings,
    hosts: HostPolicy,
  ) {
    this.dispatcher = restrictedDispatcher(hosts, settings);
  }

  /** The limits that a parser must apply to a response. */
  get limits(): ShapeLimits {
    return this.settings;
  }

  /**
   * Sends a request and reads the response. Any status is a response, not an error; a redirect with a location is
   * followed.
   * @throws NodeError `invalid_config`, `host_not_allowed`, `redirect_not_allowed`, `too_many_redirects`,
   *   `secret_not_allowed`, `response_too_large`, `unknown_encoding`, `host_not_found`, `http_tls_failed`
   * @throws TransientError `http_connect_failed`, `http_connection_lost`, `http_timeout`
   * @throws the reason of `signal` when it aborts
   */
  async request(request: HttpRequest): Promise<HttpResponse> {
    const { status, headers, bytes } = await this.requestBytes(request);
    return { status, headers, body: decodeText(bytes, headers['content-type']) };
  }

  /** Does the same as `request` for a body that is not text. */
  async requestBytes({
    method,
    url,
    headers = {},
    body,
    staysAtOrigin = false,
    timeoutMs = this.settings.HTTP_TIMEOUT_MS,
    maxBytes = this.settings.HTTP_RESPONSE_MAX_BYTES,
    signal,
  }: HttpRequest): Promise<HttpBytes> {
    let hop: Hop = {
      url: parseUrl(url),
      method,
      headers: { 'accept-encoding': ACCEPTED_ENCODINGS, ...withLowerCaseNames(headers) },
      body,
      staysAtOrigin,
    };
    const timeout = AbortSignal.timeout(timeoutMs);
    const either = AbortSignal.any([signal, timeout]);
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      try {
        const response = await this.exchange(hop, maxBytes, either);
        const next = nextHop(hop, response.status, response.headers['location']);
        if (!next) return response;
        assertAllowedUrl(next.url);
        hop = next;
      } catch (error) {
        signal.throwIfAborted();
        if (timeout.aborted)
          throw new TransientError('http_timeout', `${hop.url.host} did not respond within ${timeoutMs} ms.`);
        throw connectionFailure(hop.url.host, error);
      }
    }
    throw new NodeError(
      'too_many_redirects',
      `${parseUrl(url).host} redirects more than ${MAX_REDIRECTS} times.`,
    );
  }

  /**
   * Sends a request and reads at most `maxBytes` of the answer's body, not decompressed. It follows no redirect. The status
   * counts: the body is cut off where it is too long, too slow or broken.
   * @throws the same errors as `request` if there is no answer
   */
  async requestOnce({
    method,
    url,
    headers = {},
    body,
    timeoutMs = this.settings.HTTP_TIMEOUT_MS,
    maxBytes = this.settings.HTTP_RESPONSE_MAX_BYTES,
    signal,
  }: HttpRequest): Promise<HttpResponse> {
    const target = parseUrl(url);
    const timeout = AbortSignal.timeout(timeoutMs);
    const hop = {
      url: target,
      method,
      headers: { 'accept-encoding': 'identity', ...withLowerCaseNames(headers) },
      body,
    };
    try {
      const answer = await this.send(hop, AbortSignal.any([signal, timeout]));
      const encoding = answer.headers['content-encoding'] ?? 'identity';
      const bytes = await readBeginning(answer.body, encoding === 'identity' ? maxBytes : 0);
      return {
        status: answer.status,
        headers: answer.headers,
        body: decodeText(bytes, answer.headers['content-type']),
      };
    } catch (error) {
      signal.throwIfAborted();
      if (timeout.aborted)
        throw new TransientError('http_timeout', `${target.host} did not respond within ${timeoutMs} ms.`);
      throw connectionFailure(target.host, error);
    }
  }

  /** Closes connections in the last phase of a shutdown: earlier, it would fail requests whose runs are handed over. */
  async onApplicationShutdown(): Promise<void> {
    await this.dispatcher.destroy();
  }

  private async exchange(hop: Hop, maxBytes: number, signal: AbortSignal): Promise<HttpBytes> {
    const { status, headers, body } = await this.send(hop, signal);
    // These responses have no body, even if their headers describe one.
    const isEmpty = hop.method === 'HEAD' || status === 204 || status === 304;
    if (isEmpty) await body.dump();
    const bytes = isEmpty ? Buffer.alloc(0) : await readBody(body, headers, maxBytes);
    return { status, headers, bytes };
  }

  /** Sends one request. @returns the answer when its headers have arrived */
  private async send(
    { url, method, headers, body }: Hop,
    signal: AbortSignal,
  ): Promise<{
    status: number;
    headers: Record<string, string>;
    body: Dispatcher.ResponseData['body'];
  }> {
    signal.throwIfAborted();
    const sent = this.dispatcher.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers,
      body: body ?? null,
      signal,
    });
    // Until there is a connection, undici ignores the signal.
    const response = await abortable(sent, signal);
    const flat = Object.fromEntries(
      Object.entries(response.headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(', ') : (value ?? ''),
      ]),
    );
    return { status: response.statusCode, headers: flat, body: response.body };
  }
}
