import type {
  ConnectionEstablished,
  EventPage,
  EventType,
  Execution,
  ExecutionPage,
  ExecutionsConnectionEstablished,
  ExecutionStatus,
  StartExecutionInput,
  StreamTicket,
  WorkflowOutline,
} from '@cloutagent/contract';
import { ExecutionFeed } from './execution-feed.js';
import { ExecutionStream, type StreamHooks } from './execution-stream.js';
import { CloutAgentError } from './error.js';
import type { Http, Query } from './http.js';
import type { RequestOptions, ResolvedOptions } from './options.js';
import { WatchFeed } from './watch-feed.js';

export interface StartOptions extends RequestOptions {
  /** Starting twice with the same key starts once. Up to 255 printable ASCII characters without spaces. */
  idempotencyKey?: string | undefined;
}

export interface ListFilter {
  projectId?: string | undefined;
  status?: ExecutionStatus | readonly ExecutionStatus[] | undefined;
  tag?: string | undefined;
  /** 1 … 100; default 20. */
  limit?: number | undefined;
  /** `nextCursor` of the page before. */
  cursor?: string | undefined;
}

export interface ApproveInput {
  /** May be left out when just one node waits. */
  nodeId?: string | undefined;
  /** Default true. */
  approved?: boolean | undefined;
  comment?: string | undefined;
}

export interface EventsQuery {
  /** Sequence after which to begin. */
  after?: number | undefined;
  types?: readonly EventType[] | undefined;
  /** 1 … 1000; default 100. */
  limit?: number | undefined;
}

export interface StreamOptions extends Omit<StreamHooks, 'onEstablished'> {
  /** Only these types; the stream still ends with the execution. */
  types?: readonly EventType[] | undefined;
  /** Sequence of the last event that you have; default 0, the beginning. */
  lastEventId?: number | undefined;
  /** Called with the first frame of every connection. */
  onEstablished?: ((established: ConnectionEstablished) => void) | undefined;
}

/** By filter, or by name: what both need is nothing. */
export type WatchFilter =
  | {
      projectId?: string | undefined;
      status?: ExecutionStatus | readonly ExecutionStatus[] | undefined;
      tag?: string | undefined;
      executionIds?: undefined;
    }
  | { executionIds: readonly string[] };

export interface WatchOptions extends Omit<StreamHooks, 'onEstablished'> {
  types?: readonly EventType[] | undefined;
  /** `start` (default): each execution from its first event. `now`: those under way go on from where they are. */
  from?: 'start' | 'now' | undefined;
  /** Called with the first frame of every connection. */
  onEstablished?: ((established: ExecutionsConnectionEstablished) => void) | undefined;
  /** Cursor of an earlier watch with the same filter. */
  lastEventId?: string | undefined;
}

/** Start, read, steer and watch executions. Every method throws CloutAgentError. */
export class ExecutionsApi {
  constructor(
    private readonly http: Http,
    private readonly options: ResolvedOptions,
  ) {}

  /** Starts an execution. It is `queued` in the answer; watch it with `stream`. */
  start(request: StartExecutionInput, options: StartOptions = {}): Promise<Execution> {
    const { signal, idempotencyKey } = options;
    const headers = { 'idempotency-key': idempotencyKey };
    return this.http.json('/api/executions', { method: 'POST', body: request, headers, signal });
  }

  get(executionId: string, { signal }: RequestOptions = {}): Promise<Execution> {
    return this.http.json(pathOf(executionId), { signal });
  }

  /** The graph it runs, without the nodes' configs. It never changes. */
  workflow(executionId: string, { signal }: RequestOptions = {}): Promise<WorkflowOutline> {
    return this.http.json(`${pathOf(executionId)}/workflow`, { signal });
  }

  /** Summaries, newest first: without inputs, steps and outputs, which `get` has. */
  list(filter: ListFilter = {}, { signal }: RequestOptions = {}): Promise<ExecutionPage> {
    return this.http.json('/api/executions', { query: { ...filter }, signal });
  }

  /** Nothing further is started or emitted, once what runs has come to a halt: `execution:paused` tells. */
  pause(executionId: string, control?: { reason?: string | undefined }, options?: RequestOptions) {
    return this.control(executionId, 'pause', control, options);
  }

  resume(executionId: string, control?: { reason?: string | undefined }, options?: RequestOptions) {
    return this.control(executionId, 'resume', control, options);
  }

  cancel(executionId: string, control?: { reason?: string | undefined }, options?: RequestOptions) {
    return this.control(executionId, 'cancel', control, options);
  }

  /** Answers a waiting `approval` node. */
  approve(executionId: string, answer?: ApproveInput, options?: RequestOptions): Promise<Execution> {
    return this.control(executionId, 'approve', answer, options);
  }

  /** Recorded events by page; go on with `after: page.nextAfter` until that is null. */
  events(executionId: string, query: EventsQuery = {}, { signal }: RequestOptions = {}): Promise<EventPage> {
    return this.http.json(`${pathOf(executionId)}/events`, { query: { ...query }, signal });
  }

  /** A ticket for `new EventSource(new URL(ticket.url, baseUrl))`: opened within 60 s, it reconnects from the same address. */
  streamTicket(executionId: string, { signal }: RequestOptions = {}): Promise<StreamTicket> {
    return this.http.json(`${pathOf(executionId)}/stream-tickets`, { method: 'POST', body: {}, signal });
  }

  /** The execution's events, from the first (or after `lastEventId`) to the terminal one. */
  stream(executionId: string, options: StreamOptions = {}): ExecutionStream {
    const { types, lastEventId = 0, ...hooks } = options;
    if (!Number.isSafeInteger(lastEventId) || lastEventId < 0)
      throw new CloutAgentError('invalid_argument', 'lastEventId is a sequence: 0, 1, 2 …');
    const feed = new ExecutionFeed(executionId, types, lastEventId);
    return new ExecutionStream(this.http, this.options, feed, hooks as StreamHooks);
  }

  /**
   * The events of many executions: those of a project (a string), those that match a filter, now or later, or those
   * named. By name it ends when all have ended; by filter it never ends by itself.
   */
  watch(filter: string | WatchFilter, options: WatchOptions = {}): ExecutionStream {
    const { types, from, lastEventId, ...hooks } = options;
    const asked = typeof filter === 'string' ? { projectId: filter } : filter;
    const feed = new WatchFeed({ ...(asked as Query), types, from }, types, lastEventId);
    return new ExecutionStream(this.http, this.options, feed, hooks as StreamHooks);
  }

  private control(
    executionId: string,
    action: 'pause' | 'resume' | 'cancel' | 'approve',
    body: object = {},
    { signal }: RequestOptions = {},
  ): Promise<Execution> {
    return this.http.json(`${pathOf(executionId)}/${action}`, { method: 'POST', body, signal });
  }
}

const pathOf = (executionId: string): string => `/api/executions/${encodeURIComponent(executionId)}`;
