import type { CloutAgent, CloutAgentError, ConnectionState } from '@cloutagent/client';
import type {
  EventType,
  ExecutionEvent,
  ExecutionPage,
  ExecutionStatus,
  ExecutionSummary,
} from '@cloutagent/contract';
import { toClientError } from './client-error.js';
import { ExecutionRow } from './execution-row.js';
import { inNextFrame } from './frames.js';
import { Poller } from './poller.js';

export interface ExecutionsFilter {
  projectId?: string | undefined;
  /** One status or several. Default: all. */
  status?: ExecutionStatus | readonly ExecutionStatus[] | undefined;
  tag?: string | undefined;
  /** Only the child executions of this execution. Set `rootId` too if this execution is itself a child. */
  parentId?: string | undefined;
  /** Only the executions below this one, at any depth. */
  rootId?: string | undefined;
  /** Only the re-runs of this execution. */
  rerunOf?: string | undefined;
  /** Executions per page, 1 … 100. Default 50. */
  limit?: number | undefined;
}

export interface ExecutionsSnapshot {
  /** Newest first, each up to date with its events. */
  readonly executions: readonly ExecutionSummary[];
  /** True until the first response. */
  readonly loading: boolean;
  readonly hasMore: boolean;
  readonly loadingMore: boolean;
  /** Why the last read of the list failed. The list is read again. */
  readonly error: CloutAgentError | undefined;
  /** The live connection. While it is not open, the list is polled: every 15 s, or every 5 s when it was refused. */
  readonly connection: ConnectionState;
}

export const NO_EXECUTIONS: ExecutionsSnapshot = Object.freeze({
  executions: [],
  loading: true,
  hasMore: false,
  loadingMore: false,
  error: undefined,
  connection: { status: 'idle' },
} satisfies ExecutionsSnapshot);

/** Events that change the status, so that an execution may enter or leave a list. */
const STATUS_TYPES: readonly EventType[] = [
  'execution:started',
  'execution:paused',
  'execution:resumed',
  'execution:waiting',
  'execution:wait-ended',
  'execution:completed',
  'execution:failed',
  'execution:cancelled',
];
/**
 * Events after which an execution is running or waiting, depending on its steps. A row has no steps, so the list is read
 * again; until then the row shows what is more likely.
 */
const UNCERTAIN_TYPES: readonly EventType[] = [
  'execution:resumed',
  'execution:waiting',
  'execution:wait-ended',
];
/** Events that change a row of a list. Step events do not, and they contain outputs, which may be large. */
const TYPES: readonly EventType[] = [
  ...STATUS_TYPES,
  'execution:progress',
  'execution:token-usage',
  'execution:cost-update',
];

const PAGE_SIZE = 50;
/** Polling interval while the stream reconnects, or after a read that failed. */
const RETRY_MS = 15_000;
/** Polling interval while the stream is closed. */
const POLL_MS = 5_000;
/** Above this number of rows the list starts again with the first page. */
const MAX_ROWS = 2_000;

/** A list of executions that stays up to date: it is read once and then updated by the stream of many executions. */
export class ExecutionsStore {
  private readonly rows = new Map<string, ExecutionRow>();
  private readonly watchers = new Set<() => void>();
  private readonly closing = new AbortController();
  private readonly statuses: readonly ExecutionStatus[] | undefined;
  private current = NO_EXECUTIONS;
  private connection: ConnectionState = { status: 'idle' };
  private nextCursor: string | null = null;
  private pages = 1;
  private loading = true;
  private loadingMore = false;
  private error: CloutAgentError | undefined;
  private readonly poller = new Poller(
    () => this.read(),
    () => this.pollInterval(),
  );

  constructor(
    private readonly client: CloutAgent,
    private readonly filter: ExecutionsFilter,
  ) {
    const { status } = filter;
    this.statuses = status === undefined ? undefined : [status].flat();
    void this.refresh();
    this.follow().catch(() => undefined);
  }

  get snapshot(): ExecutionsSnapshot {
    return this.current;
  }

  /** Calls `watcher` with every change. @returns a function that stops it */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** Reads the first page again. If a read is running, another one follows it. */
  refresh(): Promise<void> {
    return this.poller.pollNow();
  }

