import type { CloutAgent, CloutAgentError, ConnectionState } from '@cloutagent/client';
import type { EventType, ExecutionEventOf, Wait, WaitKind } from '@cloutagent/contract';
import { toClientError } from './client-error.js';
import { inNextFrame } from './frames.js';
import { Poller } from './poller.js';

export interface WaitsFilter {
  projectId?: string | undefined;
  /** One kind or several. Default: those that a person or another system ends. */
  kind?: WaitKind | readonly WaitKind[] | undefined;
  /** Only waits that this principal may answer. */
  assignee?: string | undefined;
  executionId?: string | undefined;
}

export interface WaitsSnapshot {
  /** In the order of the server. */
  readonly waits: readonly Wait[];
  /** True until the first response. */
  readonly loading: boolean;
  readonly hasMore: boolean;
  readonly loadingMore: boolean;
  /** Why the last read failed. The waits are read again. */
  readonly error: CloutAgentError | undefined;
  readonly connection: ConnectionState;
}

export const NO_WAITS: WaitsSnapshot = Object.freeze({
  waits: [],
  loading: true,
  hasMore: false,
  loadingMore: false,
  error: undefined,
  connection: { status: 'idle' },
} satisfies WaitsSnapshot);

const PAGE_SIZE = 50;
/** Pages that are read again with each change. The waits after them are shown only after `loadMore`. */
const MAX_PAGES = 10;
/** The stream has no events of child executions, so their waits are found by polling at this interval, in ms. */
const POLL_MS = 10_000;
/** Events after which the list of open waits may be another one. */
const TYPES = [
  'execution:waiting',
  'execution:wait-ended',
  'execution:completed',
  'execution:failed',
  'execution:cancelled',
] as const satisfies EventType[];
/** The kinds that the server lists by default. */
const DEFAULT_KINDS = ['approval', 'signal', 'tool', 'failure'] as const satisfies WaitKind[];

/** The open waits of the caller's projects, kept up to date: they are read again when the stream reports a change. */
export class WaitsStore {
  private readonly watchers = new Set<() => void>();
  private readonly closing = new AbortController();
  private current = NO_WAITS;
  private waits: readonly Wait[] = [];
  private connection: ConnectionState = { status: 'idle' };
  private nextCursor: string | null = null;
  private pages = 1;
  private loading = true;
  private loadingMore = false;
  private reading = false;
  private error: CloutAgentError | undefined;
  private readonly kinds: readonly WaitKind[];
  private readonly poller = new Poller(
    () => this.read(),
    () => POLL_MS,
  );

  constructor(
    private readonly client: CloutAgent,
    private readonly filter: WaitsFilter,
  ) {
    this.kinds = filter.kind === undefined ? DEFAULT_KINDS : [filter.kind].flat();
    void this.refresh();
    this.follow().catch(() => undefined);
  }

  get snapshot(): WaitsSnapshot {
    return this.current;
  }

  /** Calls `watcher` with every change. @returns a function that stops it */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** Reads the waits again. If a read is running, another one follows it. */
  refresh(): Promise<void> {
    return this.poller.pollNow();
  }

  async loadMore(): Promise<void> {
    if (this.nextCursor === null || this.loadingMore || this.pages >= MAX_PAGES) return;
    this.loadingMore = true;
    this.pages += 1;
    this.schedulePublish();
    await this.refresh();
    this.loadingMore = false;
    this.schedulePublish();
  }

  close(): void {
    this.closing.abort();
    this.poller.close();
    this.watchers.clear();
  }

  private async follow(): Promise<void> {
    const { projectId, executionId } = this.filter;
    const { signal } = this.closing;
    const events = this.client.executions.watch(
      executionId === undefined ? { projectId } : { executionIds: [executionId] },
      { types: TYPES, from: 'now', signal, onState: (state) => this.onState(state) },
    );
    for await (const event of events) if (this.concerns(event)) this.poller.pollSoon();
  }

  /** Whether an event may add a wait to the list or remove one. Most executions of a busy server wait for nothing. */
  private concerns(event: ExecutionEventOf<(typeof TYPES)[number]>): boolean {
    // The response that is on its way may be older than this event.
    if (this.reading) return true;
    if (event.type === 'execution:waiting') return this.kinds.includes(event.kind);
    if (event.type === 'execution:wait-ended')
      return this.waits.some(({ waitId }) => waitId === event.waitId);
    return this.waits.some(({ executionId }) => executionId === event.executionId);
  }

  private onState(state: ConnectionState): void {
    this.connection = state;
    // Read again: the list has the changes before the stream opened, and the stream has those after that.
    if (state.status === 'open') void this.refresh();
    this.schedulePublish();
  }

  private async read(): Promise<void> {
    const { signal } = this.closing;
    this.reading = true;
    try {
      const waits = new Map<string, Wait>();
      let cursor: string | null = null;
      for (let page = 0; page < this.pages; page += 1) {
        const query = { ...this.filter, limit: PAGE_SIZE, cursor: cursor ?? undefined };
        const read: Awaited<ReturnType<CloutAgent['waits']['list']>> = await this.client.waits.list(query, {
          signal,
        });
        for (const wait of read.waits) waits.set(wait.waitId, wait);
        cursor = read.nextCursor;
        if (cursor === null) break;
      }
      this.keep([...waits.values()]);
      this.nextCursor = cursor;
      this.error = undefined;
    } catch (error) {
      if (signal.aborted) return;
      this.error = toClientError(error);
    } finally {
      this.reading = false;
    }
    this.loading = false;
    this.schedulePublish();
  }

  /** Keeps the object of a wait that is already here, so that its form does not render again. A wait never changes. */
  private keep(waits: readonly Wait[]): void {
    const known = new Map(this.waits.map((wait) => [wait.waitId, wait]));
    this.waits = waits.map((wait) => known.get(wait.waitId) ?? wait);
  }

  private schedulePublish(): void {
    if (!this.closing.signal.aborted) inNextFrame(this.publish);
  }

  private readonly publish = (): void => {
    const { waits, loading, loadingMore, error, connection } = this;
    const hasMore = this.nextCursor !== null && this.pages < MAX_PAGES;
    this.current = { waits, loading, hasMore, loadingMore, error, connection };
    for (const watcher of this.watchers) watcher();
  };
}
