import type { CloutAgent, ConnectionState } from '@cloutagent/client';
import type { ExecutionEvent } from '@cloutagent/contract';
import { toClientError } from './client-error.js';
import { report } from './report.js';

/** What the server says when a connection is made. */
export interface ServerState {
  /** What to add to this machine's clock to get the server's, in ms. */
  clockOffset: number;
  /** Where the journal stood. */
  lastSequence: number;
}

export interface FeedListener {
  /** Every event behind `after`, once and in order. */
  onEvent(event: ExecutionEvent): void;
  onState?(state: ConnectionState): void;
  /** Called when a connection is made, and for a listener that comes later. */
  onEstablished?(server: ServerState): void;
  /** Sequence after which to begin; default 0, the beginning. */
  after?: number;
}

interface Entry {
  listener: FeedListener;
  position: number;
  /** Whether it has all that this connection has brought. */
  live: boolean;
}

/** Events asked for at once by a listener that came late. */
const PAGE = 1_000;
const RETRY_MS = 500;
const RETRY_MOST_MS = 15_000;

/**
 * The one connection for everybody in this page who watches an execution. Whoever comes late reads what was before
 * from the journal, and then goes on with the rest.
 */
export class EventFeed {
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

  /** Returns how to stop listening. */
  listen(listener: FeedListener): () => void {
    const entry: Entry = { listener, position: listener.after ?? 0, live: false };
    this.entries.add(entry);
    if (this.state.status === 'idle') this.connect();
    else this.tell(entry);
    void this.catchUp(entry);
    return () => this.entries.delete(entry);
  }

  /** Tries again now: in place of a wait, or after a refusal. */
  reconnect(): void {
    const over = this.state.status === 'closed' && this.state.reason === 'ended';
    if (this.closing.signal.aborted || over) return;
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

  /** Brings a listener to where the connection is. The last look and going live are one step, so nothing falls between. */
  private async catchUp(entry: Entry): Promise<void> {
    const { signal } = this.closing;
    for (let failures = 0; this.entries.has(entry);) {
      if (entry.position >= this.position) {
        entry.live = true;
        return;
      }
      try {
        const query = { after: entry.position, limit: PAGE };
        const { events } = await this.client.executions.events(this.executionId, query, { signal });
        failures = 0;
        for (const event of events) if (this.entries.has(entry)) deliver(entry, event);
      } catch {
        // What is wrong with the server is told by the connection's state.
        failures += 1;
        await pause(Math.min(RETRY_MS * 2 ** failures, RETRY_MOST_MS) * Math.random(), signal);
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

  private tell({ listener }: Entry): void {
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

/** A listener that throws takes nothing from the others. */
function guard(call: () => void): void {
  try {
    call();
  } catch (error) {
    report(error);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
