import type { ConnectionState } from '@cloutagent/client';
import type { ExecutionEvent } from '@cloutagent/contract';
import type { EventFeed, FeedListener, ServerState } from './event-feed.js';
import { ExecutionModel } from './execution-model.js';
import { inNextFrame } from './frames.js';
import { EMPTY, type ExecutionSnapshot } from './snapshot.js';

/** The live state of one execution, for any number of components. It changes at most once a frame. */
export class ExecutionStore implements FeedListener {
  private readonly model = new ExecutionModel();
  private readonly watchers = new Set<() => void>();
  private readonly stopListening: () => void;
  private connection: ConnectionState = EMPTY.connection;
  private connectionSince = 0;
  private server: ServerState | undefined;
  private current: ExecutionSnapshot = EMPTY;

  constructor(
    feed: EventFeed,
    private readonly releaseFeed: () => void,
  ) {
    this.stopListening = feed.listen(this);
  }

  get snapshot(): ExecutionSnapshot {
    return this.current;
  }

  /** Returns how to stop watching. */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  onEvent(event: ExecutionEvent): void {
    if (this.model.apply(event)) inNextFrame(this.publish);
  }

  onState(state: ConnectionState): void {
    this.connection = state;
    this.connectionSince = Date.now();
    inNextFrame(this.publish);
  }

  onEstablished(server: ServerState): void {
    this.server = server;
    inNextFrame(this.publish);
  }

  close(): void {
    this.stopListening();
    this.releaseFeed();
    this.watchers.clear();
  }

  private readonly publish = (): void => {
    const { connection, connectionSince, server } = this;
    const view = this.model.view();
    const caughtUp = server !== undefined && view.lastSequence >= server.lastSequence;
    const clockOffset = server?.clockOffset ?? 0;
    this.current = { ...view, connection, connectionSince, clockOffset, caughtUp };
    for (const watcher of this.watchers) watcher();
  };
}
