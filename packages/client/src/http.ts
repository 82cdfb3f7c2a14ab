import { Credential } from './credential.js';
import { CloutAgentError } from './error.js';
import type { RequestOptions, ResolvedOptions } from './options.js';
import { toError } from './problem.js';

export type Query = Record<string, string | number | readonly string[] | undefined>;

export interface Call extends RequestOptions {
  method?: 'GET' | 'POST' | 'DELETE';
  query?: Query;
  headers?: Record<string, string | undefined>;
  body?: unknown;
}

/** Requests with the caller's credential. */
export class Http {
  private readonly credential: Credential;

  constructor(private readonly options: ResolvedOptions) {
    this.credential = new Credential(options.token);
  }

  /** The JSON of a successful answer; undefined for 204. @throws CloutAgentError */
  async json<T>(path: string, call: Call = {}): Promise<T> {
    const response = await this.send(path, call);
    if (!response.ok) throw await this.guard(toError(response), call.signal);
    const text = await this.guard(response.text(), call.signal);
    if (text === '') return undefined as T;
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      const type = response.headers.get('content-type') ?? 'without a type';
      throw new CloutAgentError('invalid_response', `${path} answered no JSON (${type}). Is baseUrl right?`, {
        status: response.status,
        cause,
      });
    }
  }

  /**
   * Sends with the credential; after a 401 once more with a fresh token, if there is a callback to give one.
   * @throws CloutAgentError when there is no answer; an answer of any status is returned
   */
  async send(path: string, call: Call): Promise<Response> {
    for (let refreshed = false; ; refreshed = true) {
      const token = await this.guard(this.credential.current(), call.signal);
      const response = await this.once(path, call, token);
      if (response.status !== 401 || refreshed || !(await this.credential.refuse(token))) return response;
      response.body?.cancel().catch(() => undefined);
    }
  }

  private once(path: string, call: Call, token: string | undefined): Promise<Response> {
    const { method = 'GET', body, signal } = call;
    // The server says no-store too, but a proxy may drop that header; frameworks that wrap fetch cache by default.
    const init: RequestInit = { method, headers: headersOf(call, token), cache: 'no-store' };
    if (body !== undefined) init.body = JSON.stringify(body);
    if (signal) init.signal = signal;
    const url = `${this.options.baseUrl}${path}${queryOf(call.query)}`;
    return this.guard(this.options.fetch(url, init), signal);
  }

  /** Gives `work`'s failure its code, and gives up on it as soon as the signal says so. */
  private guard<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(abortedError(signal));
      if (signal?.aborted) abort();
      signal?.addEventListener('abort', abort, { once: true });
      work
        .then(resolve, (error: unknown) => reject(signal?.aborted ? abortedError(signal) : named(error)))
        .finally(() => signal?.removeEventListener('abort', abort));
    });
  }
}

function headersOf({ headers = {}, body }: Call, token: string | undefined): Headers {
  const result = new Headers({ accept: 'application/json' });
  const all = {
    ...headers,
    // Browsers and Node take Authorization off when a redirect leaves the origin, but no other header.
    authorization: token === undefined ? undefined : `Bearer ${token}`,
    'content-type': body === undefined ? undefined : 'application/json',
  };
  for (const [name, value] of Object.entries(all)) {
    if (value === undefined) continue;
    try {
      result.set(name, value);
    } catch (cause) {
      // The value may be a secret.
      throw new CloutAgentError('invalid_argument', `The header ${name} cannot have this value.`, { cause });
    }
  }
  return result;
}

function queryOf(query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) parameters.set(name, String(value));
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

function abortedError(signal: AbortSignal | undefined): CloutAgentError {
  return new CloutAgentError('aborted', 'The request was aborted.', { cause: signal?.reason });
}

function named(error: unknown): CloutAgentError {
  if (error instanceof CloutAgentError) return error;
  // Node says "fetch failed" and puts why into the cause.
  const { message, cause } = error as { message?: string; cause?: { message?: string; code?: string } };
  const why = cause?.message || cause?.code || message || String(error);
  return new CloutAgentError('network', `The server did not answer: ${why}`, { cause: error });
}
