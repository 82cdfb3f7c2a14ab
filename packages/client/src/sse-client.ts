import type { ConnectionEstablished, EventType, ExecutionEvent } from '@cloutagent/contract';
import type { ConnectionState } from './connection-state.js';
import { CloutAgentError } from './error.js';
import { ExecutionFeed } from './execution-feed.js';
import { ExecutionStream, type StreamHooks } from './execution-stream.js';
import { Http } from './http.js';
import { type ClientOptions, resolveOptions, type ResolvedOptions } from './options.js';
import { report } from './report.js';

/** What each handler is called with. */
export type SSEHandlers = {
  [T in EventType]: Extract<ExecutionEvent, { type: T }>;
} & {
  /** Opens every connection; `lastSequence` is where the journal stood. */
  'connection:established': ConnectionEstablished;
  /** Every change of `state`. */
  state: ConnectionState;
  /** The stream was refused for good, or a handler threw. */
  error: CloutAgentError;
  /** Every recorded event, of whatever type. */
  '*': ExecutionEvent;
};

export interface SSEConnectOptions {
  /** Only these types; the stream still ends with the execution. */
  types?: readonly EventType[] | undefined;
  /** Sequence of the last event that you have; default 0, the beginning. */
  lastEventId?: number | undefined;
}

type Handler = (value: never) => unknown;

/** Watches one execution at a time and calls handlers. They may be added before or after connecting, several a type. */
export class SSEClient {
  private readonly options: ResolvedOptions;
  private readonly http: Http;
  private readonly handlers = new Map<string, Set<Handler>>();
  private stream: ExecutionStream | undefined;
  private executionId: string | null = null;

  /** @throws CloutAgentError `invalid_argument` */
  constructor(options: ClientOptions) {
    this.options = resolveOptions(options);
    this.http = new Http(this.options);
  }

  get state(): ConnectionState {
    return this.stream?.state ?? { status: 'idle' };
  }

  /** Begins to watch; leaves the execution watched so far. */
  connect(executionId: string, { types, lastEventId = 0 }: SSEConnectOptions = {}): void {
    this.disconnect();
    const hooks: StreamHooks = {
      onState: (state) => this.emit('state', state),
      onEstablished: (established) => this.emit('connection:established', established),
    };
    const feed = new ExecutionFeed(executionId, types, lastEventId);
    const stream = new ExecutionStream(this.http, this.options, feed, hooks);
    this.executionId = executionId;
    this.stream = stream;
    void this.deliver(stream);
  }

  /** Calls `handler` with every event of this type from now on. The same handler is called once. */
  on<T extends keyof SSEHandlers>(type: T, handler: (value: SSEHandlers[T]) => unknown): this {
    const handlers = this.handlers.get(type) ?? new Set();
    this.handlers.set(type, handlers.add(handler));
    return this;
  }

  /** Takes a handler away; without one, all of that type. */
  off<T extends keyof SSEHandlers>(type: T, handler?: (value: SSEHandlers[T]) => unknown): this {
    if (handler) this.handlers.get(type)?.delete(handler);
    else this.handlers.delete(type);
    return this;
  }

  /** Closes the connection. Handlers stay for the next one. */
  disconnect(): void {
    this.stream?.close();
    this.executionId = null;
  }

  isConnected(): boolean {
    return this.state.status === 'open';
  }

  /** The execution that is watched, or was when its stream ended; null before `connect` and after `disconnect`. */
  getExecutionId(): string | null {
    return this.executionId;
  }

  /** @returns stops calling back */
  onStateChange(callback: (state: ConnectionState) => void): () => void {
    const handler = (state: ConnectionState): void => callback(state);
    this.on('state', handler);
    return () => void this.off('state', handler);
  }

  private async deliver(stream: ExecutionStream): Promise<void> {
    try {
      for await (const event of stream) {
        this.emit(event.type, event);
        this.emit('*', event);
      }
    } catch (error) {
      if (this.stream === stream) this.emit('error', error);
    }
  }

  private emit(type: string, value: unknown): void {
    const handlers = this.handlers.get(type);
    // A copy: a handler may add and remove handlers.
    for (const handler of handlers ? Array.from(handlers) : []) {
      try {
        const result = handler(value as never);
        if (result instanceof Promise) result.catch((error: unknown) => this.failed(type, error));
      } catch (error) {
        this.failed(type, error);
      }
    }
  }

  /** A handler threw. The others and the stream do not mind. */
  private failed(type: string, cause: unknown): void {
    if (type === 'error' || !this.handlers.get('error')?.size) return report(cause);
    const why = cause instanceof Error ? cause.message : String(cause);
    this.emit(
      'error',
      new CloutAgentError('handler_failed', `A handler of ${type} threw: ${why}`, { cause }),
    );
  }
}
