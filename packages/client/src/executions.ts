import type {
  BatchResults,
  ConnectionEstablished,
  DeletedExecution,
  EventPage,
  EventType,
  Execution,
  ExecutionEventOf,
  ExecutionPage,
  ExecutionsConnectionEstablished,
  ExecutionStatus,
  Json,
  RerunExecutionInput,
  SentSignal,
  StartBatchInput,
  StartExecutionInput,
  StreamTicket,
  ValidatedExecution,
  WorkflowOutline,
} from '@cloutagent/contract';
import { CloutAgentError } from './error.js';
import { ExecutionStream, type StreamHooks } from './execution-stream.js';
import { ExecutionStreamProtocol } from './execution-stream-protocol.js';
import { ExecutionsStreamProtocol } from './executions-stream-protocol.js';
import type { Http, Query } from './http.js';
import type { RequestOptions, ResolvedOptions } from './options.js';
import { StartStreamProtocol } from './start-stream-protocol.js';
import { TERMINAL } from './stream-protocol.js';

export interface StartOptions extends RequestOptions {
  /** Requests with the same key start one execution. Up to 255 printable ASCII characters without spaces. */
  idempotencyKey?: string | undefined;
}

export interface StartAndWaitOptions extends StartOptions {
  /** How long the server may hold its answer, in s. Default 30. The server has a limit of its own, MAX_PREFER_WAIT_MS. */
  waitSeconds?: number | undefined;
}

export interface StartAndStreamOptions<T extends EventType = EventType> extends Omit<
  StreamOptions<T>,
  'types' | 'lastEventId'
> {
  /** Requests with the same key start one execution, and stream it. Default: a random key. */
  idempotencyKey?: string | undefined;
}

export interface ListFilter {
  projectId?: string | undefined;
  status?: ExecutionStatus | readonly ExecutionStatus[] | undefined;
  tag?: string | undefined;
  /** Only the child executions of this execution. */
  parentId?: string | undefined;
  /** Only the executions below this one, at any depth. */
  rootId?: string | undefined;
  /** Only the re-runs of this execution. */
  rerunOf?: string | undefined;
  /** Only executions of this saved workflow: its name, or `name@3` for one version. */
  workflow?: string | undefined;
  /** Only executions created at this time or later, in ISO 8601. */
  createdAfter?: string | undefined;
  /** Only executions created before this time, in ISO 8601. */
  createdBefore?: string | undefined;
  /** true: child executions as well. By default a list shows only roots, unless `parentId` or `rootId` is set. */
  children?: boolean | undefined;
  /** 1 … 100; default 20. */
  limit?: number | undefined;
  /** `nextCursor` of the previous page. */
  cursor?: string | undefined;
}

export interface ApproveInput {
  /** Optional when exactly one node is waiting. */
  nodeId?: string | undefined;
  /** Default true. */
  approved?: boolean | undefined;
  comment?: string | undefined;
}

export interface EventsQuery<T extends EventType = EventType> {
  /** Returns events after this sequence. Default 0. */
  after?: number | undefined;
  /** Returns only these types. */
  types?: readonly T[] | undefined;
  /** 1 … 1000; default 100. */
  limit?: number | undefined;
}

export interface StreamOptions<T extends EventType = EventType> extends Omit<StreamHooks, 'onEstablished'> {
  /** Yields only these types, and TypeScript knows it. The stream still ends when the execution ends. */
  types?: readonly T[] | undefined;
  /** Sequence of the last event that you have received. Default 0, the beginning. */
  lastEventId?: number | undefined;
  /** Called with the first frame of every connection. */
  onEstablished?: ((established: ConnectionEstablished) => void) | undefined;
}

/**
 * Selects executions by filter, by id, or by the root of their tree. With nothing, the stream covers every execution that
 * the caller may see, without child executions.
 */
export type WatchFilter =
  | {
      projectId?: string | undefined;
      status?: ExecutionStatus | readonly ExecutionStatus[] | undefined;
      tag?: string | undefined;
      executionIds?: undefined;
      rootId?: undefined;
    }
  | { executionIds: readonly string[]; rootId?: undefined }
  | { rootId: string; executionIds?: undefined };

