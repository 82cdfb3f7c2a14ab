import type { ExecutionEvent } from '@cloutagent/contract';
import type { EventSourceMessage } from 'eventsource-parser';
import { Backoff } from './backoff.js';
import { Connection } from './connection.js';
import type { ConnectionState } from './connection-state.js';
import { clampDelay } from './delay.js';
import { CloutAgentError, isTransient } from './error.js';
import type { Http } from './http.js';
import type { ResolvedOptions } from './options.js';
import { isOffline, onReturn } from './page-lifecycle.js';
import { guard } from './report.js';
import { type Established, parseData, type StreamProtocol } from './stream-protocol.js';

/** Number of faults at the same position after which the stream is refused as broken. */
const MAX_FAULTS = 5;

export interface StreamHooks {
  signal?: AbortSignal | undefined;
  /** Called with every change of `state`. */
  onState?: ((state: ConnectionState) => void) | undefined;
  /** Called with the first frame of every connection. */
  onEstablished?: ((established: Established) => void) | undefined;
}

/**
 * The events of a stream, each exactly once and in order. It reconnects as often as necessary.
 * It connects when the first event is requested, and reads more only when the next event is requested, so that a slow
 * consumer slows the server down instead of filling memory. It has one consumer. `break`, `close()` and the signal
 * close the connection and end the iteration without an error. The iteration throws CloutAgentError when a retry would
 * not help.
 */
export class ExecutionStream<Event extends ExecutionEvent = ExecutionEvent> implements AsyncIterable<Event> {
  private current: ConnectionState = { status: 'idle' };
  private readonly backoff: Backoff;
  private readonly events: AsyncGenerator<ExecutionEvent, void, void>;
  private connection: Connection | undefined;
  private wake: ((cause: 'return' | 'close') => void) | undefined;
  private stopListening: (() => void) | undefined;
  private faults = 0;
  /** The server has sent the last event. */
  private ended = false;
  /** The next attempt starts without a delay. */
  private skipDelay = false;

  /** @internal Use `executions.stream` or `executions.watch`. */
  constructor(
    private readonly http: Http,
    private readonly options: ResolvedOptions,
    private readonly protocol: StreamProtocol,
    private readonly hooks: StreamHooks = {},
  ) {
    this.backoff = new Backoff(options.baseMs, options.maxMs);
    this.events = this.run();
  }

  get state(): ConnectionState {
    return this.current;
  }

  /** Closes the connection and ends the iteration. */
  close(): void {
    this.finish({ status: 'closed', reason: this.ended ? 'ended' : 'disconnected' });
  }

  [Symbol.asyncIterator](): AsyncIterator<Event, void, void> {
    // The server sends only events of the stream's types.
    const events = this.events as AsyncGenerator<Event, void, void>;
    return {
      next: () => events.next(),
      return: () => {
        this.close();
        return events.return();
      },
    };
  }

  private get isClosed(): boolean {
    return this.current.status === 'closed';
  }

  private async *run(): AsyncGenerator<ExecutionEvent, void, void> {
    this.listen();
    while (!this.isClosed) {
      try {
        yield* this.readConnection();
        if (this.ended) this.close();
        else await this.waitToReconnect(new CloutAgentError('network', 'The server ended the connection.'));
      } catch (error) {
        if (this.isClosed) return;
        const failure = toClientError(error);
        if (!this.isTransient(failure)) {
          this.finish({ status: 'closed', reason: 'refused', error: failure });
          throw failure;
        }
        await this.waitToReconnect(failure);
      }
    }
  }

  /** Yields the events of one connection, from its opening to its end. */
  private async *readConnection(): AsyncGenerator<ExecutionEvent, void, void> {
    const connection = new Connection(this.http, this.options);
    const { decoder } = connection;
    this.connection = connection;
    try {
      this.enter({ status: 'connecting', attempt: this.backoff.failures + 1 });
      const { path, call, lastEventId } = this.protocol;
      const headers = { ...call.headers, accept: 'text/event-stream', 'last-event-id': lastEventId };
      this.ended = !(await connection.open(path, { ...call, headers }));
      if (this.ended) return;
      this.enter({ status: 'open' });
      for (let bytes = await connection.read(); bytes; bytes = await connection.read()) {
        const messages = decoder.decode(bytes);
        if (decoder.retryMs !== undefined) this.backoff.retryMs = decoder.retryMs;
        if (decoder.comments > 0) this.backoff.succeeded();
        for (const message of messages) {
          if (message.event === 'connection:established') {
            this.establish(message);
            continue;
          }
          const event = this.protocol.accept(message);
          if (!event) continue;
          this.faults = 0;
          this.backoff.succeeded();
          this.ended = this.protocol.isLast(event);
          if (this.ended) connection.close();
          yield event;
          if (this.ended || this.isClosed) return;
        }
        if (decoder.error) throw decoder.error;
      }
    } finally {
      connection.close();
      this.connection = undefined;
    }
  }

  private isTransient(failure: CloutAgentError): boolean {
    if (failure.code !== 'sequence_gap' && failure.code !== 'invalid_event') return isTransient(failure);
    this.faults += 1;
    return this.faults < MAX_FAULTS;
  }

  private async waitToReconnect({ message, retryAfterMs }: CloutAgentError): Promise<void> {
    if (this.skipDelay || this.isClosed) {
      this.skipDelay = false;
      return;
    }
    const { baseMs, maxMs } = this.options;
    // A browser that reports no network may still reach the server, so the stream keeps trying, but rarely.
    const offlineMs = isOffline() ? maxMs : 0;
    const serverMs = retryAfterMs === undefined ? 0 : retryAfterMs + Math.random() * baseMs;
    const delayMs = clampDelay(Math.max(this.backoff.next(), offlineMs, serverMs));
    this.enter({ status: 'waiting', attempt: this.backoff.failures, delayMs, reason: message });
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      this.wake = (cause) => {
        // The server's Retry-After stays in force when the page becomes visible or the network returns.
        if (cause === 'return' && retryAfterMs !== undefined) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = undefined;
  }

  private listen(): void {
    const { signal } = this.hooks;
    if (signal?.aborted) return this.close();
    const close = (): void => this.close();
    signal?.addEventListener('abort', close, { once: true });
    const stop = onReturn((event) => this.onReturn(event));
    this.stopListening = () => {
      signal?.removeEventListener('abort', close);
      stop();
    };
  }

  /**
   * Ends a wait, and replaces a connection that is probably dead: the network returned, or the page became visible.
   * Reconnecting is safe because the stream resumes after its last event.
   */
  private onReturn(event: 'online' | 'visible'): void {
    this.wake?.('return');
    if (!this.connection) return;
    if (event === 'online') {
      this.connection.close(new CloutAgentError('network', 'The network changed.'));
      this.skipDelay = true;
    } else if (this.connection.closeIfSilent()) {
      this.skipDelay = true;
    }
  }

  private establish(message: EventSourceMessage): void {
    const fields = parseData(message) as unknown as Established;
    this.protocol.begin(fields);
    guard(() => this.hooks.onEstablished?.(fields));
  }

  private enter(state: ConnectionState): void {
    if (this.isClosed) return;
    this.current = state;
    guard(() => this.hooks.onState?.(state));
  }

  private finish(state: ConnectionState): void {
    this.enter(state);
    this.connection?.close();
    this.wake?.('close');
    this.stopListening?.();
  }
}

function toClientError(error: unknown): CloutAgentError {
  if (error instanceof CloutAgentError) return error;
  return new CloutAgentError('invalid_response', `The stream cannot be read: ${String(error)}`, {
    cause: error,
  });
}
