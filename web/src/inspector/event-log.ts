import type { CloutAgent, EventType, ExecutionEvent } from '@cloutagent/client';
import { addUsage, NO_HISTORY, type UsageHistory } from '../charts/usage-history.js';
import { EventWindow } from './event-window.js';

/** How many older ones are loaded at a time. */
const PAGE = 500;
/** Held while they come; older ones that are asked for come on top of it. */
const KEPT_EVENTS = 5_000;
const MOST_EVENTS = 30_000;
/** A page that is not looked at gets no frames; what came is not held back longer than this. */
const MOST_ARRIVED = 1_000;
const MOST_CHARACTERS = 30_000_000;

export interface LogState {
  events: readonly ExecutionEvent[];
  /** Events before the first one shown. */
  older: number;
  /** No more than this fits in the page. */
  full: boolean;
  loading: boolean;
  error: Error | null;
  /** Of every event that came, also of those that are no longer held. */
  history: UsageHistory;
}

/**
 * The raw events of one execution: the latest as they come, older ones when asked for. Tells its listeners
 * at most once a frame, however fast events come.
 */
export class EventLog {
  private readonly window = new EventWindow(KEPT_EVENTS, MOST_EVENTS, MOST_CHARACTERS);
  private readonly listeners = new Set<() => void>();
  private stop = new AbortController();
  private arrived: ExecutionEvent[] = [];
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
    this.arrived.push(event);
    if (this.arrived.length >= MOST_ARRIVED) this.take();
    else this.frame ??= requestAnimationFrame(() => this.take());
  };

  /** Ends what is under way. It can be used again. */
  close(): void {
    this.stop.abort();
    this.stop = new AbortController();
    if (this.frame !== undefined) cancelAnimationFrame(this.frame);
    this.frame = undefined;
  }

  /** Loads older events; with `types` goes on until it has found some of these, or the beginning. */
  async loadOlder(types?: readonly EventType[]): Promise<void> {
    const { signal } = this.stop;
    if (this.loading || this.window.isFull || this.before() === 0) return;
    this.loading = true;
    this.publish();
    try {
      for (let found = false; !found && this.before() > 0 && !this.window.isFull;) {
        const after = Math.max(0, this.before() - PAGE);
        const limit = this.before() - after;
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

  /** An event that is not held. @returns undefined when there is none */
  async find(sequence: number, signal: AbortSignal): Promise<ExecutionEvent | undefined> {
    const query = { after: sequence - 1, limit: 1 };
    const { events } = await this.api.executions.events(this.executionId, query, { signal });
    return events.find((event) => event.sequence === sequence);
  }

  private take(): void {
    if (this.frame !== undefined) cancelAnimationFrame(this.frame);
    this.frame = undefined;
    this.window.append(this.arrived);
    this.history = addUsage(this.history, this.arrived);
    this.arrived = [];
    this.publish();
  }

  private before(): number {
    return (this.window.first ?? 1) - 1;
  }

  private publish(): void {
    this.state = {
      events: this.window.events,
      older: this.before(),
      full: this.window.isFull,
      loading: this.loading,
      error: this.error,
      history: this.history,
    };
    for (const listener of this.listeners) listener();
  }
}
