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
import { Refresher } from './refresher.js';

export interface ExecutionsFilter {
  projectId?: string | undefined;
  /** One status or several; all by default. */
  status?: ExecutionStatus | readonly ExecutionStatus[] | undefined;
  tag?: string | undefined;
  /** Executions a page, 1 … 100; default 50. */
  limit?: number | undefined;
}

export interface ExecutionsSnapshot {
  /** Newest first, each up to date with its events. */
  readonly executions: readonly ExecutionSummary[];
  /** Before the first answer. */
  readonly loading: boolean;
  readonly hasMore: boolean;
  readonly loadingMore: boolean;
  /** Why the list could not be read just now; it is tried again. */
  readonly error: CloutAgentError | undefined;
  /** The live connection. While it is not open the list is polled: every 15 s, or every 5 s when it is refused. */
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

/** After these an execution may belong to a list that it was not in. */
const STATUS_TYPES: readonly EventType[] = [
  'execution:started',
  'execution:paused',
  'execution:resumed',
  'execution:completed',
  'execution:failed',
  'execution:cancelled',
];
/** What changes a line of a list. Steps do not, and their events have outputs, which may be large. */
const TYPES: readonly EventType[] = [
  ...STATUS_TYPES,
  'execution:progress',
  'execution:token-usage',
  'execution:cost-update',
];

const PAGE = 50;
/** Pace of polling while the connection comes back, or after a reading that failed. */
const RETRY_MS = 15_000;
/** Pace of polling while there will be no connection. */
const POLL_MS = 5_000;
/** Past so many lines it begins again with the first page. */
const MOST_ROWS = 2_000;

/** A list of executions that stays up to date: read once, then followed by the stream of many executions. */
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
  private readonly refresher = new Refresher(
    () => this.read(),
    () => this.pace(),
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

  /** Returns how to stop watching. */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** Reads the first page again, or once more after a reading that is under way. */
  refresh(): Promise<void> {
    return this.refresher.now();
  }

  async loadMore(): Promise<void> {
    const cursor = this.nextCursor;
    if (cursor === null || this.loadingMore) return;
    this.loadingMore = true;
    this.changed();
    try {
      const page = await this.list(cursor);
      this.nextCursor = page.nextCursor;
      this.pages += 1;
      this.take(page.executions);
      this.error = undefined;
    } catch (error) {
      this.error = toClientError(error);
    }
    this.loadingMore = false;
    this.changed();
  }

  close(): void {
    this.closing.abort();
    this.refresher.close();
    this.watchers.clear();
  }

  private async follow(): Promise<void> {
    const { projectId, tag } = this.filter;
    const { signal } = this.closing;
    // Every status: an execution tells how it leaves the list as well as how it comes into it.
    const events = this.client.executions.watch(
      { projectId, tag },
      { types: TYPES, from: 'now', signal, onState: (state) => this.onState(state) },
    );
    for await (const event of events) this.receive(event);
  }

  private onState(state: ConnectionState): void {
    this.connection = state;
    // What happened before the stream stood is in the list, what comes after it is in the stream.
    if (state.status === 'open') void this.refresh();
    else this.refresher.wait();
    this.changed();
  }

  /** An open stream says all that changes, so nothing is polled beside it. */
  private pace(): number | null {
    if (this.connection.status === 'closed') return POLL_MS;
    return this.connection.status === 'open' && !this.error ? null : RETRY_MS;
  }

  private receive(event: ExecutionEvent): void {
    const row = this.rows.get(event.executionId);
    if (row) row.apply(event);
    else if (STATUS_TYPES.includes(event.type)) this.refresher.soon();
    else return;
    this.changed();
  }

  private async read(): Promise<void> {
    try {
      const { executions, nextCursor } = await this.list();
      if (this.rows.size > MOST_ROWS) this.startOver();
      if (this.pages === 1) this.nextCursor = nextCursor;
      this.forgetMissing(executions, nextCursor);
      this.take(executions);
      this.error = undefined;
    } catch (error) {
      if (this.closing.signal.aborted) return;
      this.error = toClientError(error);
    }
    this.loading = false;
    this.changed();
  }

  private list(cursor?: string): Promise<ExecutionPage> {
    const { signal } = this.closing;
    return this.client.executions.list({ limit: PAGE, ...this.filter, cursor }, { signal });
  }

  private take(executions: readonly ExecutionSummary[]): void {
    for (const execution of executions) {
      const row = this.rows.get(execution.id);
      if (row) row.refresh(execution);
      else this.rows.set(execution.id, new ExecutionRow(execution));
    }
  }

  /** Whatever would have to be on this first page and isn't is no longer in the list. */
  private forgetMissing(page: readonly ExecutionSummary[], nextCursor: string | null): void {
    const listed = new Set(page.map(({ id }) => id));
    const last = page.at(-1);
    for (const [id, row] of this.rows) {
      const covered = nextCursor === null || (last && newestFirst(row.view(), last) <= 0);
      if (covered && !listed.has(id)) this.rows.delete(id);
    }
  }

  private startOver(): void {
    this.rows.clear();
    this.pages = 1;
  }

  private changed(): void {
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

/** Ids are UUIDs of version 7, which sort by time; the server sorts by them too. */
const newestFirst = (a: ExecutionSummary, b: ExecutionSummary): number =>
  a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