export interface WatchOptions<T extends EventType = EventType> extends Omit<StreamHooks, 'onEstablished'> {
  /** Yields only these types, and TypeScript knows it. */
  types?: readonly T[] | undefined;
  /**
   * `start` (default): each execution from its first event. `now`: for executions that already exist, only new events.
   */
  from?: 'start' | 'now' | undefined;
  /** Called with the first frame of every connection. */
  onEstablished?: ((established: ExecutionsConnectionEstablished) => void) | undefined;
  /** Cursor of an earlier `watch` with the same filter. */
  lastEventId?: string | undefined;
}

/** Starts, reads, controls and watches executions. Every method throws CloutAgentError. */
export class ExecutionsApi {
  constructor(
    private readonly http: Http,
    private readonly options: ResolvedOptions,
  ) {}

  /**
   * Starts an execution of a graph (`workflow`) or of a saved workflow (`workflowRef`). It is returned as `queued`; follow
   * it with `stream`.
   */
  start(request: StartExecutionInput, options: StartOptions = {}): Promise<Execution> {
    return this.post(EXECUTIONS, request, options);
  }

  /** Checks a request of `start`, and starts nothing. An invalid request is no error: see `valid` and `problems`. */
  validate(request: StartExecutionInput, options?: RequestOptions): Promise<ValidatedExecution> {
    return this.post(`${EXECUTIONS}/validate`, request, options);
  }

  /** Starts up to 1,000 executions. Each has a result of its own: a wrong one does not stop the others. */
  startBatch(request: StartBatchInput, options?: RequestOptions): Promise<BatchResults> {
    return this.post(`${EXECUTIONS}/batch`, request, options);
  }

  /**
   * Starts an execution, and returns it when it has ended, also if it has failed; see `status`. Takes one request if it
   * ends within `waitSeconds`, and follows its stream otherwise.
   */
  async startAndWait(request: StartExecutionInput, options: StartAndWaitOptions = {}): Promise<Execution> {
    const { waitSeconds = 30, ...rest } = options;
    const execution = await this.post<Execution>(EXECUTIONS, request, rest, {
      prefer: `wait=${waitSeconds}`,
    });
    return execution.completedAt === undefined ? this.waitForEnd(execution.id, rest) : execution;
  }

  /**
   * Starts an execution and streams its events, with one request. Closing the stream does not cancel the execution. Every
   * event has its `executionId`.
   */
  startAndStream(request: StartExecutionInput, options: StartAndStreamOptions = {}): ExecutionStream {
    const { idempotencyKey, ...hooks } = options;
    const protocol = new StartStreamProtocol(request, idempotencyKey);
    return new ExecutionStream(this.http, this.options, protocol, hooks as StreamHooks);
  }

  /**
   * Deletes an ended execution with those below it, for good. Fails with `execution_not_ended`. Re-runs of it hold copies
   * of its outputs and stay; the answer names them.
   */
  delete(executionId: string, { signal }: RequestOptions = {}): Promise<DeletedExecution> {
    return this.http.json(pathOf(executionId), { method: 'DELETE', signal });
  }

  get(executionId: string, { signal }: RequestOptions = {}): Promise<Execution> {
    return this.http.json(pathOf(executionId), { signal });
  }

  /** Returns the execution's workflow without the configs of its nodes. It never changes. */
  workflow(executionId: string, { signal }: RequestOptions = {}): Promise<WorkflowOutline> {
    return this.http.json(`${pathOf(executionId)}/workflow`, { signal });
  }

  /** Returns summaries, newest first. They have no inputs, steps and outputs; `get` returns these. */
  list(filter: ListFilter = {}, { signal }: RequestOptions = {}): Promise<ExecutionPage> {
    return this.http.json('/api/executions', { query: { ...filter }, signal });
  }

  /**
   * Pauses an execution. The event `execution:paused` confirms that its running nodes have stopped; until
   * `execution:resumed` no node starts and no event is emitted.
   */
  pause(executionId: string, control?: { reason?: string | undefined }, options?: RequestOptions) {
    return this.control(executionId, 'pause', control, options);
  }

  resume(executionId: string, control?: { reason?: string | undefined }, options?: RequestOptions) {
    return this.control(executionId, 'resume', control, options);
  }

  cancel(executionId: string, control?: { reason?: string | undefined }, options?: RequestOptions) {
    return this.control(executionId, 'cancel', control, options);
  }

  /** Answers a waiting `approval` node: a short form of `waits.answer`. */
  approve(executionId: string, answer?: ApproveInput, options?: RequestOptions): Promise<Execution> {
    return this.control(executionId, 'approve', answer, options);
  }

