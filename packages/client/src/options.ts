import { CloutAgentError } from './error.js';
import { clampDelay } from './delay.js';

/** Options of `CloutAgent` and `SSEClient`. */
export interface ClientOptions {
  /** URL of the server, for example `http://127.0.0.1:3000`. `''` or `'/'` means the page's own origin. */
  baseUrl: string;
  /** An API key. Set either this or `token`. */
  apiKey?: string | undefined;
  /**
   * A bearer token, or a callback that returns one. The client keeps the callback's token until the server answers 401,
   * and then calls it again. If the callback throws, streams retry with backoff.
   */
  token?: string | (() => string | Promise<string>) | undefined;
  /** Default: the global `fetch`. */
  fetch?: typeof globalThis.fetch | undefined;
  /** Exponential backoff with full jitter, in ms. Default 500 and 30,000. The server's `retry:` is the minimum. */
  reconnect?: { baseMs?: number | undefined; maxMs?: number | undefined } | undefined;
  /** The server's HEARTBEAT_INTERVAL_MS. A connection that is silent for 2½ heartbeats counts as dead. Default 15,000. */
  heartbeatMs?: number | undefined;
  /** Maximum size of one event, in bytes. A larger event ends the stream with `event_too_large`. Default 64 MiB. */
  maxEventBytes?: number | undefined;
}

/** Options that every call accepts. */
export interface RequestOptions {
  signal?: AbortSignal | undefined;
}

/** `ClientOptions`, validated and with defaults. */
export interface ResolvedOptions {
  readonly baseUrl: string;
  readonly token: string | (() => string | Promise<string>) | undefined;
  readonly fetch: typeof globalThis.fetch;
  readonly baseMs: number;
  readonly maxMs: number;
  /** Time of silence after which a connection counts as dead, in ms. */
  readonly silenceMs: number;
  readonly maxEventBytes: number;
}

/** Heartbeats without data after which a connection counts as dead. */
const MAX_SILENT_HEARTBEATS = 2.5;

/** Validates the options and adds defaults. @throws CloutAgentError `invalid_argument` */
export function resolveOptions(options: ClientOptions): ResolvedOptions {
  const { apiKey, token, reconnect = {}, fetch } = options;
  if (apiKey !== undefined && token !== undefined)
    throw new CloutAgentError('invalid_argument', 'Set either apiKey or token, not both.');
  const baseMs = positive('reconnect.baseMs', reconnect.baseMs, 500);
  return {
    baseUrl: checkBaseUrl(options.baseUrl),
    token: apiKey ?? token,
    // The arrow function is necessary: a browser's fetch throws when `this` is not the global object.
    fetch: fetch ?? ((...args: Parameters<typeof globalThis.fetch>) => globalThis.fetch(...args)),
    baseMs,
    maxMs: Math.max(baseMs, positive('reconnect.maxMs', reconnect.maxMs, 30_000)),
    silenceMs: clampDelay(positive('heartbeatMs', options.heartbeatMs, 15_000) * MAX_SILENT_HEARTBEATS),
    maxEventBytes: positive('maxEventBytes', options.maxEventBytes, 67_108_864),
  };
}

function checkBaseUrl(given: string): string {
  if (typeof given !== 'string')
    throw new CloutAgentError('invalid_argument', 'baseUrl is missing. Example: http://127.0.0.1:3000');
  const baseUrl = given.replace(/\/+$/, '');
  const relative = baseUrl === '' || baseUrl.startsWith('/');
  const page = (globalThis as { location?: { href: string } }).location?.href;
  const usable = relative
    ? page !== undefined && URL.canParse(page)
    : URL.canParse(baseUrl) && /^https?:/i.test(baseUrl);
  if (!usable) {
    const why = relative ? 'a relative URL needs a page with an origin' : 'it is not an http or https URL';
    throw new CloutAgentError('invalid_argument', `baseUrl ${JSON.stringify(given)} is not valid: ${why}.`);
  }
  return baseUrl;
}

function positive(name: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (Number.isFinite(value) && value > 0) return value;
  throw new CloutAgentError('invalid_argument', `${name} must be a number above 0, not ${String(value)}.`);
}
