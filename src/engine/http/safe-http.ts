import { Inject, Injectable } from '@nestjs/common';
import { Agent, request } from 'undici';
import { createGunzip, createBrotliDecompress, createInflate } from 'node:zlib';
import { pipeline, type Readable } from 'node:stream';
import { isIPv6 } from 'node:net';
import { Settings } from '../../config/settings.js';
import { retryAfterMs } from '../models/model-error.js';
import { NodeError, TransientError } from '../node-handler.js';
import { AddressPolicy } from './address-policy.js';

export interface HttpRequest {
  method: string;
  url: string;
  headers?: Record<string, string>;
  body?: string;
  signal: AbortSignal;
}

export interface HttpAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

const MOST_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const CREDENTIALS = /^(authorization|cookie|proxy-authorization|x-api-key)$/i;

/** The only way nodes reach HTTP: every hop is checked, answers are bounded. */
@Injectable()
export class SafeHttp {
  protected readonly policy: AddressPolicy;

  constructor(
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'HTTP_ALLOWED_HOSTS' | 'HTTP_MAX_RESPONSE_BYTES'>,
  ) {
    this.policy = new AddressPolicy(settings.HTTP_ALLOWED_HOSTS);
  }

  /**
   * @throws NodeError `host_not_allowed`, `too_many_redirects`, `response_too_large`; TransientError when
   *   trying again may help: 408, 429 with its Retry-After, 5xx, resets
   */
  async send(given: HttpRequest): Promise<HttpAnswer> {
    let next: Omit<HttpRequest, 'url'> & { url: URL } = { ...given, url: parseUrl(given.url) };
    for (let hop = 0; hop <= MOST_REDIRECTS; hop += 1) {
      const answer = await this.exchange(next);
      const location = REDIRECTS.has(answer.status) ? answer.headers['location'] : undefined;
      if (location === undefined) return checkStatus(answer);
      next = redirect(next, answer.status, location);
    }
    throw new NodeError('too_many_redirects', `${given.url} redirects more than ${MOST_REDIRECTS} times.`);
  }

  private async exchange({
    method,
    url,
    headers = {},
    body,
    signal,
  }: Omit<HttpRequest, 'url'> & { url: URL }): Promise<HttpAnswer> {
    const address = await this.policy.admit(url);
    const family = isIPv6(address) ? 6 : 4;
    // The address that was checked is the one connected to; TLS still verifies the name.
    const agent = new Agent({
      connect: {
        lookup: (_name, options, callback) =>
          options.all ? callback(null, [{ address, family }]) : callback(null, address, family),
      },
      pipelining: 0,
    });
    try {
      const response = await request(url, {
        method: method as 'GET',
        headers: { 'accept-encoding': 'gzip, deflate, br', ...headers },
        body: body ?? null,
        signal,
        dispatcher: agent,
      });
      const flat = Object.fromEntries(
        Object.entries(response.headers).map(([name, value]) => [
          name,
          Array.isArray(value) ? value.join(', ') : (value ?? ''),
        ]),
      );
      return {
        status: response.statusCode,
        headers: flat,
        body: await this.readBody(response.body, flat['content-encoding']),
      };
    } catch (error) {
      if (error instanceof NodeError) throw error;
      signal.throwIfAborted();
      throw new TransientError(
        'http_unreachable',
        `${url.host} could not be reached: ${(error as Error).message}`,
        undefined,
        { cause: error },
      );
    } finally {
      void agent.destroy();
    }
  }

  /** Counts what comes out of decompression, so that a small body cannot become a huge one. */
  private async readBody(body: Readable, encoding: string | undefined): Promise<string> {
    const most = this.settings.HTTP_MAX_RESPONSE_BYTES;
    const decoder = {
      gzip: createGunzip,
      'x-gzip': createGunzip,
      br: createBrotliDecompress,
      deflate: createInflate,
    }[encoding ?? ''];
    const source: Readable = decoder ? pipeline(body, decoder(), () => undefined) : body;
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of source as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > most) {
        source.destroy();
        body.destroy();
        throw new NodeError(
          'response_too_large',
          `The answer has more than ${most} bytes (HTTP_MAX_RESPONSE_BYTES).`,
        );
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }
}

function parseUrl(text: string): URL {
  if (!URL.canParse(text))
    throw new NodeError(
      'invalid_config',
      `"${text.slice(0, 200)}" is not a URL: give it with http:// or https://.`,
    );
  return new URL(text);
}

function redirect<R extends Omit<HttpRequest, 'url'> & { url: URL }>(
  request: R,
  status: number,
  location: string,
): R {
  if (!URL.canParse(location, request.url.href))
    throw new NodeError('bad_redirect', `${request.url.host} redirects to something that is no URL.`);
  const url = new URL(location, request.url);
  if (request.url.protocol === 'https:' && url.protocol === 'http:') {
    throw new NodeError('host_not_allowed', `${request.url.host} redirects from https to http.`);
  }
  const sameOrigin = url.origin === request.url.origin;
  const headers = Object.fromEntries(
    Object.entries(request.headers ?? {}).filter(([name]) => sameOrigin || !CREDENTIALS.test(name)),
  );
  // RFC 9110, section 15.4: these are followed with GET and without the body.
  if (status === 303 || ((status === 301 || status === 302) && request.method === 'POST')) {
    const { body: _dropped, ...rest } = request;
    return { ...rest, method: 'GET', headers, url } as R;
  }
  return { ...request, headers, url };
}

function checkStatus(answer: HttpAnswer): HttpAnswer {
  const { status } = answer;
  if (status === 408 || status === 429 || status >= 500) {
    throw new TransientError('http_status', `The server answered ${status}.`, retryAfterMs(answer.headers));
  }
  return answer;
}
