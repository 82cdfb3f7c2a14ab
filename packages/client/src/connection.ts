import { CloutAgentError } from './error.js';
import type { Call, Http } from './http.js';
import { toError } from './problem.js';
import { SSEDecoder } from './sse-decoder.js';

export interface ConnectionLimits {
  readonly silenceMs: number;
  readonly maxEventBytes: number;
}

/**
 * One HTTP answer that is a stream of events. It reads only when it is asked to: a caller that is slow fills the
 * socket, not the memory.
 */
export class Connection {
  readonly decoder: SSEDecoder;
  private readonly controller = new AbortController();
  private reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  private fail: ((error: CloutAgentError) => void) | undefined;
  private closed: CloutAgentError | undefined;
  private waitingSince: number | undefined;

  constructor(
    private readonly http: Http,
    private readonly limits: ConnectionLimits,
  ) {
    this.decoder = new SSEDecoder(limits.maxEventBytes);
  }

  /**
   * @returns false when the server says that there is nothing more to come (204)
   * @throws CloutAgentError
   */
  async open(path: string, call: Call): Promise<boolean> {
    const { signal } = this.controller;
    const response = await this.unlessSilent(
      this.http.send(path, { ...call, signal }).then((answer) => {
        // A fetch of the caller's own may not heed the signal.
        if (this.closed) answer.body?.cancel().catch(() => undefined);
        return answer;
      }),
    );
    if (response.status === 204) return false;
    if (!response.ok) throw await this.unlessSilent(toError(response));
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

  /** The next bytes; undefined when the server has ended the stream. @throws CloutAgentError */
  async read(): Promise<Uint8Array | undefined> {
    const { done, value } = await this.unlessSilent(this.reader!.read());
    return done ? undefined : value;
  }

  /** Closes; whoever waits for something gets `reason`. */
  close(reason = new CloutAgentError('aborted', 'The stream was closed.')): void {
    this.closed ??= reason;
    this.fail?.(reason);
    this.controller.abort(reason);
    this.reader?.cancel(reason).catch(() => undefined);
  }

  /** Closes if nothing has come for too long: a timer may be late, see `onReturn`. @returns whether it did */
  closeIfSilent(): boolean {
    const silent = this.waitingSince !== undefined && Date.now() - this.waitingSince >= this.limits.silenceMs;
    if (silent) this.close(this.silent());
    return silent;
  }

  private unlessSilent<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => this.close(this.silent()), this.limits.silenceMs);
      const settle = (): void => {
        clearTimeout(timer);
        this.fail = this.waitingSince = undefined;
      };
      this.waitingSince = Date.now();
      this.fail = (error) => {
        settle();
        reject(error);
      };
      if (this.closed) this.fail(this.closed);
      work.then(
        (value) => {
          if (this.closed) return;
          settle();
          resolve(value);
        },
        (error: unknown) => this.fail?.(lost(error)),
      );
    });
  }

  private silent(): CloutAgentError {
    return new CloutAgentError('silent', `Nothing came for ${this.limits.silenceMs} ms.`);
  }
}

function lost(error: unknown): CloutAgentError {
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