  /**
   * Sends a signal. It ends the oldest open wait for a signal of this name; until there is one, the server keeps it.
   * @param body the output of the `wait` node. Default null
   */
  signal(executionId: string, name: string, body: Json = null, options?: StartOptions): Promise<SentSignal> {
    return this.post(`${pathOf(executionId)}/signals/${encodeURIComponent(name)}`, body, options);
  }

  /**
   * Starts a new execution that keeps the completed steps of an ended one. By default it begins at the nodes that failed
   * or were cut off. Returns the new execution.
   */
  rerun(executionId: string, request: RerunExecutionInput = {}, options?: StartOptions): Promise<Execution> {
    return this.post(`${pathOf(executionId)}/rerun`, request, options);
  }

  /** Returns one page of recorded events. Continue with `after: page.nextAfter` until `nextAfter` is null. */
  events<T extends EventType = EventType>(
    executionId: string,
    query: EventsQuery<T> = {},
    { signal }: RequestOptions = {},
  ): Promise<EventPage<T>> {
    return this.http.json(`${pathOf(executionId)}/events`, { query: { ...query }, signal });
  }

  /**
   * Creates a ticket for `new EventSource(new URL(ticket.url, baseUrl))`. Open it within 60 s; after that, EventSource can
   * reconnect with it from the same IP address.
   */
  streamTicket(executionId: string, options?: RequestOptions): Promise<StreamTicket> {
    return this.post(`${pathOf(executionId)}/stream-tickets`, {}, options);
  }

  /** Streams the execution's events, from the first (or after `lastEventId`) to the terminal one. */
  stream<T extends EventType = EventType>(
    executionId: string,
    options: StreamOptions<T> = {},
  ): ExecutionStream<ExecutionEventOf<T>> {
    const { types, lastEventId = 0, ...hooks } = options;
    if (!Number.isSafeInteger(lastEventId) || lastEventId < 0)
      throw new CloutAgentError('invalid_argument', 'lastEventId must be a sequence: 0, 1, 2 …');
    const protocol = new ExecutionStreamProtocol(executionId, types, lastEventId);
    return new ExecutionStream<ExecutionEventOf<T>>(this.http, this.options, protocol, hooks as StreamHooks);
  }

  /**
   * Waits until the execution has ended, and returns it. An execution that waits has not ended. A failed or cancelled execution is returned too; see `status`.
   * @example
   * ```ts
   * const { status, output } = await client.executions.waitForEnd(id, { signal: AbortSignal.timeout(60_000) });
   * ```
   */
  async waitForEnd(executionId: string, { signal }: RequestOptions = {}): Promise<Execution> {
    // An aborted stream ends without an error. The request below then throws.
    for await (const _end of this.stream(executionId, { types: TERMINAL, signal }));
    return this.get(executionId, { signal });
  }

  /**
   * Streams the events of many executions.
   * @param filter a project id, a filter, ids, or the root of a tree. A filter also matches executions that start later,
   * and its stream never ends; a stream of ids ends when all of its executions have ended, and that of a tree ends with
   * its root.
   */
  watch<T extends EventType = EventType>(
    filter: string | WatchFilter,
    options: WatchOptions<T> = {},
  ): ExecutionStream<ExecutionEventOf<T>> {
    const { types, from, lastEventId, ...hooks } = options;
    const selection = typeof filter === 'string' ? { projectId: filter } : filter;
    const query = { ...(selection as Query), types, from };
    const protocol = new ExecutionsStreamProtocol({ query }, types, lastEventId);
    return new ExecutionStream<ExecutionEventOf<T>>(this.http, this.options, protocol, hooks as StreamHooks);
  }

  private control(
    executionId: string,
    action: 'pause' | 'resume' | 'cancel' | 'approve',
    body: object = {},
    options?: RequestOptions,
  ): Promise<Execution> {
    return this.post(`${pathOf(executionId)}/${action}`, body, options);
  }

  private post<T>(
    path: string,
    body: unknown,
    { signal, idempotencyKey }: StartOptions = {},
    headers: Record<string, string> = {},
  ): Promise<T> {
    const all = { ...headers, 'idempotency-key': idempotencyKey };
    return this.http.json(path, { method: 'POST', body, headers: all, signal });
  }
}

const EXECUTIONS = '/api/executions';
const pathOf = (executionId: string): string => `${EXECUTIONS}/${encodeURIComponent(executionId)}`;
