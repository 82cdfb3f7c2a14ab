import type { ExecutionEvent } from '@cloutagent/contract';
import type { EventSourceMessage } from 'eventsource-parser';
import { Backoff } from './backoff.js';
import { Connection } from './connection.js';
import type { ConnectionState } from './connection-state.js';
import { clampDelay } from './delay.js';
import { CloutAgentError, mayPass } from './error.js';
import { type Established, type Feed, parseData } from './feed.js';
import type { Http } from './http.js';
import type { ResolvedOptions } from './options.js';
import { guard } from './report.js';
import { isOffline, onReturn } from './surroundings.js';

/** Times that a stream may be wrong at the same place before it counts as broken. */
const MOST_FAULTS = 5;

export interface StreamHooks {
  signal?: AbortSignal | undefined;
  /** Called with every change of `state`. */
  onState?: ((state: ConnectionState) => void) | undefined;
  /** Called with the first frame of every connection. */
  onEstablished?: ((established: Established) => void) | undefined;
}

/**
 * The events of a stream, each once and in order, over as many connections as it takes. It connects when the first
 * event is asked for, and reads on only when the next one is: a slow consumer holds back the server, not its memory.
 * One consumer; `break`, `close()` and the signal all close the connection and end the iteration quietly.
 * It throws CloutAgentError when trying again would not help.
 */
export class ExecutionStream implements AsyncIterable<ExecutionEvent> {
  private current: ConnectionState = { status: 'idle' };
  private readonly backoff: Backoff;
  private readonly events: AsyncGenerator<ExecutionEvent, void, void>;
  private connection: Connection | undefined;
  private wake: ((why: 'return' | 'close') => void) | undefined;
  private stopListening: (() => void) | undefined;
  private faults = 0;
  /** Nothing comes after what has been taken. */
  private over = false;
  /** The next attempt is not to wait. */
  private hurry = false;

  /** @internal Use `executions.stream` or `executions.watch`. */
  constructor(
    private readonly http: Http,
    private readonly options: ResolvedOptions,
    private readonly feed: Feed,
    private readonly hooks: StreamHooks = {},
  ) {
    this.backoff = new Backoff(options.baseMs, options.maxMs);
    this.events = this.run();
  }

  get state(): ConnectionState {
    return this.current;
  }

  /** Closes the connection; the iteration ends. */
  close(): void {
    this.finish({ status: 'closed', reason: this.over ? 'ended' : 'disconnected' });
  }

  [Symbol.asyncIterator](): AsyncIterator<ExecutionEvent, void, void> {
    return {
      next: () => this.events.next(),
      return: () => {
        this.close();
        return this.events.return();
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
        yield* this.follow();
        if (this.over) this.close();
        else await this.pause(new CloutAgentError('network', 'The server ended the connection.'));
      } catch (error) {
        if (this.isClosed) return;
        const failure = named(error);
        if (!this.mayPass(failure)) {
          this.finish({ status: 'closed', reason: 'refused', error: failure });
          throw failure;
        }
        await this.pause(failure);
      }
    }
  }

  /** One connection, from its opening to its end. */
  private async *follow(): AsyncGenerator<ExecutionEvent, void, void> {
    const connection = new Connection(this.http, this.options);
    const { decoder } = connection;
    this.connection = connection;
    try {
      this.enter({ status: 'connecting', attempt: this.backoff.failures + 1 });
      const { path, query, lastEventId } = this.feed;
      const headers = { accept: 'text/event-stream', 'last-event-id': lastEventId };
      this.over = !(await connection.open(path, { query, headers }));
      if (this.over) return;
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
          const event = this.feed.accept(message);
          if (!event) continue;
          this.faults = 0;
          this.backoff.succeeded();
          this.over = this.feed.isLast(event);
          if (this.over) connection.close();
          yield event;
          if (this.over || this.isClosed) return;
        }
        if (decoder.error) throw decoder.error;
      }
    } finally {
      connection.close();
      this.connection = undefined;
    }
  }

  private mayPass(failure: CloutAgentError): boolean {
    if (failure.code !== 'sequence_gap' && failure.code !== 'invalid_event') return mayPass(failure);
    this.faults += 1;
    return this.faults < MOST_FAULTS;
  }

  private async pause({ message, retryAfterMs }: CloutAgentError): Promise<void> {
    if (this.hurry || this.isClosed) {
      this.hurry = false;
      return;
    }
    const { baseMs, maxMs } = this.options;
    // A browser that is offline for some hosts may still reach others, so that it is asked, but rarely.
    const least = isOffline() ? maxMs : 0;
    const asked = retryAfterMs === undefined ? 0 : retryAfterMs + Math.random() * baseMs;
    const delayMs = clampDelay(Math.max(this.backoff.next(), least, asked));
    this.enter({ status: 'waiting', attempt: this.backoff.failures, delayMs, reason: message });
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      this.wake = (why) => {
        // Who was told to come later does not come earlier because a page is looked at.
        if (why === 'return' && retryAfterMs !== undefined) return;
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
    const stop = onReturn((what) => this.onReturn(what));
    this.stopListening = () => {
      signal?.removeEventListener('abort', close);
      stop();
    };
  }

  /** The network is back, or the page is: what is dead is not waited for. Nothing is lost by coming anew. */
  private onReturn(what: 'online' | 'visible'): void {
    this.wake?.('return');
    if (!this.connection) return;
    if (what === 'online') {
      this.connection.close(new CloutAgentError('network', 'The network changed.'));
      this.hurry = true;
    } else if (this.connection.closeIfSilent()) {
      this.hurry = true;
    }
  }

  private establish(message: EventSourceMessage): void {
    const fields = parseData(message) as unknown as Established;
    this.feed.begin(fields);
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

function named(error: unknown): CloutAgentError {
  if (error instanceof CloutAgentError) return error;
  return new CloutAgentError('invalid_response', `The stream cannot be read: ${String(error)}`, {
    cause: error,
  });
}
