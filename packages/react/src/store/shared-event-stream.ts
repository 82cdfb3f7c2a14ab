import type { CloutAgent, ConnectionState } from '@cloutagent/client';
import type { ExecutionEvent } from '@cloutagent/contract';
import { toClientError } from './client-error.js';
import { report } from './report.js';

/** State of the server when a connection opens. */
export interface ServerState {
  /** Server clock minus local clock, in ms. */
  clockOffset: number;
  /** Sequence of the last event that was recorded at that time. */
  lastSequence: number;
}

export interface EventStreamListener {
  /** Called with every event after `after`, once and in order. */
  onEvent(event: ExecutionEvent): void;
  onState?(state: ConnectionState): void;
  /** Called when a connection opens; a listener that is added later is called when it is added. */
  onEstablished?(server: ServerState): void;
  /** Delivers events after this sequence. Default 0, the beginning. */
  after?: number;
}

interface Entry {
  listener: EventStreamListener;
  position: number;
  /** Whether the listener has caught up and gets events directly from the connection. */
  live: boolean;
}

/** Events per request when a late listener catches up. */
const PAGE_SIZE = 1_000;
const RETRY_BASE_MS = 500;
const RETRY_MAX_MS = 15_000;

/**
 * One connection that all listeners of an execution in this page share. A listener that is added later first reads the
 * earlier events from the journal, page by page, and then gets events from the connection.
 */
export class SharedEventStream {
  private readonly entries = new Set<Entry>();
  private readonly closing = new AbortController();
  private connecting: AbortController | undefined;
  private state: ConnectionState = { status: 'idle' };
  private server: ServerState | undefined;
  private position = 0;

  constructor(
    private readonly client: CloutAgent,
    private readonly executionId: string,
  ) {}

  /** Adds a listener. @returns a function that removes it */
  listen(listener: EventStreamListener): () => void {
    const entry: Entry = { listener, position: listener.after ?? 0, live: false };
    this.entries.add(entry);
    if (this.state.status === 'idle') this.connect();
    else this.notifyState(entry);
    void this.catchUp(entry);
    return () => this.entries.delete(entry);
  }

  /** Reconnects now: ends a wait, or retries after a refusal. */
  reconnect(): void {
    const ended = this.state.status === 'closed' && this.state.reason === 'ended';
    if (this.closing.signal.aborted || ended) return;
    this.connecting?.abort();
    this.connect();
  }

  close(): void {
    this.entries.clear();
    this.closing.abort();
    this.connecting?.abort();
  }

  private connect(): void {
    const connecting = new AbortController();
    this.connecting = connecting;
    this.enter({ status: 'connecting', attempt: 1 });
    this.follow(connecting.signal).catch((error: unknown) => {
      if (connecting.signal.aborted) return;
      this.enter({ status: 'closed', reason: 'refused', error: toClientError(error) });
    });
  }

  private async follow(signal: AbortSignal): Promise<void> {
    const stream = this.client.executions.stream(this.executionId, {
      lastEventId: this.position,
      signal,
      onState: (state) => {
        if (!signal.aborted) this.enter(state);
      },
      onEstablished: ({ timestamp, lastSequence }) => {
        const clockOffset = Date.parse(timestamp) - Date.now();
        this.establish({ clockOffset: Number.isNaN(clockOffset) ? 0 : clockOffset, lastSequence });
      },
    });
    for await (const event of stream) {
      if (signal.aborted) return;
      this.position = event.sequence;
      for (const entry of this.entries) if (entry.live) deliver(entry, event);
    }
  }

  /**
   * Reads events from the journal until the listener has reached the connection's position. Checking the position and
   * setting `live` happen in one synchronous step, so no event is missed in between.
   */
  private async catchUp(entry: Entry): Promise<void> {
    const { signal } = this.closing;
    for (let failures = 0; this.entries.has(entry);) {
      if (entry.position >= this.position) {
        entry.live = true;
        return;
      }
      try {
        const query = { after: entry.position, limit: PAGE_SIZE };
        const { events } = await this.client.executions.events(this.executionId, query, { signal });
        failures = 0;
        for (const event of events) if (this.entries.has(entry)) deliver(entry, event);
      } catch {
        // The connection's state already shows the problem.
        failures += 1;
        await delay(Math.min(RETRY_BASE_MS * 2 ** failures, RETRY_MAX_MS) * Math.random(), signal);
      }
    }
  }

  private enter(state: ConnectionState): void {
    this.state = state;
    for (const { listener } of this.entries) guard(() => listener.onState?.(state));
  }

  private establish(server: ServerState): void {
    this.server = server;
    for (const { listener } of this.entries) guard(() => listener.onEstablished?.(server));
  }

  /** Calls a new listener with the current state. */
  private notifyState({ listener }: Entry): void {
    guard(() => listener.onState?.(this.state));
    const { server } = this;
    if (server) guard(() => listener.onEstablished?.(server));
  }
}

function deliver(entry: Entry, event: ExecutionEvent): void {
  if (event.sequence <= entry.position) return;
  entry.position = event.sequence;
  guard(() => entry.listener.onEvent(event));
}

/** Calls a listener. An error that it throws is reported and does not affect the other listeners. */
function guard(call: () => void): void {
  try {
    call();
  } catch (error) {
    report(error);
  }
}

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
