import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { type Dispatcher, fetch } from 'undici';
import { Settings } from '../../config/settings.js';
import { NodeError } from '../extension/node-handler.js';
import { HostPolicy } from './host-policy.js';
import { connectionFailure } from './http-failure.js';
import { outboundDispatcher, type ProxySettings } from './outbound-proxy.js';
import { parseUrl } from './request-url.js';
import { restrictedDispatcher } from './restricted-dispatcher.js';

/** The limits of all requests of one `fetch`. */
export interface FetchLimits {
  /** Whether the operator has named the host, so that it may be a private one. */
  readonly isTrusted: boolean;
  /** Limit for one decompressed body. */
  readonly maxBytes: number;
  /** The name of the setting that holds `maxBytes`, for the error. */
  readonly maxBytesSetting: string;
  /** Limit for one exchange, its body included. */
  readonly timeoutMs: number;
  /** Gets the error of a body that is too long: some libraries drop the errors of bodies. */
  readonly onTooLong?: (error: NodeError) => void;
  /** Ends all exchanges. */
  readonly signal: AbortSignal;
}

/**
 * Gives libraries a `fetch` whose bodies stream. Redirects are refused, and sizes and times are limited. Connections go to
 * addresses that HostPolicy has approved, or, if the operator has named the host, to any. All of them use the operator's proxy.
 */
@Injectable()
export class RestrictedFetch implements OnApplicationShutdown {
  private readonly restricted: Dispatcher;
  private readonly trusted: Dispatcher;

  constructor(@Inject(Settings) settings: ProxySettings, hosts: HostPolicy) {
    this.restricted = restrictedDispatcher(hosts, settings);
    this.trusted = outboundDispatcher(settings);
  }

  /**
   * Makes a `fetch`. It rejects with NodeError `invalid_config`, `host_not_allowed`, `redirect_not_allowed`, `host_not_found`
   * or `http_tls_failed`, with TransientError `http_connect_failed`, `http_connection_lost` or `http_timeout`, or with the
   * reason of a signal. A body that is too long ends with NodeError `response_too_large`.
   */
  with(limits: FetchLimits): (url: string | URL, init?: RequestInit) => Promise<Response> {
    return (url, init = {}) => this.send(url, init, limits);
  }

  /** Closes connections in the last phase of a shutdown. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.restricted.destroy(), this.trusted.destroy()]);
  }

  private async send(address: string | URL, init: RequestInit, limits: FetchLimits): Promise<Response> {
    const url = parseUrl(String(address));
    const signals = [init.signal, limits.signal, AbortSignal.timeout(limits.timeoutMs)];
    const signal = AbortSignal.any(signals.filter((each) => each !== null && each !== undefined));
    let response: Response;
    try {
      response = await fetch(url, {
        ...(init as object),
        redirect: 'manual',
        dispatcher: limits.isTrusted ? this.trusted : this.restricted,
        signal,
      });
    } catch (error) {
      signal.throwIfAborted();
      throw connectionFailure(url.host, causeOf(error));
    }
    if (response.status >= 300 && response.status < 400 && response.status !== 304) {
      await response.body?.cancel();
      throw new NodeError(
        'redirect_not_allowed',
        `${url.host} redirects (status ${response.status}). Give the address to which it redirects.`,
      );
    }
    return limited(response, limits);
  }
}

/** Ends a body that is longer than it may be. */
function limited(response: Response, { maxBytes, maxBytesSetting, onTooLong }: FetchLimits): Response {
  if (!response.body) return response;
  let bytes = 0;
  const limit = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) {
        const error = new NodeError(
          'response_too_large',
          `The response has more than ${maxBytes} bytes (${maxBytesSetting}). Request less data.`,
        );
        onTooLong?.(error);
        throw error;
      }
      controller.enqueue(chunk);
    },
  });
  const { status, statusText, headers } = response;
  return new Response(response.body.pipeThrough(limit), {
    status,
    statusText,
    headers: [...headers] as [string, string][],
  });
}

/** `fetch` wraps the error that says what happened. */
const causeOf = (error: unknown): unknown =>
  error instanceof TypeError && error.cause !== undefined ? error.cause : error;
