import type {
  ConnectionEstablished,
  EventType,
  ExecutionEvent,
  ExecutionEventOf,
} from '@cloutagent/contract';
import type { ConnectionState } from './connection-state.js';
import { CloutAgentError } from './error.js';
import { ExecutionStream, type StreamHooks } from './execution-stream.js';
import { ExecutionStreamProtocol } from './execution-stream-protocol.js';
import { Http } from './http.js';
import { type ClientOptions, resolveOptions, type ResolvedOptions } from './options.js';
import { report } from './report.js';

/** The argument of each handler. */
export type SSEHandlers = {
  [T in EventType]: ExecutionEventOf<T>;
} & {
  /** First frame of every connection. `lastSequence` is the last event that was recorded at that time. */
  'connection:established': ConnectionEstablished;
  /** Every change of `state`. */
  state: ConnectionState;
  /** The stream ended with an error, or a handler threw. */
  error: CloutAgentError;
  /** Every recorded event, whatever its type. */
  '*': ExecutionEvent;
};

export interface SSEConnectOptions<T extends EventType = EventType> {
  /** Receives only these types. The stream still ends when the execution ends. */
  types?: readonly T[] | undefined;
  /** Sequence of the last event that you have received. Default 0, the beginning. */
  lastEventId?: number | undefined;
  /** Called with every event of this execution, before the handlers. TypeScript knows that it has one of `types`. */
  onEvent?: ((event: ExecutionEventOf<T>) => unknown) | undefined;
}

type Handler = (value: never) => unknown;

/** Watches one execution at a time and calls handlers. Handlers can be added at any time, several for each type. */
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

  /** Watches this execution, and stops watching the previous one. */
  connect<T extends EventType = EventType>(
    executionId: string,
    { types, lastEventId = 0, onEvent }: SSEConnectOptions<T> = {},
  ): void {
    this.disconnect();
    const hooks: StreamHooks = {
      onState: (state) => this.emit('state', state),
      onEstablished: (established) => this.emit('connection:established', established),
    };
    const protocol = new ExecutionStreamProtocol(executionId, types, lastEventId);
    const stream = new ExecutionStream<ExecutionEventOf<T>>(this.http, this.options, protocol, hooks);
    this.executionId = executionId;
    this.stream = stream;
    void this.deliver(stream, onEvent);
  }

  /** Calls `handler` with every event of this type from now on. A handler that is added twice is called once. */
  on<T extends keyof SSEHandlers>(type: T, handler: (value: SSEHandlers[T]) => unknown): this {
    const handlers = this.handlers.get(type) ?? new Set();
    this.handlers.set(type, handlers.add(handler));
    return this;
  }

  /** Removes a handler; without `handler`, removes all handlers of that type. */
  off<T extends keyof SSEHandlers>(type: T, handler?: (value: SSEHandlers[T]) => unknown): this {
    if (handler) this.handlers.get(type)?.delete(handler);
    else this.handlers.delete(type);
    return this;
  }

  /** Closes the connection. Handlers stay for the next connection. */
  disconnect(): void {
    this.stream?.close();
    this.executionId = null;
  }

  isConnected(): boolean {
    return this.state.status === 'open';
  }

  /**
   * Returns the id of the watched execution, also after its stream has ended; null before `connect` and after
   * `disconnect`.
   */
  getExecutionId(): string | null {
    return this.executionId;
  }

  /** Calls `callback` with every change of `state`. @returns a function that stops it */
  onStateChange(callback: (state: ConnectionState) => void): () => void {
    const handler = (state: ConnectionState): void => callback(state);
    this.on('state', handler);
    return () => void this.off('state', handler);
  }

  private async deliver<T extends EventType>(
    stream: ExecutionStream<ExecutionEventOf<T>>,
    onEvent: SSEConnectOptions<T>['onEvent'],
  ): Promise<void> {
    try {
      for await (const event of stream) {
        if (onEvent) this.call(event.type, onEvent, event);
        this.emit(event.type, event);
        this.emit('*', event);
      }
    } catch (error) {
      if (this.stream === stream) this.emit('error', error);
    }
  }

  private emit(type: string, value: unknown): void {
    const handlers = this.handlers.get(type);
    // Iterate over a copy, because a handler may add and remove handlers.
    for (const handler of handlers ? Array.from(handlers) : []) this.call(type, handler, value);
  }

  private call(type: string, handler: Handler, value: unknown): void {
    try {
      const result = handler(value as never);
      if (result instanceof Promise) result.catch((error: unknown) => this.onHandlerError(type, error));
    } catch (error) {
      this.onHandlerError(type, error);
    }
  }

  /** Reports an error of a handler. The other handlers and the stream continue. */
  private onHandlerError(type: string, cause: unknown): void {
    if (type === 'error' || !this.handlers.get('error')?.size) return report(cause);
    const why = cause instanceof Error ? cause.message : String(cause);
    this.emit(
      'error',
      new CloutAgentError('handler_failed', `A handler of ${type} threw: ${why}`, { cause }),
    );
  }
}
