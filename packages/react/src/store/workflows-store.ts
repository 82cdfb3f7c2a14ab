import type { CloutAgent, CloutAgentError } from '@cloutagent/client';
import { CloutAgentAdmin, type SavedWorkflowPage, type SavedWorkflowSummary } from '@cloutagent/client/admin';
import { toClientError } from './client-error.js';
import { inNextFrame } from './frames.js';
import { Poller } from './poller.js';
import { RefCounted } from './ref-counted.js';

export interface WorkflowsFilter {
  projectId?: string | undefined;
  tag?: string | undefined;
}

export interface WorkflowsSnapshot {
  /** Each with its newest version, in the order of the server. */
  readonly workflows: readonly SavedWorkflowSummary[];
  /** True until the first response. */
  readonly loading: boolean;
  readonly hasMore: boolean;
  readonly loadingMore: boolean;
  /** Why the last read failed. The list is read again. */
  readonly error: CloutAgentError | undefined;
}

export const NO_WORKFLOWS: WorkflowsSnapshot = Object.freeze({
  workflows: [],
  loading: true,
  hasMore: false,
  loadingMore: false,
  error: undefined,
} satisfies WorkflowsSnapshot);

const PAGE_SIZE = 50;
/** Pages that are read again at each interval. The workflows after them are shown only after `loadMore`. */
const MAX_PAGES = 10;
/** People save workflows, so the list changes rarely: ms between two reads. */
const POLL_MS = 30_000;

/** The saved workflows of the caller's projects. They are read again at intervals while the page is visible. */
export class WorkflowsStore {
  private readonly watchers = new Set<() => void>();
  private readonly closing = new AbortController();
  private readonly admin: CloutAgentAdmin;
  private current = NO_WORKFLOWS;
  private pages = 1;
  private readonly poller = new Poller(
    () => this.read(),
    () => POLL_MS,
  );

  constructor(
    client: CloutAgent,
    private readonly filter: WorkflowsFilter,
  ) {
    this.admin = new CloutAgentAdmin(client);
    void this.refresh();
  }

  get snapshot(): WorkflowsSnapshot {
    return this.current;
  }

  /** Calls `watcher` with every change. @returns a function that stops it */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** Reads the workflows again. If a read is running, another one follows it. */
  refresh(): Promise<void> {
    return this.poller.pollNow();
  }

  async loadMore(): Promise<void> {
    const { hasMore, loadingMore } = this.current;
    if (!hasMore || loadingMore) return;
    this.pages += 1;
    this.set({ loadingMore: true });
    await this.refresh();
    this.set({ loadingMore: false });
  }

  close(): void {
    this.closing.abort();
    this.poller.close();
    this.watchers.clear();
  }

  private async read(): Promise<void> {
    const { signal } = this.closing;
    try {
      const workflows: SavedWorkflowSummary[] = [];
      let cursor: string | null = null;
      for (let page = 0; page < this.pages; page += 1) {
        const query = { ...this.filter, limit: PAGE_SIZE, cursor: cursor ?? undefined };
        const read: SavedWorkflowPage = await this.admin.workflows.list(query, { signal });
        workflows.push(...read.workflows);
        cursor = read.nextCursor;
        if (cursor === null) break;
      }
      const hasMore = cursor !== null && this.pages < MAX_PAGES;
      this.set({ workflows, hasMore, loading: false, error: undefined });
    } catch (error) {
      this.set({ loading: false, error: toClientError(error) });
    }
  }

  private set(change: Partial<WorkflowsSnapshot>): void {
    if (this.closing.signal.aborted) return;
    this.current = { ...this.current, ...change };
    inNextFrame(this.notify);
  }

  private readonly notify = (): void => {
    for (const watcher of this.watchers) watcher();
  };
}

/** How long an unused store is kept, in ms. Long enough for a change of pages. */
const LINGER_MS = 250;
const known = new WeakMap<CloutAgent, RefCounted<WorkflowsStore>>();

/** Returns the stores of a client by `JSON.stringify` of the filter. They load `@cloutagent/client/admin`. */
export function workflowStoresOf(client: CloutAgent): RefCounted<WorkflowsStore> {
  let stores = known.get(client);
  if (!stores) {
    stores = new RefCounted(
      (filter) => new WorkflowsStore(client, JSON.parse(filter) as WorkflowsFilter),
      LINGER_MS,
    );
    known.set(client, stores);
  }
  return stores;
}
