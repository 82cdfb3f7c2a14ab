import { CloutAgentError } from './error.js';
import { clampDelay } from './delay.js';

/** What `CloutAgent` and `SSEClient` are made with. */
export interface ClientOptions {
  /** Where the server is, for example `http://127.0.0.1:3000`; `''` or `'/'` is the page's own origin. */
  baseUrl: string;
  /** An API key. Give it or `token`, not both. */
  apiKey?: string | undefined;
  /**
   * A bearer token, or where to get one. A callback's token is kept until the server answers 401; then the
   * callback is asked once more. If it throws, streams try again with backoff.
   */
  token?: string | (() => string | Promise<string>) | undefined;
  /** Default: the global one. */
  fetch?: typeof globalThis.fetch | undefined;
  /** Exponential backoff with full jitter, in ms. Default 500 and 30,000; the server's `retry:` is the least. */
  reconnect?: { baseMs?: number | undefined; maxMs?: number | undefined } | undefined;
  /** The server's HEARTBEAT_INTERVAL_MS. A connection silent for 2½ of these is dead. Default 15,000. */
  heartbeatMs?: number | undefined;
  /** Most bytes of one event. A larger one ends the stream with `event_too_large`. Default 64 MiB. */
  maxEventBytes?: number | undefined;
}

/** What every call takes besides its arguments. */
export interface RequestOptions {
  signal?: AbortSignal | undefined;
}

/** `ClientOptions`, checked and with defaults. */
export interface ResolvedOptions {
  readonly baseUrl: string;
  readonly token: string | (() => string | Promise<string>) | undefined;
  readonly fetch: typeof globalThis.fetch;
  readonly baseMs: number;
  readonly maxMs: number;
  /** After so much silence a connection is dead. */
  readonly silenceMs: number;
  readonly maxEventBytes: number;
}

const HEARTBEATS_MISSED = 2.5;

/** @throws CloutAgentError `invalid_argument` */
export function resolveOptions(options: ClientOptions): ResolvedOptions {
  const { apiKey, token, reconnect = {}, fetch } = options;
  if (apiKey !== undefined && token !== undefined)
    throw new CloutAgentError('invalid_argument', 'Give apiKey or token, not both.');
  const baseMs = positive('reconnect.baseMs', reconnect.baseMs, 500);
  return {
    baseUrl: checkBaseUrl(options.baseUrl),
    token: apiKey ?? token,
    // Called through an arrow: a browser's fetch throws when `this` is anything but the global object.
    fetch: fetch ?? ((...args: Parameters<typeof globalThis.fetch>) => globalThis.fetch(...args)),
    baseMs,
    maxMs: Math.max(baseMs, positive('reconnect.maxMs', reconnect.maxMs, 30_000)),
    silenceMs: clampDelay(positive('heartbeatMs', options.heartbeatMs, 15_000) * HEARTBEATS_MISSED),
    maxEventBytes: positive('maxEventBytes', options.maxEventBytes, 67_108_864),
  };
}

function checkBaseUrl(given: string): string {
  if (typeof given !== 'string')
    throw new CloutAgentError('invalid_argument', 'baseUrl is missing; for example http://127.0.0.1:3000');
  const baseUrl = given.replace(/\/+$/, '');
  const relative = baseUrl === '' || baseUrl.startsWith('/');
  const page = (globalThis as { location?: { href: string } }).location?.href;
  const usable = relative
    ? page !== undefined && URL.canParse(page)
    : URL.canParse(baseUrl) && /^https?:/i.test(baseUrl);
  if (!usable) {
    const why = relative ? 'there is no page whose origin it could mean' : 'it is no http or https URL';
    throw new CloutAgentError('invalid_argument', `baseUrl ${JSON.stringify(given)} cannot be used: ${why}.`);
  }
  return baseUrl;
}

function positive(name: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (Number.isFinite(value) && value > 0) return value;
  throw new CloutAgentError('invalid_argument', `${name} must be a number above 0, not ${String(value)}.`);
}
