import { Credential } from './credential.js';
import { CloutAgentError } from './error.js';
import type { RequestOptions, ResolvedOptions } from './options.js';
import { toProblemError } from './problem.js';

export type Query = Record<string, string | number | boolean | readonly string[] | undefined>;

export interface Call extends RequestOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  query?: Query;
  headers?: Record<string, string | undefined>;
  body?: unknown;
}

/** Sends requests with the caller's credential. */
export class Http {
  private readonly credential: Credential;

  constructor(private readonly options: ResolvedOptions) {
    this.credential = new Credential(options.token);
  }

  /** Returns the JSON of a successful response; undefined for 204. @throws CloutAgentError */
  async json<T>(path: string, call: Call = {}): Promise<T> {
    const response = await this.send(path, call);
    if (!response.ok) throw await this.guard(toProblemError(response), call.signal);
    const text = await this.guard(response.text(), call.signal);
    if (text === '') return undefined as T;
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      const type = response.headers.get('content-type') ?? 'without a type';
      throw new CloutAgentError(
        'invalid_response',
        `${path} did not answer with JSON (${type}). Is baseUrl correct?`,
        {
          status: response.status,
          cause,
        },
      );
    }
  }

  /**
   * Sends a request with the credential. After a 401 it asks the `token` callback, if there is one, and sends it again.
   * @returns the response, whatever its status
   * @throws CloutAgentError when there is no response
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
    // The server sends no-store too, but a proxy may drop that header, and some frameworks make fetch cache by default.
    const init: RequestInit = { method, headers: headersOf(call, token), cache: 'no-store' };
    if (body !== undefined) init.body = JSON.stringify(body);
    if (signal) init.signal = signal;
    const url = `${this.options.baseUrl}${path}${queryOf(call.query)}`;
    return this.guard(this.options.fetch(url, init), signal);
  }

  /** Converts an error of `work` to a CloutAgentError, and rejects as soon as the signal is aborted. */
  private guard<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(abortedError(signal));
      if (signal?.aborted) abort();
      signal?.addEventListener('abort', abort, { once: true });
      work
        .then(resolve, (error: unknown) =>
          reject(signal?.aborted ? abortedError(signal) : toClientError(error)),
        )
        .finally(() => signal?.removeEventListener('abort', abort));
    });
  }
}

function headersOf({ headers = {}, body }: Call, token: string | undefined): Headers {
  const result = new Headers({ accept: 'application/json' });
  const all = {
    ...headers,
    // Authorization is safe: browsers and Node remove it when a redirect leaves the origin. They keep other headers.
    authorization: token === undefined ? undefined : `Bearer ${token}`,
    'content-type': body === undefined ? undefined : 'application/json',
  };
  for (const [name, value] of Object.entries(all)) {
    if (value === undefined) continue;
    try {
      result.set(name, value);
    } catch (cause) {
      // The message does not contain the value, because it may be a secret.
      throw new CloutAgentError('invalid_argument', `The value of the header ${name} is not valid.`, {
        cause,
      });
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

function toClientError(error: unknown): CloutAgentError {
  if (error instanceof CloutAgentError) return error;
  // Node's message is only "fetch failed"; the reason is in the cause.
  const { message, cause } = error as { message?: string; cause?: { message?: string; code?: string } };
  const why = cause?.message || cause?.code || message || String(error);
  return new CloutAgentError('network', `The server did not answer: ${why}`, { cause: error });
}