  async loadMore(): Promise<void> {
    const cursor = this.nextCursor;
    if (cursor === null || this.loadingMore) return;
    this.loadingMore = true;
    this.schedulePublish();
    try {
      const page = await this.list(cursor);
      this.nextCursor = page.nextCursor;
      this.pages += 1;
      this.merge(page.executions);
      this.error = undefined;
    } catch (error) {
      this.error = toClientError(error);
    }
    this.loadingMore = false;
    this.schedulePublish();
  }

  close(): void {
    this.closing.abort();
    this.poller.close();
    this.watchers.clear();
  }

  private async follow(): Promise<void> {
    const { projectId, tag, parentId, rootId = parentId } = this.filter;
    const { signal } = this.closing;
    // Without the status filter: the list also needs the events of executions that leave it.
    const events = this.client.executions.watch(rootId === undefined ? { projectId, tag } : { rootId }, {
      types: TYPES,
      from: 'now',
      signal,
      onState: (state) => this.onState(state),
    });
    for await (const event of events) this.receive(event);
  }

  private onState(state: ConnectionState): void {
    this.connection = state;
    // Read the list again: it has the events before the stream opened, and the stream has the events after that.
    if (state.status === 'open' || (state.status === 'closed' && state.reason === 'ended'))
      void this.refresh();
    else this.poller.reschedule();
    this.schedulePublish();
  }

  /**
   * Returns the polling interval in ms; null while the stream is open, because it delivers every change, and after the
   * stream of a tree that has ended.
   */
  private pollInterval(): number | null {
    const { connection } = this;
    if (connection.status === 'closed' && connection.reason === 'ended' && !this.error) return null;
    if (this.connection.status === 'closed') return POLL_MS;
    return this.connection.status === 'open' && !this.error ? null : RETRY_MS;
  }

  private receive(event: ExecutionEvent): void {
    const row = this.rows.get(event.executionId);
    if (row) {
      row.apply(event);
      // A step that ends next to an open wait makes the execution wait, and shows only in the progress.
      const isUncertain =
        event.type === 'execution:progress' ? row.hasWaits : UNCERTAIN_TYPES.includes(event.type);
      if (isUncertain) this.poller.pollSoon();
    } else if (STATUS_TYPES.includes(event.type)) this.poller.pollSoon();
    else return;
    this.schedulePublish();
  }

  private async read(): Promise<void> {
    try {
      const { executions, nextCursor } = await this.list();
      if (this.rows.size > MAX_ROWS) this.startOver();
      if (this.pages === 1) this.nextCursor = nextCursor;
      this.forgetMissing(executions, nextCursor);
      this.merge(executions);
      this.error = undefined;
    } catch (error) {
      if (this.closing.signal.aborted) return;
      this.error = toClientError(error);
    }
    this.loading = false;
    this.schedulePublish();
  }

  private list(cursor?: string): Promise<ExecutionPage> {
    const { signal } = this.closing;
    return this.client.executions.list({ limit: PAGE_SIZE, ...this.filter, cursor }, { signal });
  }

  private merge(executions: readonly ExecutionSummary[]): void {
    for (const execution of executions) {
      const row = this.rows.get(execution.id);
      if (row) row.refresh(execution);
      else this.rows.set(execution.id, new ExecutionRow(execution));
    }
  }

  /** Removes rows that belong on this first page but are not on it: they are no longer in the list. */
  private forgetMissing(page: readonly ExecutionSummary[], nextCursor: string | null): void {
    const listed = new Set(page.map(({ id }) => id));
    const last = page.at(-1);
    for (const [id, row] of this.rows) {
      // Rows of the same ms may come after the page: the server compares times to the microsecond.
      const covered = nextCursor === null || (last && row.view().createdAt > last.createdAt);
      if (covered && !listed.has(id)) this.rows.delete(id);
    }
  }

  private startOver(): void {
    this.rows.clear();
    this.pages = 1;
  }

  private schedulePublish(): void {
    if (!this.closing.signal.aborted) inNextFrame(this.publish);
  }

  private readonly publish = (): void => {
    const { loading, loadingMore, error, connection, statuses } = this;
    const executions = [...this.rows.values()]
      .map((row) => row.view())
      .filter(({ status }) => !statuses || statuses.includes(status))
      .sort(newestFirst);
    const hasMore = this.nextCursor !== null;
    this.current = { executions, loading, hasMore, loadingMore, error, connection };
    for (const watcher of this.watchers) watcher();
  };
}

/** Sorts by time and id, as the server does. */
const newestFirst = (a: ExecutionSummary, b: ExecutionSummary): number =>
  compare(b.createdAt, a.createdAt) || compare(b.id, a.id);

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
