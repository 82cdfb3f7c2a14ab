import type { CloutAgent, EventType, ExecutionEvent } from '@cloutagent/client';
import { addUsage, NO_HISTORY, type UsageHistory } from '../charts/usage-history.js';
import { EventWindow } from './event-window.js';

/** Number of older events per request. */
const PAGE_SIZE = 500;
/** Number of latest events that are kept. */
const MAX_LIVE_EVENTS = 5_000;
/** Number of events that are kept after older events were loaded. */
const MAX_EVENTS = 30_000;
/** Pending events that are applied without an animation frame, because a hidden page gets no frames. */
const MAX_PENDING = 1_000;
const MAX_CHARACTERS = 30_000_000;

export interface LogState {
  events: readonly ExecutionEvent[];
  /** Number of events before the first one in `events`. */
  older: number;
  /** Whether the page cannot hold more events. */
  full: boolean;
  loading: boolean;
  error: Error | null;
  /** Includes every event that was received, also events that are no longer in `events`. */
  history: UsageHistory;
}

/**
 * The recorded events of one execution: the latest ones as they arrive, and older ones on request. Notifies its
 * listeners at most once per animation frame.
 */
export class EventLog {
  private readonly window = new EventWindow(MAX_LIVE_EVENTS, MAX_EVENTS, MAX_CHARACTERS);
  private readonly listeners = new Set<() => void>();
  private stop = new AbortController();
  private pending: ExecutionEvent[] = [];
  private frame: number | undefined;
  private history = NO_HISTORY;
  private loading = false;
  private error: Error | null = null;
  private state: LogState = {
    events: [],
    older: 0,
    full: false,
    loading: false,
    error: null,
    history: NO_HISTORY,
  };

  constructor(
    private readonly api: CloutAgent,
    private readonly executionId: string,
  ) {}

  readonly getState = (): LogState => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly add = (event: ExecutionEvent): void => {
    this.pending.push(event);
    if (this.pending.length >= MAX_PENDING) this.flush();
    else this.frame ??= requestAnimationFrame(() => this.flush());
  };

  /** Aborts running requests and drops the scheduled update. The log can be used again after that. */
  close(): void {
    this.stop.abort();
    this.stop = new AbortController();
    if (this.frame !== undefined) cancelAnimationFrame(this.frame);
    this.frame = undefined;
  }

  /** Loads older events. With `types` it continues until it has found one of these types or has reached the beginning. */
  async loadOlder(types?: readonly EventType[]): Promise<void> {
    const { signal } = this.stop;
    if (this.loading || this.window.isFull || this.olderCount() === 0) return;
    this.loading = true;
    this.publish();
    try {
      for (let found = false; !found && this.olderCount() > 0 && !this.window.isFull;) {
        const after = Math.max(0, this.olderCount() - PAGE_SIZE);
        const limit = this.olderCount() - after;
        const { events } = await this.api.executions.events(this.executionId, { after, limit }, { signal });
        if (events.length === 0) break;
        this.window.prepend(events);
        found = !types || events.some(({ type }) => types.includes(type));
        this.publish();
      }
      this.error = null;
    } catch (error) {
      if (!signal.aborted) this.error = error as Error;
    }
    this.loading = false;
    this.publish();
  }

  /** Reads one event from the server. @returns undefined if it does not exist */
  async find(sequence: number, signal: AbortSignal): Promise<ExecutionEvent | undefined> {
    const query = { after: sequence - 1, limit: 1 };
    const { events } = await this.api.executions.events(this.executionId, query, { signal });
    return events.find((event) => event.sequence === sequence);
  }

  private flush(): void {
    if (this.frame !== undefined) cancelAnimationFrame(this.frame);
    this.frame = undefined;
    this.window.append(this.pending);
    this.history = addUsage(this.history, this.pending);
    this.pending = [];
    this.publish();
  }

  private olderCount(): number {
    return (this.window.first ?? 1) - 1;
  }

  private publish(): void {
    this.state = {
      events: this.window.events,
      older: this.olderCount(),
      full: this.window.isFull,
      loading: this.loading,
      error: this.error,
      history: this.history,
    };
    for (const listener of this.listeners) listener();
  }
}
