import { CloutAgentError } from './error.js';
import type { Call, Http } from './http.js';
import { toProblemError } from './problem.js';
import { SSEDecoder } from './sse-decoder.js';

export interface ConnectionLimits {
  readonly silenceMs: number;
  readonly maxEventBytes: number;
}

/**
 * One HTTP response that streams events. It reads only on request, so that a slow caller leaves data in the socket
 * instead of in memory.
 */
export class Connection {
  readonly decoder: SSEDecoder;
  private readonly controller = new AbortController();
  private reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  private rejectPending: ((error: CloutAgentError) => void) | undefined;
  private closeReason: CloutAgentError | undefined;
  private waitingSince: number | undefined;

  constructor(
    private readonly http: Http,
    private readonly limits: ConnectionLimits,
  ) {
    this.decoder = new SSEDecoder(limits.maxEventBytes);
  }

  /**
   * Sends the request.
   * @returns false when the server has no more events (204)
   * @throws CloutAgentError
   */
  async open(path: string, call: Call): Promise<boolean> {
    const { signal } = this.controller;
    const response = await this.unlessSilent(
      this.http.send(path, { ...call, signal }).then((received) => {
        // A custom `fetch` may ignore the signal.
        if (this.closeReason) received.body?.cancel().catch(() => undefined);
        return received;
      }),
    );
    if (response.status === 204) return false;
    if (!response.ok) throw await this.unlessSilent(toProblemError(response));
    const type = response.headers.get('content-type') ?? '';
    if (response.status !== 200 || !response.body || !/^text\/event-stream *(;|$)/i.test(type)) {
      throw new CloutAgentError(
        'invalid_response',
        `The stream answered ${response.status} with ${type || 'no content type'} instead of text/event-stream. Is baseUrl right?`,
        { status: response.status },
      );
    }
    this.reader = response.body.getReader();
    return true;
  }

  /** Returns the next bytes; undefined when the server has ended the stream. @throws CloutAgentError */
  async read(): Promise<Uint8Array | undefined> {
    const { done, value } = await this.unlessSilent(this.reader!.read());
    return done ? undefined : value;
  }

  /** Closes the connection. A pending `open` or `read` rejects with `reason`. */
  close(reason = new CloutAgentError('aborted', 'The stream was closed.')): void {
    this.closeReason ??= reason;
    this.rejectPending?.(reason);
    this.controller.abort(reason);
    this.reader?.cancel(reason).catch(() => undefined);
  }

  /**
   * Closes the connection if it has been silent for too long. The timer of `unlessSilent` may be late, see `onReturn`.
   * @returns whether it closed the connection
   */
  closeIfSilent(): boolean {
    const silent = this.waitingSince !== undefined && Date.now() - this.waitingSince >= this.limits.silenceMs;
    if (silent) this.close(this.silenceError());
    return silent;
  }

  /** Settles like `work`, but rejects when the connection is closed or stays silent for `silenceMs`. */
  private unlessSilent<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => this.close(this.silenceError()), this.limits.silenceMs);
      const settle = (): void => {
        clearTimeout(timer);
        this.rejectPending = this.waitingSince = undefined;
      };
      this.waitingSince = Date.now();
      this.rejectPending = (error) => {
        settle();
        reject(error);
      };
      if (this.closeReason) this.rejectPending(this.closeReason);
      work.then(
        (value) => {
          if (this.closeReason) return;
          settle();
          resolve(value);
        },
        (error: unknown) => this.rejectPending?.(toNetworkError(error)),
      );
    });
  }

  private silenceError(): CloutAgentError {
    return new CloutAgentError('silent', `The server sent nothing for ${this.limits.silenceMs} ms.`);
  }
}

function toNetworkError(error: unknown): CloutAgentError {
  if (error instanceof CloutAgentError) return error;
  const { message, cause } = error as { message?: string; cause?: { message?: string } };
  return new CloutAgentError(
    'network',
    `The connection broke: ${cause?.message || message || String(error)}`,
    {
      cause: error,
    },
  );
}
